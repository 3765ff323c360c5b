#include "state/redis_call.h"

#include "base/memory.h"
#include "state/redis_reply.h"

struct redis_call *redis_call_new(struct redis *redis, uint64_t block_ms)
{
    struct redis_call *call = MEM_NEW(struct redis_call);

    *call = (struct redis_call){.magic = REDIS_CALL_MAGIC, .redis = redis, .block_ms = block_ms};
    return call;
}

static void call_free(struct redis_call *call)
{
    call->magic = 0;
    mem_free(call);
}

/* In the waiting task's arena, or on the heap when nobody waits yet, which happens to all but the
 * first of a pipeline. */
static void take_reply(struct redis_call *call, const redisReply *reply)
{
    size_t bytes = redis_reply_bytes(reply);
    void *block = NULL;

    if (bytes && call->arena)
        block = arena_alloc(call->arena, bytes);
    else if (bytes)
        call->block = block = mem_alloc(bytes);
    call->value = redis_reply_copy(reply, block);
}

void redis_call_end(struct redis_call *call, const redisReply *reply)
{
    if (call->forgotten) {
        call_free(call);
        return;
    }
    if (reply)
        take_reply(call, reply);
    else
        call->err = ERR_STATE_UNAVAILABLE;
    call->done = true;
    fiber_resume(&call->wait);
}

void redis_forget(struct redis_call *call)
{
    if (!call->done) {
        call->forgotten = true;
        return;
    }
    mem_free(call->block);
    call_free(call);
}

enum err redis_await(struct task *task, struct redis_call *call, struct redis_value *out)
{
    /* The watchdog ends every call; this is for a task whose own deadline comes first. */
    uint64_t limit_ms = 2 * REDIS_STALL_MS + call->block_ms;

    if (out)
        *out = (struct redis_value){.type = REDIS_NIL};
    if (!call->done) {
        call->arena = task->arena;
        fiber_await(&call->wait, task_timeout_ms(task, limit_ms));
        call->arena = NULL;
    }
    if (!call->done) {
        redis_forget(call);
        return ERR_STATE_UNAVAILABLE;
    }
    enum err err = call->err;
    if (call->block)
        arena_defer(task->arena, mem_free, call->block);
    if (out && err == OK)
        *out = call->value;
    call_free(call);
    return err;
}

enum err redis_await_all(struct task *task, struct redis_call **calls, size_t n,
                         struct redis_value *out)
{
    enum err first = OK;

    for (size_t i = 0; i < n; i++) {
        enum err err = redis_await(task, calls[i], &out[i]);

        if (first == OK)
            first = err;
    }
    return first;
}
