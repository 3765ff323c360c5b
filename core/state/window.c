#include "state/window.h"

#include "base/clock.h"
#include "state/record.h"

static struct slice window_key(struct arena *arena, struct slice policy, struct slice key,
                               uint64_t seconds, uint64_t now_ms)
{
    return arena_printf(arena, "rate:%.*s:%.*s:%llu", SLICE_ARG(policy), SLICE_ARG(key),
                        (unsigned long long)(now_ms / 1000 / seconds));
}

/* A counter that has just ended must not come back for ever, hence after every change. */
static void expire(struct state *state, struct arena *arena, struct slice counter, uint64_t seconds)
{
    redis_post(state->volatile_redis, SLICE("EXPIRE"), counter, record_number(arena, seconds),
               SLICE("NX"));
}

struct redis_call *window_send(struct state *state, struct arena *arena, struct slice policy,
                               struct slice key, uint64_t seconds, uint64_t now_ms)
{
    struct slice counter = window_key(arena, policy, key, seconds, now_ms);
    struct redis_call *call =
        redis_send(state->volatile_redis, REDIS_ARGV(SLICE("INCR"), counter), 2);

    expire(state, arena, counter, seconds);
    return call;
}

struct redis_call *window_look(struct state *state, struct arena *arena, struct slice policy,
                               struct slice key, uint64_t seconds, uint64_t now_ms)
{
    return redis_send(state->volatile_redis,
                      REDIS_ARGV(SLICE("GET"), window_key(arena, policy, key, seconds, now_ms)), 2);
}

enum err window_take(struct task *task, struct redis_call *call, uint64_t limit, uint64_t seconds,
                     uint64_t now_ms, struct window *out)
{
    struct task hasty = *task;
    struct redis_value reply;

    hasty.deadline_ms = clock_ms() + task_timeout_ms(task, WINDOW_WAIT_MS);
    enum err err = redis_await(&hasty, call, &reply);
    *out = (struct window){
        .limit = limit, .seconds = seconds, .reset_s = (now_ms / 1000 / seconds + 1) * seconds};
    if (err == OK)
        err = state_fault(&reply);
    if (err == OK && reply.type == REDIS_NUMBER && reply.number > 0)
        out->used = (uint64_t)reply.number;
    else if (err == OK && reply.type == REDIS_TEXT && !slice_to_u64(reply.text, &out->used))
        out->used = 0;
    return err;
}

uint64_t window_left(const struct window *window)
{
    return window->limit > window->used ? window->limit - window->used : 0;
}

uint64_t window_seconds_to_reset(const struct window *window, uint64_t now_ms)
{
    uint64_t now_s = now_ms / 1000;

    return window->reset_s > now_s ? window->reset_s - now_s : 0;
}

void window_give_back(struct state *state, struct arena *arena, struct slice policy,
                      struct slice key, uint64_t seconds, uint64_t now_ms)
{
    struct slice counter = window_key(arena, policy, key, seconds, now_ms);

    redis_post(state->volatile_redis, SLICE("DECR"), counter);
    expire(state, arena, counter, seconds);
}
