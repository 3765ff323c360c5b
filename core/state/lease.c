#include "state/lease.h"

#include "base/crypto.h"
#include "base/text.h"
#include "state/record.h"

enum { HOLDER_BYTES = 16 };

/* OK: it names this holder. */
static enum err look(struct task *task, struct state *state, struct slice key, struct slice holder)
{
    struct redis_value value;
    enum err err = state_command(task, state->fleeting, &value, SLICE("GET"), key);

    if (err != OK)
        return err;
    return slice_eq(value.text, holder) ? OK : ERR_CONFLICT;
}

enum err lease_take(struct task *task, struct state *state, struct slice key, struct slice holder,
                    uint64_t ms)
{
    struct slice life = record_number(task->arena, ms);
    struct redis_value value;
    enum err err = state_command(task, state->fleeting, &value, SLICE("SET"), key, holder,
                                 SLICE("NX"), SLICE("PX"), life);

    if (err != OK || value.type == REDIS_TEXT)
        return err;
    err = look(task, state, key, holder);
    if (err == OK)
        err = state_command(task, state->fleeting, &value, SLICE("PEXPIRE"), key, life);
    return err;
}

void lease_give_back(struct task *task, struct state *state, struct slice key, struct slice holder)
{
    if (look(task, state, key, holder) == OK)
        redis_post(state->fleeting, SLICE("DEL"), key);
}

struct slice lease_holder_new(struct arena *arena)
{
    char random[HOLDER_BYTES];

    random_bytes(random, sizeof random);
    return text_hex(arena, random, sizeof random);
}
