/* redis_call.h: a command on its way to a Redis server, and its answer, which is copied into the
 * arena of the task that waits, or kept on the heap until one does. Knows tasks and replies; must
 * not know how they travel. */
#pragma once

#include "base/err.h"
#include "base/task.h"
#include "state/redis_value.h"

struct redis;
struct redisReply;

enum { REDIS_STALL_MS = 5000, REDIS_CALL_MAGIC = 0x7263616c };

/* For the connection; others hold pointers. */
struct redis_call {
    uint32_t magic;
    struct redis *redis;
    struct redis_call *next; /* that was sent after it */
    uint64_t sent_ms, block_ms;
    struct fiber_wait wait;
    struct arena *arena; /* of the task that is waiting right now, or NULL */
    void *block;         /* heap home of a reply that came before its await */
    struct redis_value value;
    enum err err;
    bool done, forgotten;
};

/* A call ends with redis_await(), or with redis_forget() when nobody cares for the answer. OK also
 * for a REDIS_FAULT reply of the command itself. `out` may be NULL where only the error matters. */
enum err redis_await(struct task *task, struct redis_call *call, struct redis_value *out);
/* Awaits n calls in order. The first error is returned, but all calls have ended. */
enum err redis_await_all(struct task *task, struct redis_call **calls, size_t n,
                         struct redis_value *out);
void redis_forget(struct redis_call *call);

/* For the connection: makes one, and ends it with its reply, or with NULL: ERR_STATE_UNAVAILABLE,
 * the outcome is unknown. It may be gone afterwards. */
struct redis_call *redis_call_new(struct redis *redis, uint64_t block_ms);
void redis_call_end(struct redis_call *call, const struct redisReply *reply);
