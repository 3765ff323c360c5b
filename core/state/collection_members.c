#include "state/collection_members.h"

#include "base/clock.h"
#include "base/json.h"

#include <string.h>

enum {
    CHUNK = 200, /* media of a commit */
    CHUNKS_FORGOTTEN_AT_ONCE = 100,
    CHANGES_MAX_BYTES = 64 << 10,
};

struct slice collection_list_key(struct arena *arena, unsigned partition, struct slice owner)
{
    return state_key(arena, partition, "collections_of:%.*s", SLICE_ARG(owner));
}

struct slice collection_members_key(struct arena *arena, const struct collection *collection)
{
    return state_key(arena, collection->partition, "members:%.*s", SLICE_ARG(collection->id));
}

static struct slice shown_key(struct arena *arena, const struct collection *collection)
{
    return state_key(arena, collection->partition, "shown:%.*s", SLICE_ARG(collection->id));
}

static struct slice view_key(struct arena *arena, const struct collection *collection, bool all)
{
    return all ? collection_members_key(arena, collection) : shown_key(arena, collection);
}

static struct slice orphans_key(struct arena *arena, unsigned partition)
{
    return state_key(arena, partition, "collections_deleted");
}

/* -- Parts of commits ------------------------------------------------------------------------- */

static struct slice ids_changed(struct arena *arena, const struct slice *ids, size_t n)
{
    struct json_writer w;
    struct buf buf;

    buf_init(&buf, CHANGES_MAX_BYTES);
    jw_init(&w, &buf);
    jw_object(&w);
    jw_key(&w, "media_ids");
    jw_array(&w);
    for (size_t i = 0; i < n; i++)
        jw_slice(&w, ids[i]);
    jw_array_end(&w);
    jw_object_end(&w);
    struct slice json = arena_dup(arena, buf_slice(&buf));
    buf_fini(&buf);
    return json;
}

static void tell(struct commit *commit, enum event_type type, const struct collection *collection,
                 const struct slice *ids, size_t n)
{
    struct event event = {.type = type,
                          .owner = collection->owner,
                          .resource = collection->id,
                          .resource_type = SLICE("collection"),
                          .changes = ids_changed(commit_arena(commit), ids, n)};

    commit_event(commit, &event);
}

static void require_there(struct commit *commit, const struct collection *collection)
{
    commit_require_member(
        commit, collection_list_key(commit_arena(commit), collection->partition, collection->owner),
        collection->id, ERR_NOT_FOUND);
}

/* A write of collections.lua: the command, the collection's record, the time, then `more`. */
static void write_members(struct commit *commit, struct slice command,
                          const struct collection *collection, const struct slice *more, size_t n)
{
    struct arena *arena = commit_arena(commit);
    struct slice *args = ARENA_ARRAY(arena, struct slice, n + 3);

    args[0] = command;
    args[1] = record_key(arena, collection);
    args[2] = record_number(arena, clock_unix_ms());
    memcpy(args + 3, more, n * sizeof *more);
    commit_writev(commit, args, n + 3);
}

static struct slice flag(bool value)
{
    return value ? SLICE("1") : SLICE("0");
}

static void enter(struct commit *commit, const struct collection *collection,
                  const struct media *media, size_t n)
{
    struct arena *arena = commit_arena(commit);
    struct slice *pairs = ARENA_ARRAY(arena, struct slice, 2 * n);
    struct slice *ids = ARENA_ARRAY(arena, struct slice, n);

    for (size_t i = 0; i < n; i++) {
        pairs[2 * i] = ids[i] = media[i].id;
        pairs[2 * i + 1] = flag(media[i].is_public);
    }
    require_there(commit, collection);
    commit_require_places(commit, collection_members_key(arena, collection), n,
                          COLLECTION_MEDIA_MAX);
    write_members(commit, SLICE("COLLECT"), collection, pairs, 2 * n);
    tell(commit, EVENT_COLLECTION_MEDIA_ADDED, collection, ids, n);
}

/* One of those that a media is in: always its owner's. */
static struct collection collection_of(const struct media *media, size_t i)
{
    return (struct collection){
        .id = media->collections[i], .owner = media->owner, .partition = media->partition};
}

void collection_enter_all(struct commit *commit, const struct media *media)
{
    for (size_t i = 0; i < media->collection_count; i++) {
        const struct collection collection = collection_of(media, i);

        enter(commit, &collection, media, 1);
    }
}

void collection_show_all(struct commit *commit, const struct media *media)
{
    for (size_t i = 0; i < media->collection_count; i++) {
        const struct collection collection = collection_of(media, i);

        commit_write(commit, SLICE("COLLECT_SHOW"), record_key(commit_arena(commit), &collection),
                     media->id, flag(media->is_public));
    }
}

