#include "state/endpoint.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "state/id.h"
#include "state/record.h"

#include <assert.h>

enum { SECRET_BYTES = 24, CHUNK = 500 };

static const struct slice prefix = SLICE_INIT("whk_");

static struct slice endpoint_key(struct arena *arena, unsigned partition, struct slice id)
{
    return state_key(arena, partition, "endpoint:%.*s", SLICE_ARG(id));
}

static struct slice list_key(struct arena *arena, unsigned partition)
{
    return state_key(arena, partition, "endpoints");
}

static bool names(const struct endpoint *endpoint, struct slice name)
{
    for (size_t i = 0; i < endpoint->event_count; i++)
        if (slice_eq(endpoint->events[i], name))
            return true;
    return false;
}

bool endpoint_wants(const struct endpoint *endpoint, const struct event *event)
{
    const struct event_row *row = event_row(event->type);

    if (!endpoint->active || row->webhook == WEBHOOK_NEVER)
        return false;
    if (!endpoint->owner_is_admin && !slice_eq(endpoint->owner, event->owner))
        return false;
    return names(endpoint, row->name) ||
           (row->webhook == WEBHOOK_ALWAYS && names(endpoint, SLICE("*")));
}

struct slice endpoint_health_key(struct arena *arena, unsigned partition, struct slice id)
{
    return state_key(arena, partition, "health:%.*s", SLICE_ARG(id));
}

static void changed(struct commit *commit)
{
    commit_write(commit, SLICE("INCRBY"),
                 state_key(commit_arena(commit), commit_partition(commit), "endpoints:version"),
                 SLICE("1"));
}

static struct slice new_secret(struct arena *arena)
{
    char random[SECRET_BYTES];

    random_bytes(random, sizeof random);
    return arena_printf(arena, "whsec_%.*s",
                        SLICE_ARG(text_base64(arena, (struct slice){random, sizeof random})));
}

enum err endpoint_create(struct task *task, struct state *state, struct endpoint *endpoint)
{
    struct arena *arena = task->arena;
    bool known = id_parse(endpoint->owner, SLICE("user_"), state->partitions, &endpoint->partition);

    assert(known);
    endpoint->id = id_new(arena, prefix, endpoint->partition);
    endpoint->created_ms = endpoint->updated_ms = clock_unix_ms();
    if (!endpoint->secret.n)
        endpoint->secret = new_secret(arena);

    struct commit *commit = commit_new(task, state, endpoint->partition);
    struct slice key = endpoint_key(arena, endpoint->partition, endpoint->id);
    struct slice created = record_number(arena, endpoint->created_ms);
    commit_require_absent(commit, key);
    commit_write(commit, SLICE("HSET"), key, SLICE("owner"), endpoint->owner, SLICE("admin"),
                 record_flag(endpoint->owner_is_admin), SLICE("url"), endpoint->url,
                 SLICE("description"), endpoint->description, SLICE("events"),
                 record_join(arena, endpoint->events, endpoint->event_count), SLICE("secret"),
                 endpoint->secret, SLICE("active"), record_flag(endpoint->active),
                 SLICE("disabled_reason"), endpoint->disabled_reason, SLICE("created"), created,
                 SLICE("updated"), created);
    commit_write(commit, SLICE("ZADD"), list_key(arena, endpoint->partition), created,
                 endpoint->id);
    changed(commit);
    return commit_send(commit);
}

static void from_fields(struct arena *arena, struct slice id, unsigned partition,
                        const struct redis_value *fields, struct endpoint *out)
{
    *out = (struct endpoint){
        .id = id,
        .partition = partition,
        .owner = redis_field(fields, SLICE("owner")),
        .owner_is_admin = record_get_flag(fields, SLICE("admin")),
        .url = redis_field(fields, SLICE("url")),
        .description = redis_field(fields, SLICE("description")),
        .secret = redis_field(fields, SLICE("secret")),
        .old_secret = redis_field(fields, SLICE("old_secret")),
        .old_secret_until_ms = record_get_number(fields, SLICE("old_secret_until")),
        .active = record_get_flag(fields, SLICE("active")),
        .disabled_reason = redis_field(fields, SLICE("disabled_reason")),
        .created_ms = record_get_number(fields, SLICE("created")),
        .updated_ms = record_get_number(fields, SLICE("updated")),
    };
    out->events = record_split(arena, redis_field(fields, SLICE("events")), &out->event_count);
}

enum err endpoint_load(struct task *task, struct state *state, struct slice id,
                       struct endpoint *out)
{
    struct redis_value fields;
    unsigned partition;

    if (!id_parse(id, prefix, state->partitions, &partition))
        return ERR_NOT_FOUND;
    enum err err = state_command(task, state->durable, &fields, SLICE("HGETALL"),
                                 endpoint_key(task->arena, partition, id));
    if (err != OK)
        return err;
    if (!fields.n)
        return ERR_NOT_FOUND;
    from_fields(task->arena, arena_dup(task->arena, id), partition, &fields, out);
    return OK;
}

static enum err send_change(struct commit *commit)
{
    changed(commit);
    enum err err = commit_send(commit);
    return err == ERR_CONFLICT ? ERR_NOT_FOUND : err;
}

