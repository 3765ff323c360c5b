/* serving.h: the bytes of one client become messages, and the fiber that works them off one after
 * the other: `subscribe` sent behind `auth` is held until the credentials are known. When more come
 * than the rate allows they wait, and with a full inbox the socket is not read: a client that comes
 * back with a hundred subscriptions is served slower, never refused. */
#pragma once

#include "realtime/client.h"

/* Decodes what has come; what does not fit in is kept undecoded and reading stops. */
void serving_take(struct client *client, struct slice bytes);
/* Starts the fiber, if there is anything to do and none works already. */
void serving_start(struct client *client);
