/* realtime.h: the hub behind /realtime: clients on WebSockets and on streams of server-sent
 * events, their subscriptions, fan-out of events, recovery of missed ones. Knows messages, channels
 * and the event stream; must not know HTTP routes, tokens or sockets: those come in as a transport
 * and as hooks. Protocol: RFC 6455 framing, messages as in docs of /realtime (contract: Media Vault
 * section 12).
 */
#pragma once

#include "realtime/hooks.h"
#include "state/event.h"
#include "state/position.h"
#include "state/progress.h"

struct realtime;

struct realtime *realtime_new(struct state *state, const struct realtime_hooks *hooks,
                              const struct realtime_limits *limits);
void realtime_free(struct realtime *hub);

/* From the stream's reader, on the loop's thread. */
void realtime_publish(struct realtime *hub, const struct event *event);
void realtime_forked(struct realtime *hub, unsigned partition, const struct head *head);
void realtime_canary(struct realtime *hub, uint64_t written_ms);
/* Latest progress of a job; volatile, no history (channel job_progress). */
void realtime_progress(struct realtime *hub, const struct progress *progress);

/* SIGTERM: every client gets close 4200 with a reconnect slot of its own in the window. */
void realtime_drain(struct realtime *hub, uint64_t window_ms);
/* No token holds any more: whoever came with one gets close 4001, and comes again with another. */
void realtime_end_tokens(struct realtime *hub);
uint64_t realtime_canary_age_ms(const struct realtime *hub); /* UINT64_MAX: none yet */
/* Where the hub stands now, as text in the arena; empty: it does not know yet. */
struct slice realtime_position(struct realtime *hub, struct arena *arena);
/* Was `since` told by this hub: is each of its epochs that of the history now, or that of `told`?
 * Whoever was never told a position cannot name one. */
bool realtime_has_told(struct realtime *hub, struct arena *arena, struct slice told,
                       struct slice since);
