/* gap.h: a client learns what was left out for it. */
#pragma once

#include "realtime/client.h"

/* To all its channels that have a history. */
void gap_send_all(struct client *client, struct slice reason);
/* The queue was full and is empty now: says what was left out, or sends the latest of it. */
void gap_make_up(struct client *client);
