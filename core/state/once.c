#include "state/once.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "state/lease.h"
#include "state/record.h"

void once_init(struct once_claim *claim, struct arena *arena, unsigned partition,
               struct slice principal, struct slice operation, struct slice key)
{
    struct slice name =
        sha256_hex(arena, arena_printf(arena, "%.*s\n%.*s\n%.*s", SLICE_ARG(principal),
                                       SLICE_ARG(operation), SLICE_ARG(key)));

    *claim = (struct once_claim){
        .record = {.name = name, .partition = partition},
        .lease = arena_printf(arena, "once:%.*s", SLICE_ARG(name)),
        .holder = lease_holder_new(arena),
    };
}

/* A record whose thing was deleted stands for nothing any more. */
static enum err forget_if_gone(struct task *task, struct state *state, struct once_claim *claim)
{
    struct once *record = &claim->record;
    struct redis_value present;
    enum err err;

    if (!record->made_key.n)
        return OK;
    err = state_command(task, state->durable, &present, SLICE("EXISTS"), record->made_key);
    if (err != OK || present.number)
        return err;
    struct commit *commit = commit_new(task, state, record->partition);
    record_remove(commit, record);
    err = commit_send(commit);
    record->made = SLICE_NONE;
    return err == ERR_OVERTAKEN || err == ERR_CONFLICT || err == ERR_NOT_FOUND ? OK : err;
}

static enum err look(struct task *task, struct state *state, struct once_claim *claim)
{
    struct once found = {.name = claim->record.name, .partition = claim->record.partition};
    enum err err = record_load(task, state, &found);

    claim->record.made = SLICE_NONE;
    if (err == ERR_NOT_FOUND)
        return OK;
    if (err != OK)
        return err;
    claim->record = found;
    return forget_if_gone(task, state, claim);
}

enum err once_begin(struct task *task, struct state *state, struct once_claim *claim)
{
    enum err err = look(task, state, claim);

    if (err != OK || claim->record.made.n || claim->held)
        return err;
    enum err taken = lease_take(task, state, claim->lease, claim->holder, ONCE_LEASE_MS);
    claim->held = taken == OK;
    claim->renewed_ms = clock_ms();
    /* It may have been made since: by whoever had the lease before us. */
    err = look(task, state, claim);
    if (err != OK || claim->record.made.n)
        once_end(state, claim);
    else if (taken == ERR_CONFLICT)
        err = ERR_CONFLICT;
    return err;
}

void once_renew(struct task *task, struct state *state, struct once_claim *claim)
{
    if (!claim->held || clock_ms() - claim->renewed_ms < ONCE_RENEW_MS)
        return;
    claim->renewed_ms = clock_ms();
    lease_take(task, state, claim->lease, claim->holder, ONCE_LEASE_MS);
}

void once_end(struct state *state, struct once_claim *claim)
{
    if (claim->held)
        redis_post(state->volatile_redis, SLICE("DEL"), claim->lease);
    claim->held = false;
}

void once_settle(struct commit *commit, const struct once_claim *claim, struct slice made,
                 struct slice made_key)
{
    struct arena *arena = commit_arena(commit);

    if (!claim)
        return;
    struct once record = {
        .name = claim->record.name,
        .partition = claim->record.partition,
        .fingerprint = claim->fingerprint,
        .made = made,
        .made_key = made_key,
    };
    record_create(commit, &record);
    commit_write(commit, SLICE("PEXPIREAT"), record_key(arena, &record),
                 record_number(arena, clock_unix_ms() + ONCE_LIFE_MS));
}

void once_note(struct task *task, struct state *state, const struct once_claim *claim,
               struct slice made, struct slice made_key)
{
    if (!claim)
        return;
    struct commit *commit = commit_new(task, state, claim->record.partition);
    once_settle(commit, claim, made, made_key);
    commit_send(commit);
}