void collection_leave_all(struct commit *commit, const struct media *media)
{
    for (size_t i = 0; i < media->collection_count; i++) {
        const struct collection collection = collection_of(media, i);

        write_members(commit, SLICE("UNCOLLECT"), &collection, &media->id, 1);
        tell(commit, EVENT_COLLECTION_MEDIA_REMOVED, &collection, &media->id, 1);
    }
}

void collection_members_orphan(struct commit *commit, const struct collection *collection)
{
    commit_write(commit, SLICE("SADD"), orphans_key(commit_arena(commit), collection->partition),
                 collection->id);
}

/* -- A media's own list ----------------------------------------------------------------------- */

static bool is_in(const struct media *media, struct slice collection_id)
{
    for (size_t i = 0; i < media->collection_count; i++)
        if (slice_eq(media->collections[i], collection_id))
            return true;
    return false;
}

static void list_in(struct arena *arena, struct media *media, struct slice collection_id)
{
    struct slice *list = ARENA_ARRAY(arena, struct slice, media->collection_count + 1);

    for (size_t i = 0; i < media->collection_count; i++)
        list[i] = media->collections[i];
    list[media->collection_count++] = collection_id;
    media->collections = list;
}

static void list_out(struct arena *arena, struct media *media, struct slice collection_id)
{
    struct slice *list = ARENA_ARRAY(arena, struct slice, media->collection_count);
    size_t n = 0;

    for (size_t i = 0; i < media->collection_count; i++)
        if (!slice_eq(media->collections[i], collection_id))
            list[n++] = media->collections[i];
    media->collections = list;
    media->collection_count = n;
}

/* -- Adding ----------------------------------------------------------------------------------- */

static enum err load_all(struct task *task, struct state *state, unsigned partition,
                         const struct slice *ids, struct media *out, size_t *n)
{
    for (size_t i = 0; i < *n; i++)
        out[i] = (struct media){.partition = partition, .id = ids[i]};
    return record_load_many(task, state, out, n);
}

struct addition {
    const struct collection *collection;
    struct media *media; /* some, each to be loaded again when they are overtaken */
    size_t n;
    bool fresh;
};

static enum err add_some(struct task *task, struct state *state, void *arg)
{
    struct addition *addition = arg;
    const struct collection *collection = addition->collection;
    struct media *entering = ARENA_ARRAY(task->arena, struct media, addition->n);
    struct commit *commit = commit_new(task, state, collection->partition);
    size_t n = 0;
    enum err err =
        addition->fresh ? OK : record_load_many(task, state, addition->media, &addition->n);

    addition->fresh = false;
    for (size_t i = 0; i < addition->n && err == OK; i++) {
        const struct media *was = &addition->media[i];

        if (is_in(was, collection->id))
            continue;
        if (was->collection_count >= COLLECTIONS_OF_MEDIA_MAX)
            return ERR_QUOTA;
        entering[n] = *was;
        list_in(task->arena, &entering[n], collection->id);
        record_save(commit, was, &entering[n]);
        n++;
    }
    if (err != OK || n == 0)
        return err;
    enter(commit, collection, entering, n);
    return commit_send(commit);
}

static int compare(const void *a, const void *b)
{
    const struct slice *one = *(const struct slice *const *)a,
                       *two = *(const struct slice *const *)b;
    int order = slice_compare(*one, *two);

    return order ? order : one < two ? -1 : one > two;
}

/* Each id once, at its first place. */
static struct slice *once_each(struct arena *arena, const struct slice *ids, size_t *n)
{
    const struct slice **sorted = ARENA_ARRAY(arena, const struct slice *, *n);
    bool *again = ARENA_ARRAY(arena, bool, *n);
    struct slice *out = ARENA_ARRAY(arena, struct slice, *n);
    size_t kept = 0;

    for (size_t i = 0; i < *n; i++)
        sorted[i] = &ids[i];
    qsort(sorted, *n, sizeof *sorted, compare);
    for (size_t i = 1; i < *n; i++)
        again[sorted[i] - ids] = slice_eq(*sorted[i], *sorted[i - 1]);
    for (size_t i = 0; i < *n; i++)
        if (!again[i])
            out[kept++] = ids[i];
    *n = kept;
    return out;
}

/* The first of the ids that is not among the media, which are in the same order; empty: none. */
static struct slice first_missing(const struct slice *ids, size_t n, const struct media *media,
                                  size_t found, struct slice owner)
{
    for (size_t i = 0; i < n; i++)
        if (i >= found || !slice_eq(media[i].id, ids[i]) || !slice_eq(media[i].owner, owner))
            return ids[i];
    return SLICE_NONE;
}

