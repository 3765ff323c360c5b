#include "state/backup_version.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "state/blob.h"
#include "state/commit.h"
#include "state/record.h"

#include <assert.h>
#include <inttypes.h>

enum { UUID_BYTES = 16, CHANGES_MAX_BYTES = 256 };

static struct slice stock_key(struct arena *arena, struct slice collection)
{
    return state_key(arena, BACKUP_PARTITION, "backup:%.*s", SLICE_ARG(collection));
}

static struct slice index_key(struct arena *arena, struct slice collection)
{
    return state_key(arena, BACKUP_PARTITION, "backup_versions:%.*s", SLICE_ARG(collection));
}

static struct slice old_record_key(struct arena *arena, struct slice collection,
                                   struct slice number)
{
    return state_key(arena, BACKUP_PARTITION, "backup_version:%.*s:%.*s", SLICE_ARG(collection),
                     SLICE_ARG(number));
}

static struct slice collections_key(struct arena *arena)
{
    return state_key(arena, BACKUP_PARTITION, "backup_collections");
}

/* --- reading -----------------------------------------------------------------------------------
 */

enum err backup_stock_load(struct task *task, struct state *state, struct slice collection,
                           struct backup_stock *out)
{
    struct redis_value fields;
    enum err err = state_command(task, state->durable, &fields, SLICE("HGETALL"),
                                 stock_key(task->arena, collection));

    if (err != OK)
        return err;
    *out = (struct backup_stock){
        .last = record_get_number(&fields, SLICE("last")),
        .count = record_get_number(&fields, SLICE("count")),
        .bytes = record_get_number(&fields, SLICE("bytes")),
    };
    return OK;
}

static bool from_fields(struct slice collection, const struct redis_value *fields,
                        struct backup_version *out)
{
    *out = (struct backup_version){
        .id = redis_field(fields, SLICE("id")),
        .collection = collection,
        .number = record_get_number(fields, SLICE("number")),
        .filename = redis_field(fields, SLICE("filename")),
        .size = record_get_number(fields, SLICE("size")),
        .sha256 = redis_field(fields, SLICE("sha256")),
        .session_id = redis_field(fields, SLICE("session")),
        .user = redis_field(fields, SLICE("user")),
        .created_ms = record_get_number(fields, SLICE("created")),
        .updated_ms = record_get_number(fields, SLICE("updated")),
    };
    return out->id.n > 0;
}

static enum err load_all(struct task *task, struct state *state, struct slice collection,
                         const struct redis_value *numbers, struct backup_version *out, size_t *n)
{
    struct arena *arena = task->arena;
    struct redis_call **calls = ARENA_ARRAY(arena, struct redis_call *, numbers->n);
    struct redis_value *replies = ARENA_ARRAY(arena, struct redis_value, numbers->n);

    *n = 0;
    for (size_t i = 0; i < numbers->n; i++)
        calls[i] = redis_send(
            state->durable,
            REDIS_ARGV(SLICE("HGETALL"), old_record_key(arena, collection, numbers->items[i].text)),
            2);
    enum err err = redis_await_all(task, calls, numbers->n, replies);
    for (size_t i = 0; i < numbers->n && err == OK; i++) {
        err = state_fault(&replies[i]);
        if (err == OK && from_fields(collection, &replies[i], &out[*n]))
            (*n)++;
    }
    return err;
}

static enum err load_listed(struct task *task, struct state *state, struct slice collection,
                            enum err err, const struct redis_value *numbers,
                            struct backup_version **out, size_t *n)
{
    *n = 0;
    if (err != OK)
        return err;
    *out = ARENA_ARRAY(task->arena, struct backup_version, numbers->n);
    return load_all(task, state, collection, numbers, *out, n);
}

enum err backup_version_after(struct task *task, struct state *state, struct slice collection,
                              uint64_t number, size_t limit, struct backup_version **out, size_t *n)
{
    struct arena *arena = task->arena;
    struct redis_value numbers;

    assert(limit <= BACKUP_LIST_MAX);
    enum err err =
        state_command(task, state->durable, &numbers, SLICE("ZRANGE"), index_key(arena, collection),
                      arena_printf(arena, "(%" PRIu64, number), SLICE("+inf"), SLICE("BYSCORE"),
                      SLICE("LIMIT"), SLICE("0"), record_number(arena, limit));
    return load_listed(task, state, collection, err, &numbers, out, n);
}

enum err backup_version_newest(struct task *task, struct state *state, struct slice collection,
                               size_t limit, struct backup_version **out, size_t *n)
{
    struct arena *arena = task->arena;
    struct redis_value numbers;

    assert(limit > 0 && limit <= BACKUP_LIST_MAX);
    enum err err =
        state_command(task, state->durable, &numbers, SLICE("ZREVRANGE"),
                      index_key(arena, collection), SLICE("0"), record_number(arena, limit - 1));
    return load_listed(task, state, collection, err, &numbers, out, n);
}

