#include "state/collection.h"

#include "base/clock.h"
#include "base/json.h"
#include "state/collection_members.h"
#include "state/id.h"

enum { CHANGES_MAX_BYTES = 8192 };

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

static struct slice description_changes(struct arena *arena, const struct collection *now)
{
    struct json_writer w;
    struct buf buf;

    buf_init(&buf, CHANGES_MAX_BYTES);
    jw_init(&w, &buf);
    jw_object(&w);
    jw_str(&w, "name", now->name);
    jw_flag(&w, "is_public", now->is_public);
    jw_object_end(&w);
    struct slice json = buf.overflow ? SLICE_NONE : arena_dup(arena, buf_slice(&buf));
    buf_fini(&buf);
    return json;
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
    tell(commit, EVENT_COLLECTION_UPDATED, now, description_changes(arena, now));
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
    struct arena *arena = task->arena;
    struct slice key = collection_list_key(arena, partition, owner);
    struct redis_call *calls[] = {
        redis_send(state->durable, REDIS_ARGV(SLICE("ZCARD"), key), 2),
        redis_send(state->durable,
                   REDIS_ARGV(SLICE("ZREVRANGE"), key, record_number(arena, skip),
                              record_number(arena, skip + limit - 1)),
                   4),
    };
    struct redis_value replies[2];
    enum err err = redis_await_all(task, calls, 2, replies);

    for (size_t i = 0; i < 2 && err == OK; i++)
        err = state_fault(&replies[i]);
    *n = 0;
    if (err != OK)
        return err;
    *total = (uint64_t)replies[0].number;
    *n = replies[1].n;
    *out = ARENA_ARRAY(arena, struct collection, *n);
    for (size_t i = 0; i < *n; i++)
        (*out)[i] = (struct collection){.partition = partition, .id = replies[1].items[i].text};
    return record_load_many(task, state, *out, n);
}