void endpoint_rotate_secret(struct arena *arena, struct endpoint *endpoint)
{
    endpoint->old_secret = endpoint->secret;
    endpoint->old_secret_until_ms = clock_unix_ms() + ENDPOINT_OLD_SECRET_MS;
    endpoint->secret = new_secret(arena);
}

enum err endpoint_update(struct task *task, struct state *state, struct endpoint *endpoint)
{
    struct arena *arena = task->arena;
    struct commit *commit = commit_new(task, state, endpoint->partition);
    struct slice key = endpoint_key(arena, endpoint->partition, endpoint->id);

    endpoint->updated_ms = clock_unix_ms();
    commit_require_present(commit, key);
    commit_write(commit, SLICE("HSET"), key, SLICE("url"), endpoint->url, SLICE("description"),
                 endpoint->description, SLICE("events"),
                 record_join(arena, endpoint->events, endpoint->event_count), SLICE("secret"),
                 endpoint->secret, SLICE("old_secret"), endpoint->old_secret,
                 SLICE("old_secret_until"), record_number(arena, endpoint->old_secret_until_ms),
                 SLICE("active"), record_flag(endpoint->active), SLICE("disabled_reason"),
                 endpoint->disabled_reason, SLICE("updated"),
                 record_number(arena, endpoint->updated_ms));
    if (endpoint->active)
        commit_write(commit, SLICE("DEL"),
                     endpoint_health_key(arena, endpoint->partition, endpoint->id));
    return send_change(commit);
}

enum err endpoint_delete(struct task *task, struct state *state, const struct endpoint *endpoint)
{
    struct commit *commit = commit_new(task, state, endpoint->partition);
    struct slice key = endpoint_key(task->arena, endpoint->partition, endpoint->id);

    commit_require_present(commit, key);
    commit_write(commit, SLICE("DEL"), key,
                 endpoint_health_key(task->arena, endpoint->partition, endpoint->id));
    commit_write(commit, SLICE("ZREM"), list_key(task->arena, endpoint->partition), endpoint->id);
    return send_change(commit);
}

enum err endpoint_disable(struct task *task, struct state *state, const struct endpoint *endpoint,
                          struct slice reason)
{
    struct commit *commit = commit_new(task, state, endpoint->partition);
    struct slice key = endpoint_key(task->arena, endpoint->partition, endpoint->id);

    commit_require_present(commit, key);
    commit_write(commit, SLICE("HSET"), key, SLICE("active"), record_flag(false),
                 SLICE("disabled_reason"), reason, SLICE("updated"),
                 record_number(task->arena, clock_unix_ms()));
    return send_change(commit);
}

/* Loads ids[0 .. n) and appends those of the owner to out. */
static enum err load_chunk(struct task *task, struct state *state, unsigned partition,
                           struct slice owner, const struct redis_value *ids, struct endpoint *out,
                           size_t *out_n)
{
    struct arena *arena = task->arena;
    struct redis_call **calls = ARENA_ARRAY(arena, struct redis_call *, ids->n);
    struct redis_value *replies = ARENA_ARRAY(arena, struct redis_value, ids->n);

    for (size_t i = 0; i < ids->n; i++)
        calls[i] = redis_send(
            state->durable,
            REDIS_ARGV(SLICE("HGETALL"), endpoint_key(arena, partition, ids->items[i].text)), 2);
    enum err err = redis_await_all(task, calls, ids->n, replies);
    for (size_t i = 0; i < ids->n && err == OK; i++) {
        err = state_fault(&replies[i]);
        if (err != OK || !replies[i].n ||
            (owner.n && !slice_eq(owner, redis_field(&replies[i], SLICE("owner")))))
            continue;
        from_fields(arena, ids->items[i].text, partition, &replies[i], &out[(*out_n)++]);
    }
    return err;
}

enum err endpoint_list(struct task *task, struct state *state, unsigned partition,
                       struct slice owner, struct endpoint **out, size_t *n)
{
    struct arena *arena = task->arena;
    struct slice key = list_key(arena, partition);
    struct redis_value reply;
    enum err err = state_command(task, state->durable, &reply, SLICE("ZCARD"), key);

    *n = 0;
    *out = NULL;
    if (err != OK)
        return err;
    size_t total = reply.number < ENDPOINTS_MAX ? (size_t)reply.number : ENDPOINTS_MAX;
    *out = ARENA_ARRAY(arena, struct endpoint, total);
    for (size_t from = 0; from < total && err == OK; from += CHUNK) {
        size_t until = total - from < CHUNK ? total : from + CHUNK;

        err = state_command(task, state->durable, &reply, SLICE("ZRANGE"), key,
                            record_number(arena, from), record_number(arena, until - 1));
        if (err == OK)
            err = load_chunk(task, state, partition, owner, &reply, *out, n);
    }
    return err;
}

enum err endpoint_version(struct task *task, struct state *state, unsigned partition, uint64_t *out)
{
    struct redis_value reply;
    enum err err = state_command(task, state->durable, &reply, SLICE("GET"),
                                 state_key(task->arena, partition, "endpoints:version"));

    if (err != OK || !slice_to_u64(reply.text, out))
        *out = 0;
    return err;
}
