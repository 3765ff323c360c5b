#include "state/backup_version.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "state/blob.h"

#include <assert.h>
#include <inttypes.h>

enum { UUID_BYTES = 16, CHANGES_MAX_BYTES = 256 };

static struct slice index_key(struct arena *arena, struct slice collection)
{
    return state_key(arena, BACKUP_PARTITION, "backup_versions:%.*s", SLICE_ARG(collection));
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
    *out = (struct backup_stock){.partition = BACKUP_PARTITION, .collection = collection};
    enum err err = record_load(task, state, out);

    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err load_listed(struct task *task, struct state *state, struct slice collection,
                            enum err err, const struct redis_value *numbers,
                            struct backup_version **out, size_t *n)
{
    *n = 0;
    if (err != OK)
        return err;
    *out = ARENA_ARRAY(task->arena, struct backup_version, numbers->n);
    for (size_t i = 0; i < numbers->n; i++) {
        struct backup_version *version = &(*out)[*n];

        *version = (struct backup_version){.partition = BACKUP_PARTITION, .collection = collection};
        *n += slice_to_u64(numbers->items[i].text, &version->number);
    }
    return record_load_many(task, state, *out, n);
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
    *out = (struct backup_version){
        .partition = BACKUP_PARTITION, .collection = collection, .number = number};
    return record_load(task, state, out);
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

static void add_record(struct commit *commit, struct backup_version *version)
{
    struct arena *arena = commit_arena(commit);
    struct slice number = record_number(arena, version->number);

    record_create(commit, version);
    commit_write(commit, SLICE("ZADD"), index_key(arena, version->collection), number, number);
    commit_write(commit, SLICE("INCRBY"), blob_key(arena, BACKUP_PARTITION, version->sha256),
                 SLICE("1"));
    commit_write(commit, SLICE("SADD"), collections_key(arena), version->collection);
}

static void add_removal(struct commit *commit, const struct backup_version *version)
{
    struct arena *arena = commit_arena(commit);
    struct slice number = record_number(arena, version->number);

    commit_write(commit, SLICE("DEL"), record_key(arena, version));
    commit_write(commit, SLICE("ZREM"), index_key(arena, version->collection), number);
    commit_write(commit, SLICE("UNREF"), blob_key(arena, BACKUP_PARTITION, version->sha256));
}

enum err backup_version_add(struct task *task, struct state *state,
                            const struct backup_stock *stock, struct backup_version *version,
                            struct slice owner, const struct backup_version *removed, size_t n)
{
    struct arena *arena = task->arena;
    struct commit *commit = commit_new(task, state, BACKUP_PARTITION);
    struct backup_stock now = *stock;

    assert(n <= BACKUP_REMOVED_MAX);
    version->id = new_uuid(arena);
    version->partition = BACKUP_PARTITION;
    version->number = stock->last + 1;
    version->created_ms = version->updated_ms = clock_unix_ms();
    struct event event = {.type = EVENT_COLLECTION_VERSION_UPLOADED,
                          .owner = owner,
                          .resource = version->collection,
                          .resource_type = SLICE("collection"),
                          .changes = changes_of(arena, version)};
    commit_event(commit, &event);
    add_record(commit, version);
    now.last = version->number;
    now.count++;
    now.bytes += version->size;
    for (size_t i = 0; i < n; i++) {
        add_removal(commit, &removed[i]);
        now.count--;
        now.bytes -= removed[i].size;
    }
    if (stock->last)
        record_save(commit, stock, &now);
    else
        record_create(commit, &now);
    enum err err = commit_send(commit);
    return err == ERR_CONFLICT ? ERR_OVERTAKEN : err; /* it was somebody's first, too */
}