enum err backup_version_load(struct task *task, struct state *state, struct slice collection,
                             uint64_t number, struct backup_version *out)
{
    struct redis_value fields;
    struct slice key = old_record_key(task->arena, collection, record_number(task->arena, number));
    enum err err = state_command(task, state->durable, &fields, SLICE("HGETALL"), key);

    if (err != OK)
        return err;
    return from_fields(collection, &fields, out) ? OK : ERR_NOT_FOUND;
}

enum err backup_collections(struct task *task, struct state *state, struct slice **out, size_t *n)
{
    struct redis_value names;
    enum err err = state_command(task, state->durable, &names, SLICE("SMEMBERS"),
                                 collections_key(task->arena));

    *n = 0;
    if (err != OK)
        return err;
    *out = ARENA_ARRAY(task->arena, struct slice, names.n);
    for (; *n < names.n; (*n)++)
        (*out)[*n] = names.items[*n].text;
    return OK;
}

/* --- adding ------------------------------------------------------------------------------------
 */

/* RFC 9562 section 5.4. */
static struct slice new_uuid(struct arena *arena)
{
    uint8_t bytes[UUID_BYTES];

    random_bytes(bytes, sizeof bytes);
    bytes[6] = (uint8_t)(0x40 | (bytes[6] & 0x0f));
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f));
    struct slice hex = text_hex(arena, bytes, sizeof bytes);
    return arena_printf(arena, "%.8s-%.4s-%.4s-%.4s-%.12s", hex.p, hex.p + 8, hex.p + 12,
                        hex.p + 16, hex.p + 20);
}

static struct slice changes_of(struct arena *arena, const struct backup_version *version)
{
    struct json_writer w;
    struct buf buf;

    buf_init(&buf, CHANGES_MAX_BYTES);
    jw_init(&w, &buf);
    jw_object(&w);
    jw_str(&w, "version_id", version->id);
    jw_int(&w, "version", (int64_t)version->number);
    jw_int(&w, "size", (int64_t)version->size);
    jw_object_end(&w);
    struct slice json = arena_dup(arena, buf_slice(&buf));
    buf_fini(&buf);
    return json;
}

static void add_record(struct commit *commit, const struct backup_version *version)
{
    struct arena *arena = commit_arena(commit);
    struct slice number = record_number(arena, version->number);
    struct slice created = record_number(arena, version->created_ms);

    commit_write(commit, SLICE("HSET"), old_record_key(arena, version->collection, number),
                 SLICE("id"), version->id, SLICE("number"), number, SLICE("filename"),
                 version->filename, SLICE("size"), record_number(arena, version->size),
                 SLICE("sha256"), version->sha256, SLICE("session"), version->session_id,
                 SLICE("user"), version->user, SLICE("created"), created, SLICE("updated"),
                 created);
    commit_write(commit, SLICE("ZADD"), index_key(arena, version->collection), number, number);
    commit_write(commit, SLICE("INCRBY"), blob_key(arena, BACKUP_PARTITION, version->sha256),
                 SLICE("1"));
    commit_write(commit, SLICE("SADD"), collections_key(arena), version->collection);
}

static void add_removal(struct commit *commit, const struct backup_version *version)
{
    struct arena *arena = commit_arena(commit);
    struct slice number = record_number(arena, version->number);

    commit_write(commit, SLICE("DEL"), old_record_key(arena, version->collection, number));
    commit_write(commit, SLICE("ZREM"), index_key(arena, version->collection), number);
    commit_write(commit, SLICE("UNREF"), blob_key(arena, BACKUP_PARTITION, version->sha256));
}

static struct slice number_or_none(struct arena *arena, uint64_t number)
{
    return number ? record_number(arena, number) : SLICE("");
}

enum err backup_version_add(struct task *task, struct state *state,
                            const struct backup_stock *stock, struct backup_version *version,
                            struct slice owner, const struct backup_version *removed, size_t n)
{
    struct arena *arena = task->arena;
    struct slice key = stock_key(arena, version->collection);
    struct commit *commit = commit_new(task, state, BACKUP_PARTITION);
    struct backup_stock now = {stock->last + 1, stock->count + 1, stock->bytes + version->size};

    assert(n <= BACKUP_REMOVED_MAX);
    version->id = new_uuid(arena);
    version->number = now.last;
    version->created_ms = version->updated_ms = clock_unix_ms();
    struct event event = {.type = EVENT_COLLECTION_VERSION_UPLOADED,
                          .owner = owner,
                          .resource = version->collection,
                          .resource_type = SLICE("collection"),
                          .changes = changes_of(arena, version)};
    commit_require_field(commit, key, SLICE("last"), number_or_none(arena, stock->last));
    commit_event(commit, &event);
    add_record(commit, version);
    for (size_t i = 0; i < n; i++) {
        add_removal(commit, &removed[i]);
        now.count--;
        now.bytes -= removed[i].size;
    }
    commit_write(commit, SLICE("HSET"), key, SLICE("last"), record_number(arena, now.last),
                 SLICE("count"), record_number(arena, now.count), SLICE("bytes"),
                 record_number(arena, now.bytes));
    return commit_send(commit);
}
