/* realtime.h: the hub behind /realtime: WebSocket clients, their subscriptions, fan-out of events,
 * recovery of missed ones. Knows frames, channels and the event stream; must not know HTTP routes,
 * tokens or sockets: those come in as a transport and as hooks.
 * Protocol: RFC 6455 framing, messages as in docs of /realtime (contract: Media Vault section 12).
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/task.h"
#include "realtime/transport.h"
#include "state/event.h"
#include "state/position.h"
#include "state/principal.h"
#include "state/state.h"

struct realtime;
struct client;

struct realtime_hooks {
    void *arg;
    /* Verifies a bearer token or API key; suspends. The principal lives in the task's arena. */
    enum err (*authenticate)(void *arg, struct task *task, struct slice token,
                             struct principal *out);
    /* May this principal hear of this resource? Suspends. ERR_NOT_FOUND also for "may not". */
    enum err (*may_see)(void *arg, struct task *task, const struct principal *principal,
                        struct slice channel, struct slice resource_id);
    /* Where the stream's reader stands; false while it does not know yet. */
    bool (*head)(void *arg, unsigned partition, struct head *out);
};

struct realtime_limits {
    size_t queue_bytes;        /* per client, past it the channel's policy decides: 64 KiB */
    unsigned messages_per_s;   /* 20 */
    unsigned subscriptions;    /* 100 per client */
    unsigned sockets_per_user; /* 20 */
    size_t ring_events;        /* recent events kept in memory per partition: 10,000 */
};

struct realtime *realtime_new(struct state *state, const struct realtime_hooks *hooks,
                              const struct realtime_limits *limits);
void realtime_free(struct realtime *hub);

/* From the stream's reader, on the loop's thread. */
void realtime_publish(struct realtime *hub, const struct event *event);
void realtime_forked(struct realtime *hub, unsigned partition, const struct head *head);
void realtime_canary(struct realtime *hub, uint64_t written_ms);
/* Latest progress of a running job; volatile, no history (channel job_progress). */
void realtime_progress(struct realtime *hub, struct slice media_id, struct slice owner,
                       struct slice kind, unsigned percent);

/* The handshake (RFC 6455 section 4.2): the 101 answer for a valid request, built from its headers;
 * ERR_* with the status to answer otherwise. */
enum err websocket_accept(struct arena *arena, struct slice key, struct slice version,
                          struct slice offered_protocols, struct slice *answer);

/* A connection that has answered 101. already: who the credentials given at the upgrade were found
 * to belong to; NULL: none were given; kind PRINCIPAL_NONE: they are not valid, which closes with
 * 4001. The client may be used until client_gone(), which is the end of it for the caller. */
struct client *client_open(struct realtime *hub, const struct transport *transport,
                           void *connection, const struct principal *already);
void client_bytes(struct client *client, struct slice bytes);
void client_writable(struct client *client);
void client_gone(struct client *client);

/* SIGTERM: every client gets close 4200 with a reconnect slot of its own in the window. */
void realtime_drain(struct realtime *hub, uint64_t window_ms);
/* No token holds any more: whoever came with one gets close 4001, and comes again with another. */
void realtime_end_tokens(struct realtime *hub);
uint64_t realtime_canary_age_ms(const struct realtime *hub);        /* UINT64_MAX: none yet */
void realtime_metrics(const struct realtime *hub, struct buf *out); /* Prometheus text */
