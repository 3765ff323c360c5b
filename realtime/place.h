/* place.h: one more socket of a user who has as many as are allowed: dead ones give way to it. All
 * are pinged, and where no answer comes within PLACE_PROBE_MS nobody is there any more. */
#pragma once

#include "realtime/client.h"

enum { PLACE_PROBE_MS = 3000 };

/* Is there a place for this user's next socket? Suspends, for PLACE_PROBE_MS at most for each that
 * has to give way. False: all are alive, or the client has left. */
bool place_await(struct task *task, struct client *client, struct slice user_id);
