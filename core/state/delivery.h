/* delivery.h: messages on their way to endpoints of webhooks. Every step is one atomic function of
 * core/state/webhooks.lua in the event's partition, so that a process may die between any two:
 *   accept   events behind the cursor become messages and deliveries, and the cursor moves on, in
 *            one go: exactly once by offset, whoever else accepts too
 *   claim    ready deliveries are taken under a lease, which is a fence: only its holder can finish
 *   finish   delivered, dead, to be tried again, or given back
 *   tick     what is due becomes ready; what a dead holder had leased goes back to the head
 * A delivery is named by its endpoint and its event. Messages and deliveries are kept for the
 * retention given at acceptance; past it they are gone, whatever their state.
 * Times are Unix ms. All functions suspend; ERR_STATE_UNAVAILABLE: the outcome is unknown, ask
 * again (accept, finish and cancel repeat harmlessly; what a lost claim took comes back by tick).
 */
#pragma once

#include "base/config.h"
#include "records.h"
#include "state/position.h"

enum {
    DELIVERY_LEASE_MS = 20000, /* longer than an attempt can take */
    DELIVERY_BATCH_MAX = 64,   /* items per claim or finish */
    DELIVERY_ATTEMPTS_KEPT = 16,
};

/* The accept cursor; made when there is none: at the beginning of the history if that is still
 * there, else at its head. lost (or NULL): a cursor that the history does not have (any more); it
 * moves to the head unless somebody has moved it meanwhile. ERR_NOT_FOUND: there is no history. */
enum err delivery_cursor_open(struct task *task, struct state *state, unsigned partition,
                              const struct head *lost, struct head *out);

/* One event to accept and who shall hear it. */
struct acceptance {
    struct slice event_id, type, body, owner;
    const struct slice *endpoints;
    size_t n;
};

struct delivery_bounds {
    uint64_t retention_s; /* how long messages and deliveries are kept */
    uint64_t pending_max; /* of an endpoint, in one partition */
};

/* The settings webhooks.retention and webhooks.pending_max. */
struct delivery_bounds delivery_bounds_from(const struct config *config);

/* Moves the cursor over the items, which follow it without a hole. A delivery for which its
 * endpoint has no room is listed as dead, "backlog_full", and can be asked for again. *full: the
 * endpoints that have such and whose owner was not told yet, by delivery_full_told(). ERR_CONFLICT:
 * somebody else has moved the cursor to *from_now, and nothing was done. */
enum err delivery_accept(struct task *task, struct state *state, unsigned partition,
                         const struct head *from, const struct head *to,
                         const struct acceptance *items, size_t n, uint64_t now_ms,
                         const struct delivery_bounds *bounds, struct slice **full, size_t *full_n,
                         struct head *from_now);

/* Until half of the backlog is gone, delivery_accept() does not name this endpoint again. */
enum err delivery_full_told(struct task *task, struct state *state, unsigned partition,
                            struct slice endpoint);

struct claim_want {
    struct slice endpoint;
    unsigned wanted;
};

struct claimed {
    struct slice endpoint, event_id, type, body;
    uint64_t attempts; /* made so far */
};

/* fence: unique to this call. At most as many as are wanted of each; fewer mean that no more are
 * ready there. */
enum err delivery_claim(struct task *task, struct state *state, unsigned partition,
                        struct slice fence, const struct claim_want *wants, size_t n,
                        uint64_t now_ms, struct claimed **out, size_t *out_n);

enum delivery_outcome { OUTCOME_DELIVERED, OUTCOME_DEAD, OUTCOME_RETRY, OUTCOME_RELEASE };

struct delivery_attempt {
    uint64_t at_ms;
    unsigned status; /* HTTP; 0: there was no answer */
    uint64_t duration_ms;
    struct slice error; /* one word, or empty */
};

struct delivery_result {
    struct slice endpoint, event_id, fence;
    enum delivery_outcome outcome;
    uint64_t next_ms; /* of OUTCOME_RETRY */
    uint64_t held_ms; /* nothing of its endpoint is claimed before; 0: no such wish */
    struct delivery_attempt attempt; /* not of OUTCOME_RELEASE */
};

enum err delivery_finish(struct task *task, struct state *state, unsigned partition,
                         const struct delivery_result *results, size_t n, uint64_t *stale);

/* *next_ms: when something is due next, 0: nothing waits. *ready: some of the endpoints that have
 * ready deliveries. */
enum err delivery_tick(struct task *task, struct state *state, unsigned partition, uint64_t now_ms,
                       uint64_t *next_ms, struct slice **ready, size_t *n);

/* Ends all pending deliveries of an endpoint; purge: and removes every trace of it. */
enum err delivery_cancel(struct task *task, struct state *state, unsigned partition,
                         struct slice endpoint, bool purge);

/* Ends the wait of an endpoint whose receiver asked for one (delivery_result.held_ms). */
enum err delivery_release(struct task *task, struct state *state, unsigned partition,
                          struct slice endpoint);

/* Notes how an attempt went; *failing_since: since when there were only failures, 0: there are
 * not. In the endpoint's partition. */
enum err delivery_health(struct task *task, struct state *state, unsigned endpoint_partition,
                         struct slice endpoint, bool success, uint64_t now_ms,
                         uint64_t *failing_since_ms);

/* Removes events that are accepted and past the history bound (a day, or an hour and 10,000). */
enum err delivery_trim_events(struct task *task, struct state *state, unsigned partition,
                              uint64_t now_ms, uint64_t *removed);

/* Sends a message again, now and with a fresh schedule, and ends the wait of its endpoint; also one
 * that the endpoint never saw, if it is `owner`'s (empty: anybody's). ERR_NOT_FOUND: there is no
 * such message (any more); ERR_CONFLICT: the endpoint's backlog is full. */
enum err delivery_retry(struct task *task, struct state *state, struct slice endpoint,
                        struct slice event_id, struct slice owner, uint64_t now_ms,
                        const struct delivery_bounds *bounds);

/* Queues a message that no event of the stream made, for one endpoint. ERR_CONFLICT: its backlog is
 * full. */
enum err delivery_send(struct task *task, struct state *state, struct slice endpoint,
                       const struct acceptance *message, uint64_t now_ms,
                       const struct delivery_bounds *bounds);

struct delivery_counts {
    uint64_t full;    /* times that an endpoint's backlog became full, ever and anywhere */
    uint64_t refused; /* deliveries for which there was no room */
};
enum err delivery_count(struct task *task, struct state *state, struct delivery_counts *out);

struct delivery {
    struct slice event_id, type;
    enum delivery_state state;
    uint64_t accepted_ms;
    uint64_t next_ms;                  /* while pending: not before, nor before its turn */
    struct delivery_attempt *attempts; /* the latest DELIVERY_ATTEMPTS_KEPT, oldest first */
    size_t attempt_count;
};

/* An endpoint's deliveries accepted at or after since_ms, newest first, of one partition or (all)
 * of every one. limit <= 100. */
enum err delivery_list(struct task *task, struct state *state, struct slice endpoint,
                       unsigned partition, bool all, uint64_t since_ms, uint64_t skip,
                       uint64_t limit, struct delivery **out, size_t *n, uint64_t *total);
