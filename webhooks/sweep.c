#include "webhooks/sweep.h"

#include "base/memory.h"

#include <string.h>

enum { SWEEP_ID_MAX = 48 };

struct sweep {
    struct sweep *next;
    bool deleted;
    char id[SWEEP_ID_MAX];
};

void sweep_later(struct dispatcher *dispatcher, struct slice id, bool deleted)
{
    struct sweep **link = &dispatcher->sweeps;

    if (id.n >= SWEEP_ID_MAX)
        return;
    for (; *link; link = &(*link)->next)
        if (slice_eq(slice_from((*link)->id), id) && (*link)->deleted == deleted)
            return;
    *link = MEM_NEW(struct sweep);
    (*link)->deleted = deleted;
    memcpy((*link)->id, id.p, id.n);
    bell_ring(&dispatcher->sweep_bell);
}

/* One that is active again has new ones. */
static enum err sweep_one(struct task *task, struct dispatcher *dispatcher,
                          const struct sweep *sweep)
{
    enum err err = directory_refresh(task, dispatcher->directory);
    const struct receiver *receiver = directory_find(dispatcher->directory, slice_from(sweep->id));

    if (err == OK && receiver && receiver->endpoint.active)
        return OK;
    for (unsigned p = 0; p < dispatcher->state->partitions && err == OK; p++)
        err = delivery_cancel(task, dispatcher->state, p, slice_from(sweep->id), sweep->deleted);
    return err;
}

void sweep_run(struct task *task, void *arg)
{
    struct dispatcher *dispatcher = arg;
    struct task step = {.arena = arena_new()};

    while (!dispatcher->stopping) {
        struct sweep *sweep = dispatcher->sweeps;

        if (!sweep) {
            bell_wait(&dispatcher->sweep_bell, FIBER_FOREVER);
            continue;
        }
        if (sweep_one(&step, dispatcher, sweep) == OK) {
            dispatcher->sweeps = sweep->next;
            mem_free(sweep);
        } else {
            fiber_sleep(SHARD_AWAY_MS);
        }
        arena_reset(step.arena);
    }
    arena_free(step.arena);
}

void sweep_forget_all(struct dispatcher *dispatcher)
{
    while (dispatcher->sweeps) {
        struct sweep *sweep = dispatcher->sweeps;

        dispatcher->sweeps = sweep->next;
        mem_free(sweep);
    }
}
