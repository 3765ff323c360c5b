#include "state/resumable.h"

#include "base/clock.h"
#include "state/id.h"
#include "state/record.h"

#include <inttypes.h>

static struct slice due_key(struct arena *arena, unsigned partition)
{
    return state_key(arena, partition, "resumables");
}

static struct slice tally_key(struct arena *arena, const struct resumable *resumable)
{
    return state_key(arena, resumable->partition, "unfinished:%.*s", SLICE_ARG(resumable->owner));
}

static struct slice finals_key(struct arena *arena, unsigned partition, struct slice owner)
{
    return state_key(arena, partition, "finals:%.*s", SLICE_ARG(owner));
}

static void count(struct commit *commit, const struct resumable *resumable, const char *field,
                  bool more, uint64_t by)
{
    struct arena *arena = commit_arena(commit);

    if (by)
        commit_write(commit, SLICE("HINCRBY"), tally_key(arena, resumable), slice_from(field),
                     arena_printf(arena, "%s%" PRIu64, more ? "" : "-", by));
}

static void note_due(struct commit *commit, struct slice id, uint64_t at_ms)
{
    struct arena *arena = commit_arena(commit);

    commit_write(commit, SLICE("ZADD"), due_key(arena, commit_partition(commit)),
                 record_number(arena, at_ms), id);
}

enum err resumable_create(struct task *task, struct state *state, struct resumable *resumable,
                          const struct resumable_bounds *bounds, const struct once_claim *once)
{
    struct arena *arena = task->arena;

    if (!id_parse(resumable->owner, SLICE("user_"), state->partitions, &resumable->partition))
        return ERR_NOT_FOUND;
    resumable->id = id_new(arena, SLICE("upl_"), resumable->partition);
    resumable->created_ms = clock_unix_ms();
    struct commit *commit = commit_new(task, state, resumable->partition);
    struct slice tally = tally_key(arena, resumable);
    commit_require_room(commit, tally, SLICE("items"), 1, bounds->items);
    commit_require_room(commit, tally, SLICE("bytes"), resumable->reserved, bounds->bytes);
    record_create(commit, resumable);
    once_settle(commit, once, resumable->id, record_key(arena, resumable));
    count(commit, resumable, "items", true, 1);
    count(commit, resumable, "bytes", true, resumable->reserved);
    note_due(commit, resumable->id, resumable->created_ms + bounds->life_ms);
    if (resumable->part == PART_FINAL)
        commit_write(commit, SLICE("SADD"),
                     finals_key(arena, resumable->partition, resumable->owner), resumable->id);
    return commit_send(commit);
}

enum err resumable_load(struct task *task, struct state *state, struct slice id, struct slice owner,
                        struct resumable *out)
{
    *out = (struct resumable){.id = id};
    enum err err = record_load(task, state, out);

    return err == OK && !slice_eq(out->owner, owner) ? ERR_NOT_FOUND : err;
}

/* -- Changes ---------------------------------------------------------------------------------- */

static enum err set_length(struct commit *commit, const void *before, void *record, void *arg)
{
    const uint64_t *length = arg;
    const struct resumable *was = before;
    struct resumable *now = record;

    if (!was->deferred)
        return was->length == *length ? OK : ERR_CONFLICT;
    now->deferred = false;
    now->length = now->reserved = *length;
    count(commit, was, "bytes", false, was->reserved);
    count(commit, was, "bytes", true, now->reserved);
    return OK;
}

enum err resumable_set_length(struct task *task, struct state *state, struct resumable *resumable,
                              uint64_t length)
{
    return record_change(task, state, resumable, set_length, &length);
}

struct doubt {
    bool doubt;
    uint64_t from;
};

static enum err set_doubt(struct commit *commit, const void *was, void *record, void *arg)
{
    const struct doubt *doubt = arg;
    struct resumable *now = record;

    commit_allow_full(commit);
    now->doubt = doubt->doubt;
    now->doubt_from = doubt->from;
    return OK;
}

enum err resumable_set_doubt(struct task *task, struct state *state, struct resumable *resumable,
                             bool doubt, uint64_t from)
{
    struct doubt how = {doubt, doubt ? from : 0};

    return record_change(task, state, resumable, set_doubt, &how);
}

/* -- Ends ------------------------------------------------------------------------------------- */

static void count_off(struct commit *commit, const struct resumable *resumable)
{
    if (resumable->ended_ms)
        return;
    count(commit, resumable, "items", false, 1);
    count(commit, resumable, "bytes", false, resumable->reserved);
    if (resumable->part == PART_FINAL)
        commit_write(commit, SLICE("SREM"),
                     finals_key(commit_arena(commit), resumable->partition, resumable->owner),
                     resumable->id);
}

void resumable_end(struct commit *commit, const struct resumable *resumable, struct slice media_id,
                   uint64_t length, uint64_t due_ms)
{
    struct resumable now = *resumable;

    now.media_id = media_id;
    now.ended_ms = clock_unix_ms();
    now.length = length;
    now.deferred = now.doubt = false;
    now.reserved = 0;
    record_save(commit, resumable, &now);
    count_off(commit, resumable);
    note_due(commit, resumable->id, now.ended_ms + due_ms);
}

enum err resumable_remove(struct task *task, struct state *state, const struct resumable *resumable)
{
    struct commit *commit = commit_new(task, state, resumable->partition);

    commit_allow_full(commit);
    record_remove(commit, resumable);
    count_off(commit, resumable);
    commit_write(commit, SLICE("ZREM"), due_key(task->arena, resumable->partition), resumable->id);
    return commit_send(commit);
}

/* -- Lists ------------------------------------------------------------------------------------ */

static void take_texts(struct arena *arena, const struct redis_value *reply, struct slice **ids,
                       size_t *n)
{
    *ids = ARENA_ARRAY(arena, struct slice, reply->n + 1);
    *n = reply->n < RESUMABLES_MAX ? reply->n : RESUMABLES_MAX;
    for (size_t i = 0; i < *n; i++)
        (*ids)[i] = reply->items[i].text;
}

enum err resumable_finals(struct task *task, struct state *state, struct slice owner,
                          struct slice **ids, size_t *n)
{
    struct redis_value reply;
    unsigned partition;

    if (!id_parse(owner, SLICE("user_"), state->partitions, &partition))
        return ERR_NOT_FOUND;
    enum err err = state_command(task, state->durable, &reply, SLICE("SMEMBERS"),
                                 finals_key(task->arena, partition, owner));
    if (err == OK)
        take_texts(task->arena, &reply, ids, n);
    return err;
}

enum err resumable_due(struct task *task, struct state *state, unsigned partition,
                       struct slice **ids, size_t *n)
{
    struct redis_value reply;
    enum err err = state_command(task, state->durable, &reply, SLICE("ZRANGEBYSCORE"),
                                 due_key(task->arena, partition), SLICE("-inf"),
                                 record_number(task->arena, clock_unix_ms()), SLICE("LIMIT"),
                                 SLICE("0"), record_number(task->arena, RESUMABLES_MAX));

    if (err == OK)
        take_texts(task->arena, &reply, ids, n);
    return err;
}

enum err resumable_look_again(struct task *task, struct state *state, unsigned partition,
                              struct slice id, uint64_t at_ms)
{
    struct commit *commit = commit_new(task, state, partition);

    commit_allow_full(commit);
    if (at_ms)
        note_due(commit, id, at_ms);
    else
        commit_write(commit, SLICE("ZREM"), due_key(task->arena, partition), id);
    return commit_send(commit);
}
