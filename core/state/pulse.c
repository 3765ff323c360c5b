#include "state/pulse.h"

#include "state/record.h"

static struct slice key_of(struct arena *arena, struct slice kind)
{
    return arena_printf(arena, "pulse:%.*s", SLICE_ARG(kind));
}

void pulse_beat(struct state *state, struct slice kind)
{
    struct arena *arena = arena_new();

    redis_post(state->volatile_redis, SLICE("SET"), key_of(arena, kind), SLICE("1"), SLICE("PX"),
               record_number(arena, PULSE_LIFE_MS));
    arena_free(arena);
}

enum err pulse_feel(struct task *task, struct state *state, struct slice kind)
{
    struct redis_value found;
    enum err err = state_command(task, state->volatile_redis, &found, SLICE("EXISTS"),
                                 key_of(task->arena, kind));

    return err == OK && found.number == 0 ? ERR_NOT_FOUND : err;
}
