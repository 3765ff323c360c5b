#include "state/lease.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "state/record.h"

enum { HOLDER_BYTES = 16, RENEWALS = 4 /* within the life of a lease */ };

/* OK: it names this holder. */
static enum err look(struct task *task, struct state *state, struct slice key, struct slice holder)
{
    struct redis_value value;
    enum err err = state_command(task, state->volatile_redis, &value, SLICE("GET"), key);

    if (err != OK)
        return err;
    return slice_eq(value.text, holder) ? OK : ERR_CONFLICT;
}

enum err lease_take(struct task *task, struct state *state, struct slice key, struct slice holder,
                    uint64_t ms)
{
    struct slice life = record_number(task->arena, ms);
    struct redis_value value;
    enum err err = state_command(task, state->volatile_redis, &value, SLICE("SET"), key, holder,
                                 SLICE("NX"), SLICE("PX"), life);

    if (err != OK || value.type == REDIS_TEXT)
        return err;
    err = look(task, state, key, holder);
    if (err == OK)
        err = state_command(task, state->volatile_redis, &value, SLICE("PEXPIRE"), key, life);
    return err;
}

static void give_back(struct task *task, struct state *state, struct slice key, struct slice holder)
{
    if (look(task, state, key, holder) == OK)
        redis_post(state->volatile_redis, SLICE("DEL"), key);
}

struct slice lease_holder_new(struct arena *arena)
{
    char random[HOLDER_BYTES];

    random_bytes(random, sizeof random);
    return text_hex(arena, random, sizeof random);
}

/* --- keeping -----------------------------------------------------------------------------------
 */

struct lease_keeper {
    struct arena *arena;
    struct state *state;
    struct slice key, holder;
    uint64_t ms;
    bool stopped, lost;
    struct fiber_wait stop, ended;
};

/* A server that is away for a moment takes nobody's lease: the next renewal may find it again. */
static void renew(struct lease_keeper *keeper)
{
    struct task step = {.arena = arena_new(), .deadline_ms = clock_ms() + keeper->ms};

    if (lease_take(&step, keeper->state, keeper->key, keeper->holder, keeper->ms) == ERR_CONFLICT)
        keeper->lost = true;
    arena_free(step.arena);
}

static void keep(struct task *task, void *arg)
{
    struct lease_keeper *keeper = arg;

    while (!keeper->stopped && !keeper->lost)
        if (fiber_await(&keeper->stop, keeper->ms / RENEWALS) == FIBER_TIMEOUT)
            renew(keeper);
    fiber_resume(&keeper->ended);
}

struct lease_keeper *lease_keep(struct state *state, struct slice key, struct slice holder,
                                uint64_t ms)
{
    struct arena *arena = arena_new();
    struct lease_keeper *keeper = ARENA_NEW(arena, struct lease_keeper);

    *keeper = (struct lease_keeper){
        .arena = arena,
        .state = state,
        .key = arena_dup(arena, key),
        .holder = arena_dup(arena, holder),
        .ms = ms,
    };
    if (task_spawn(keep, keeper))
        return keeper;
    arena_free(arena);
    return NULL;
}

bool lease_lost(const struct lease_keeper *keeper)
{
    return keeper->lost;
}

/* A renewal that is under way ends first: it could take the lease again. */
void lease_keeper_stop(struct task *task, struct lease_keeper *keeper)
{
    if (!keeper)
        return;
    keeper->stopped = true;
    fiber_resume(&keeper->stop);
    fiber_await(&keeper->ended, FIBER_FOREVER);
    give_back(task, keeper->state, keeper->key, keeper->holder);
    arena_free(keeper->arena);
}