/* Whether all of them have room, as far as can be seen. */
static enum err judge_room(struct task *task, struct state *state,
                           const struct collection *collection, const struct media *media, size_t n,
                           struct slice *crowded)
{
    struct redis_value count;
    size_t more = 0;
    enum err err = state_command(task, state->durable, &count, SLICE("ZCARD"),
                                 collection_members_key(task->arena, collection));

    for (size_t i = 0; i < n && err == OK; i++) {
        if (is_in(&media[i], collection->id))
            continue;
        more++;
        if (media[i].collection_count >= COLLECTIONS_OF_MEDIA_MAX) {
            *crowded = media[i].id;
            return ERR_QUOTA;
        }
    }
    if (err == OK && (uint64_t)count.number + more > COLLECTION_MEDIA_MAX)
        err = ERR_QUOTA;
    return err;
}

enum err collection_add(struct task *task, struct state *state, const struct collection *collection,
                        const struct slice *given, size_t n, struct slice *unknown)
{
    struct slice *ids = once_each(task->arena, given, &n);
    struct media *media = ARENA_ARRAY(task->arena, struct media, n);
    size_t found = n;
    enum err err = load_all(task, state, collection->partition, ids, media, &found);

    *unknown = err == OK ? first_missing(ids, n, media, found, collection->owner) : SLICE_NONE;
    if (unknown->n)
        err = ERR_NOT_FOUND;
    if (err == OK)
        err = judge_room(task, state, collection, media, n, unknown);
    for (size_t from = 0; from < n && err == OK; from += CHUNK) {
        struct addition addition = {.collection = collection,
                                    .media = media + from,
                                    .n = n - from < CHUNK ? n - from : CHUNK,
                                    .fresh = true};

        err = record_repeat(task, state, add_some, &addition);
    }
    return err;
}

/* -- Taking out and moving -------------------------------------------------------------------- */

struct removal {
    const struct collection *collection;
    struct slice media_id;
};

static enum err take_out(struct task *task, struct state *state, void *arg)
{
    const struct removal *removal = arg;
    const struct collection *collection = removal->collection;
    struct media was = {.id = removal->media_id}, now;
    enum err err = record_load(task, state, &was);

    if (err == OK && (was.partition != collection->partition || !is_in(&was, collection->id)))
        err = ERR_NOT_FOUND;
    if (err != OK)
        return err;
    struct commit *commit = commit_new(task, state, collection->partition);
    now = was;
    list_out(task->arena, &now, collection->id);
    commit_allow_full(commit);
    record_save(commit, &was, &now);
    require_there(commit, collection);
    write_members(commit, SLICE("UNCOLLECT"), collection, &was.id, 1);
    tell(commit, EVENT_COLLECTION_MEDIA_REMOVED, collection, &was.id, 1);
    return commit_send(commit);
}

enum err collection_take_out(struct task *task, struct state *state,
                             const struct collection *collection, struct slice media_id)
{
    struct removal removal = {collection, media_id};

    return record_repeat(task, state, take_out, &removal);
}

enum err collection_move(struct task *task, struct state *state,
                         const struct collection *collection, const struct slice *ids, size_t n,
                         const struct collection_place *place)
{
    struct arena *arena = task->arena;
    struct slice members = collection_members_key(arena, collection);
    struct slice *args = ARENA_ARRAY(arena, struct slice, n + 2);
    struct commit *commit = commit_new(task, state, collection->partition);

    args[0] = !place->anchor.n ? SLICE("at") : place->after ? SLICE("after") : SLICE("before");
    args[1] = place->anchor.n ? place->anchor : record_number(arena, place->at);
    memcpy(args + 2, ids, n * sizeof *ids);
    require_there(commit, collection);
    if (place->anchor.n)
        commit_require_member(commit, members, place->anchor, ERR_NOT_FOUND);
    for (size_t i = 0; i < n; i++)
        commit_require_member(commit, members, ids[i], ERR_NOT_FOUND);
    write_members(commit, SLICE("COLLECT_PLACE"), collection, args, n + 2);
    tell(commit, EVENT_COLLECTION_MEDIA_MOVED, collection, ids, n);
    return commit_send(commit);
}

/* -- Looking ---------------------------------------------------------------------------------- */

enum { LOOKS = 3 };

static void send_look(struct task *task, struct state *state, const struct collection *collection,
                      bool all, struct redis_call **calls)
{
    struct slice key = view_key(task->arena, collection, all);

    calls[0] = redis_send(state->durable, REDIS_ARGV(SLICE("ZCARD"), key), 2);
    calls[1] =
        redis_send(state->durable, REDIS_ARGV(SLICE("ZSCORE"), key, collection->cover_media_id), 3);
    calls[2] =
        redis_send(state->durable, REDIS_ARGV(SLICE("ZRANGE"), key, SLICE("0"), SLICE("0")), 4);
}

