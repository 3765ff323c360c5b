/* stream.h: reads the event streams of all partitions, in order, for ever. Used by gateways (for
 * realtime) and the webhook dispatcher. Every entry is checked against offset + 1 and the hash
 * chain, and every 2 s as well as after each reconnect the heads are compared, because a read from
 * above a lost tail blocks and then skips silently. */
#pragma once

#include "state/event.h"
#include "state/position.h"
#include "state/state.h"

enum { STREAM_BLOCK_MS = 1000, STREAM_COMPARE_MS = 2000, STREAM_READ_MAX = 500 };

struct stream;

struct stream_handlers {
    void *arg;
    /* In order per partition; the event lives for the call. */
    void (*on_event)(void *arg, const struct event *event);
    /* The history of this partition is not the one read so far, or no longer reaches back to where
     * the reader stood; reading goes on from `head`. */
    void (*on_fork)(void *arg, unsigned partition, const struct head *head);
    /* After each read, also one that brought nothing; NULL: nobody asks. May suspend: the next read
     * waits for it, and stream_head() is where the events handed over so far have led. */
    void (*on_read)(struct task *task, void *arg);
    /* The canary's time of writing (Unix ms) came through. */
    void (*on_canary)(void *arg, uint64_t written_ms);
};

/* from: where to start in each partition, or NULL for "now". Starts a fiber of its own, on which
 * the handlers run; only on_read may suspend. After state_wait(). NULL: no fiber is left.
 * stream_close() ends it within STREAM_BLOCK_MS, or at once when the state is closed after it. */
struct stream *stream_open(struct state *state, const struct position *from,
                           const struct stream_handlers *handlers);
void stream_close(struct stream *stream);
const struct head *stream_head(const struct stream *stream, unsigned partition); /* last read */
bool stream_started(const struct stream *stream); /* knows its heads, reads; false while away */

/* Writes the canary of every partition (not into the AOF); the caller decides how often. */
void stream_canary_write(struct state *state);

/* The head of a partition, sent and awaited apart, to be pipelined with other commands.
 * ERR_NOT_FOUND: nothing has ever happened there, or the server was emptied. */
struct redis_call *stream_send_head(struct state *state, struct arena *arena, unsigned partition);
enum err stream_take_head(struct task *task, struct redis_call *call, struct head *out);
/* Those of all partitions, made where there are none. */
enum err stream_heads(struct task *task, struct state *state, struct head *out);
/* Can the history that stands at `now` contain what was read up to `read`? Where it is longer, the
 * chain of the next entry will tell. */
bool stream_may_continue(const struct head *read, const struct head *now);

/* Reads at most `limit` (<= STREAM_READ_MAX) events after `after` in one partition. ERR_NOT_FOUND
 * when the history no longer reaches back that far, ERR_CONFLICT when it is another history. */
enum err stream_read(struct task *task, struct state *state, unsigned partition,
                     const struct head *after, size_t limit, struct event **events, size_t *n);
