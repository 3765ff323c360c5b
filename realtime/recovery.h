/* recovery.h: replay of what a client has missed since a position: in full, or not at all. */
#pragma once

#include "realtime/client.h"
#include "realtime/subscription.h"

/* Can everything after `since` be replayed? Reads what memory does not hold from the state, once
 * for all clients; suspends. On true nothing was awaited since the last look, so the caller can
 * subscribe and replay without a race against live events. */
bool recovery_reach(struct task *task, struct client *client, const struct position *since);

/* Sends what matches the subscription and was not delivered for another one of the client, in
 * order, then what came meanwhile. NULL: what matches any, for a client that has had nothing yet.
 * Live events wait until it is through; a slow client is waited for (suspends). */
void recovery_replay(struct task *task, struct client *client, struct subscription *subscription,
                     const struct position *since);