enum err collection_look(struct task *task, struct state *state,
                         const struct collection *collections, const bool *all, size_t n,
                         struct collection_view *out)
{
    struct redis_call **calls = ARENA_ARRAY(task->arena, struct redis_call *, LOOKS * n);
    struct redis_value *replies = ARENA_ARRAY(task->arena, struct redis_value, LOOKS * n);

    for (size_t i = 0; i < n; i++)
        send_look(task, state, &collections[i], all[i], calls + LOOKS * i);
    enum err err = redis_await_all(task, calls, LOOKS * n, replies);
    for (size_t i = 0; i < LOOKS * n && err == OK; i++)
        err = state_fault(&replies[i]);
    for (size_t i = 0; i < n && err == OK; i++) {
        const struct redis_value *count = &replies[LOOKS * i], *first = count + 2;
        bool chosen = count[1].type == REDIS_TEXT;

        out[i] = (struct collection_view){
            .count = (uint64_t)count->number,
            .cover = chosen     ? collections[i].cover_media_id
                     : first->n ? first->items[0].text
                                : SLICE_NONE,
        };
    }
    return err;
}

enum err collection_members(struct task *task, struct state *state,
                            const struct collection *collection, bool all, uint64_t skip,
                            uint64_t limit, struct media **out, size_t *n, uint64_t *total)
{
    struct slice key = view_key(task->arena, collection, all);
    struct redis_value ids;
    enum err err = state_page(task, state, key, false, skip, limit, &ids, total);

    *n = ids.n;
    if (err != OK)
        return err;
    *out = ARENA_ARRAY(task->arena, struct media, *n);
    for (size_t i = 0; i < *n; i++)
        (*out)[i] = (struct media){.partition = collection->partition, .id = ids.items[i].text};
    return record_load_many(task, state, *out, n);
}

/* -- What a deleted one leaves ---------------------------------------------------------------- */

static enum err members_left(struct task *task, struct state *state,
                             const struct collection *collection, struct redis_value *out)
{
    return state_command(task, state->durable, out, SLICE("ZRANGE"),
                         collection_members_key(task->arena, collection), SLICE("0"),
                         record_number(task->arena, CHUNK - 1));
}

/* ERR_NOT_FOUND: there is none left to forget it, nor anything of it. */
static enum err forget_some(struct task *task, struct state *state, void *arg)
{
    struct collection *collection = arg;
    struct arena *arena = task->arena;
    struct redis_value left;
    enum err err = members_left(task, state, collection, &left);
    size_t n = err == OK ? left.n : 0, found = n;

    if (err != OK)
        return err;
    struct commit *commit = commit_new(task, state, collection->partition);
    commit_allow_full(commit);
    if (n == 0) {
        commit_write(commit, SLICE("SREM"), orphans_key(arena, collection->partition),
                     collection->id);
        err = commit_send(commit);
        return err == OK ? ERR_NOT_FOUND : err;
    }
    struct slice *ids = ARENA_ARRAY(arena, struct slice, n);
    struct media *media = ARENA_ARRAY(arena, struct media, n);
    for (size_t i = 0; i < n; i++)
        ids[i] = left.items[i].text;
    err = load_all(task, state, collection->partition, ids, media, &found);
    for (size_t i = 0; i < found && err == OK; i++) {
        struct media now = media[i];

        collection->owner = now.owner;
        list_out(arena, &now, collection->id);
        record_save(commit, &media[i], &now);
    }
    if (err != OK)
        return err;
    write_members(commit, SLICE("UNCOLLECT"), collection, ids, n);
    if (found)
        tell(commit, EVENT_COLLECTION_MEDIA_FORGOTTEN, collection, ids, n);
    return commit_send(commit);
}

static enum err forget_in(struct task *task, struct state *state, unsigned partition,
                          const bool *stopping, unsigned *chunks)
{
    enum err err = OK;

    while (*chunks > 0 && err == OK && !*stopping) {
        struct task some = *task;
        struct redis_value orphan;

        some.arena = arena_new();
        err = state_command(&some, state->durable, &orphan, SLICE("SRANDMEMBER"),
                            orphans_key(some.arena, partition));
        if (err == OK && orphan.type != REDIS_TEXT) {
            arena_free(some.arena);
            return OK;
        }
        struct collection collection = {.id = orphan.text, .partition = partition};
        if (err == OK)
            err = record_repeat(&some, state, forget_some, &collection);
        if (err == ERR_NOT_FOUND)
            err = OK;
        arena_free(some.arena);
        (*chunks)--;
    }
    return err;
}

enum err collection_forget_deleted(struct task *task, struct state *state, const bool *stopping)
{
    unsigned chunks = CHUNKS_FORGOTTEN_AT_ONCE;
    enum err err = OK;

    for (unsigned i = 0; i < state->partitions && err == OK; i++)
        err = forget_in(task, state, i, stopping, &chunks);
    return err;
}
