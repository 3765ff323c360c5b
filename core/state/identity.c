#include "state/identity.h"

#include "state/account.h"
#include "state/id.h"

static const struct slice id_key = SLICE_INIT("hub:id");
static const struct slice store_key = SLICE_INIT("hub:store");

enum err identity_load(struct task *task, struct state *state, struct identity *out)
{
    struct redis_value id, store;
    uint64_t accounts;
    enum err err = state_command(task, state->durable, &id, SLICE("GET"), id_key);

    *out = (struct identity){0};
    if (err == OK)
        err = state_command(task, state->durable, &store, SLICE("EXISTS"), store_key);
    if (err == OK)
        err = account_count(task, state, &accounts);
    if (err != OK)
        return err;
    *out = (struct identity){id.text, store.number == 1, accounts > 0};
    return OK;
}

enum err identity_make(struct task *task, struct state *state, struct identity *identity)
{
    struct redis_value reply;
    struct slice text =
        arena_printf(task->arena, "%.*s %u", SLICE_ARG(id_new(task->arena, SLICE("hub_"), 0)),
                     state->partitions);
    enum err err =
        state_command(task, state->durable, &reply, SLICE("SET"), id_key, text, SLICE("NX"));

    return err == OK ? identity_load(task, state, identity) : err;
}

enum err identity_note_store(struct task *task, struct state *state)
{
    struct redis_value reply;

    return state_command(task, state->durable, &reply, SLICE("SET"), store_key, SLICE("1"));
}

bool identity_fits(const struct identity *identity, const struct state *state)
{
    struct slice id, partitions;
    uint64_t number;

    return slice_split(identity->text, ' ', &id, &partitions) &&
           slice_to_u64(partitions, &number) && number == state->partitions;
}

void identity_expect(struct state *state, const struct identity *identity)
{
    redis_expect(state->durable, id_key, identity->text);
    redis_expect(state->streams, id_key, identity->text);
}
