/* client_admit.h: a client becomes somebody's. */
#pragma once

#include "realtime/client.h"

/* The credentials hold: notes who it is, arms the token's end and says so. answered: see
 * message_auth_ok(). When the user has too many sockets, dead ones give way (place.h), or the
 * client is closed. Suspends. */
void client_admit(struct task *task, struct client *client, const struct principal *principal,
                  const struct command *answered);
