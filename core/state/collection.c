#include "state/collection.h"

#include "base/clock.h"
#include "state/collection_members.h"
#include "state/id.h"

static const struct slice prefix = SLICE_INIT("col_");

static void tell(struct commit *commit, enum event_type type, const struct collection *collection,
                 struct slice changes)
{
    struct event event = {.type = type,
                          .owner = collection->owner,
                          .resource = collection->id,
                          .resource_type = SLICE("collection"),
                          .changes = changes};

    commit_event(commit, &event);
}

enum err collection_create(struct task *task, struct state *state, uint64_t most,
                           struct collection *collection, const struct once_claim *once)
{
    struct arena *arena = task->arena;

    if (!id_parse(collection->owner, SLICE("user_"), state->partitions, &collection->partition))
        return ERR_NOT_FOUND;
    collection->id = id_new(arena, prefix, collection->partition);
    collection->created_ms = collection->updated_ms = clock_unix_ms();

    struct slice list = collection_list_key(arena, collection->partition, collection->owner);
    struct commit *commit = commit_new(task, state, collection->partition);
    commit_require_places(commit, list, 1, most);
    record_create(commit, collection);
    commit_write(commit, SLICE("ZADD"), list, record_number(arena, collection->created_ms),
                 collection->id);
    once_settle(commit, once, collection->id, record_key(arena, collection));
    tell(commit, EVENT_COLLECTION_CREATED, collection, SLICE_NONE);
    return commit_send(commit);
}

enum err collection_load(struct task *task, struct state *state, struct slice id,
                         struct collection *out)
{
    *out = (struct collection){.id = id};
    return record_load(task, state, out);
}

struct change {
    collection_change_fn *fn;
    void *arg;
};

static enum err change_collection(struct commit *commit, const void *before, void *record,
                                  void *arg)
{
    const struct change *change = arg;
    const struct collection *was = before;
    struct collection *now = record;
    struct arena *arena = commit_arena(commit);
    enum err err = change->fn(now, change->arg);

    if (err != OK)
        return err;
    if (now->cover_media_id.n && !slice_eq(now->cover_media_id, was->cover_media_id))
        commit_require_member(commit, collection_members_key(arena, now), now->cover_media_id,
                              ERR_VALIDATION);
    now->updated_ms = clock_unix_ms();
    tell(commit, EVENT_COLLECTION_UPDATED, now,
         event_changes_described(arena, "name", now->name, now->is_public));
    return OK;
}

enum err collection_change(struct task *task, struct state *state, struct slice id,
                           collection_change_fn *fn, void *arg, struct collection *out)
{
    struct change change = {fn, arg};

    *out = (struct collection){.id = id};
    return record_change(task, state, out, change_collection, &change);
}

struct deletion {
    struct slice id;
    struct change judge;
};

static enum err delete_once(struct task *task, struct state *state, void *arg)
{
    const struct deletion *deletion = arg;
    struct collection found, *collection = &found;
    enum err err = collection_load(task, state, deletion->id, collection);

    if (err == OK)
        err = deletion->judge.fn(collection, deletion->judge.arg);
    if (err != OK)
        return err;
    struct commit *commit = commit_new(task, state, collection->partition);
    commit_allow_full(commit);
    record_remove(commit, collection);
    commit_write(commit, SLICE("ZREM"),
                 collection_list_key(task->arena, collection->partition, collection->owner),
                 collection->id);
    collection_members_orphan(commit, collection);
    tell(commit, EVENT_COLLECTION_DELETED, collection, SLICE_NONE);
    return commit_send(commit);
}

enum err collection_delete(struct task *task, struct state *state, struct slice id,
                           collection_change_fn *fn, void *arg)
{
    struct deletion deletion = {id, {fn, arg}};

    return record_repeat(task, state, delete_once, &deletion);
}

enum err collection_list(struct task *task, struct state *state, unsigned partition,
                         struct slice owner, uint64_t skip, uint64_t limit, struct collection **out,
                         size_t *n, uint64_t *total)
{
    struct slice key = collection_list_key(task->arena, partition, owner);
    struct redis_value ids;
    enum err err = state_page(task, state, key, true, skip, limit, &ids, total);

    *n = ids.n;
    if (err != OK)
        return err;
    *out = ARENA_ARRAY(task->arena, struct collection, *n);
    for (size_t i = 0; i < *n; i++)
        (*out)[i] = (struct collection){.partition = partition, .id = ids.items[i].text};
    return record_load_many(task, state, *out, n);
}
