/* stream.h: clients that only listen: a stream of server-sent events is told in its request what a
 * WebSocket hears in `subscribe` commands. One position stands for all of its subscriptions, so all
 * of them begin before the first event, and what was missed is replayed for all together. */
#pragma once

#include "realtime/client.h"

/* Before the stream begins: is each of these places one that the principal may listen to? ERR_* and
 * a sentence in *detail; suspends. */
enum err stream_check(struct task *task, struct realtime *hub, const struct principal *principal,
                      const struct command *places, size_t n, struct slice *detail);

/* For a client that is somebody's: subscribes to all, says so, and replays. Where that cannot be,
 * a `gap` says it besides `recovered`. Suspends. */
void stream_begin(struct task *task, struct client *client, const struct command *places, size_t n);
