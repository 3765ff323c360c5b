#include "state/granted_access.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "state/commit.h"
#include "state/record.h"

/* Surplus records that one login clears away; more wait for the next. */
enum { PRUNED_MAX = 100 };

static struct slice old_record_key(struct arena *arena, unsigned partition, struct slice id)
{
    return state_key(arena, partition, "granted:%.*s", SLICE_ARG(id));
}

static struct slice index_key(struct arena *arena, unsigned partition, struct slice user_id)
{
    return state_key(arena, partition, "granted_to:%.*s", SLICE_ARG(user_id));
}

static enum err from_fields(const struct redis_value *fields, struct granted_access *out)
{
    *out = (struct granted_access){
        .id = redis_field(fields, SLICE("id")),
        .user_id = redis_field(fields, SLICE("user_id")),
        .partition = (unsigned)record_get_number(fields, SLICE("partition")),
        .user = redis_field(fields, SLICE("user")),
        .access_key = redis_field(fields, SLICE("access_key")),
        .description = redis_field(fields, SLICE("description")),
        .requester_ip = redis_field(fields, SLICE("ip")),
        .deactivated = record_get_flag(fields, SLICE("deactivated")),
        .created_ms = record_get_number(fields, SLICE("created")),
        .updated_ms = record_get_number(fields, SLICE("updated")),
        .expires_ms = record_get_number(fields, SLICE("expires")),
    };
    return out->id.n ? OK : ERR_NOT_FOUND;
}

static void add_record(struct commit *commit, const struct granted_access *access)
{
    struct arena *arena = commit_arena(commit);
    struct slice key = old_record_key(arena, access->partition, access->id);
    struct slice created = record_number(arena, access->created_ms);

    commit_require_absent(commit, key);
    commit_write(commit, SLICE("HSET"), key, SLICE("id"), access->id, SLICE("user_id"),
                 access->user_id, SLICE("partition"), record_number(arena, access->partition),
                 SLICE("user"), access->user, SLICE("access_key"), access->access_key,
                 SLICE("description"), access->description, SLICE("ip"), access->requester_ip,
                 SLICE("deactivated"), record_flag(access->deactivated), SLICE("created"), created,
                 SLICE("updated"), created, SLICE("expires"),
                 record_number(arena, access->expires_ms));
    commit_write(commit, SLICE("PEXPIREAT"), key,
                 record_number(arena, access->expires_ms + GRANTED_KEPT_S * UINT64_C(1000)));
    commit_write(commit, SLICE("ZADD"), index_key(arena, access->partition, access->user_id),
                 created, access->id);
}

static void add_revocation(struct commit *commit, const struct granted_access *access)
{
    struct event event = {.type = EVENT_SESSION_REVOKED,
                          .owner = access->user_id,
                          .resource = access->id,
                          .resource_type = SLICE("session")};

    commit_event(commit, &event);
}

static enum err load_all(struct task *task, struct state *state, unsigned partition,
                         const struct redis_value *ids, struct granted_access *out, size_t *n)
{
    struct redis_call **calls = ARENA_ARRAY(task->arena, struct redis_call *, ids->n);
    struct redis_value *replies = ARENA_ARRAY(task->arena, struct redis_value, ids->n);

    *n = 0;
    for (size_t i = 0; i < ids->n; i++)
        calls[i] = granted_access_send(state, task->arena, ids->items[i].text, partition);
    enum err err = redis_await_all(task, calls, ids->n, replies);
    for (size_t i = 0; i < ids->n && err == OK; i++) {
        err = state_fault(&replies[i]);
        if (err == OK && from_fields(&replies[i], &out[*n]) == OK)
            (*n)++;
    }
    return err;
}

/* Makes room for one more: the oldest go, and those of them that still hold are revoked. */
static enum err add_pruning(struct task *task, struct state *state, struct commit *commit,
                            const struct granted_access *newest)
{
    struct slice index = index_key(task->arena, newest->partition, newest->user_id);
    struct granted_access *surplus = ARENA_ARRAY(task->arena, struct granted_access, PRUNED_MAX);
    struct redis_value ids;
    size_t n;
    enum err err = state_command(task, state->durable, &ids, SLICE("ZRANGE"), index, SLICE("0"),
                                 arena_printf(task->arena, "-%d", GRANTED_MAX));

    if (err != OK)
        return err;
    if (ids.n > PRUNED_MAX)
        ids.n = PRUNED_MAX;
    err = load_all(task, state, newest->partition, &ids, surplus, &n);
    for (size_t i = 0; i < n; i++)
        if (granted_access_holds(&surplus[i], newest->created_ms))
            add_revocation(commit, &surplus[i]);
    for (size_t i = 0; i < ids.n; i++) {
        commit_write(commit, SLICE("DEL"),
                     old_record_key(task->arena, newest->partition, ids.items[i].text));
        commit_write(commit, SLICE("ZREM"), index, ids.items[i].text);
    }
    return err;
}

enum err granted_access_create(struct task *task, struct state *state,
                               struct granted_access *access)
{
    struct commit *commit = commit_new(task, state, access->partition);

    access->updated_ms = access->created_ms;
    add_record(commit, access);
    enum err err = add_pruning(task, state, commit, access);
    return err == OK ? commit_send(commit) : err;
}

struct redis_call *granted_access_send(struct state *state, struct arena *arena, struct slice id,
                                       unsigned partition)
{
    return redis_send(state->durable,
                      REDIS_ARGV(SLICE("HGETALL"), old_record_key(arena, partition, id)), 2);
}

enum err granted_access_take(struct task *task, struct redis_call *call, struct granted_access *out)
{
    struct redis_value fields;
    enum err err = redis_await(task, call, &fields);

    if (err == OK)
        err = state_fault(&fields);
    return err == OK ? from_fields(&fields, out) : err;
}

bool granted_access_holds(const struct granted_access *access, uint64_t now_ms)
{
    return !access->deactivated && access->expires_ms > now_ms;
}

enum err granted_access_find(struct task *task, struct state *state, struct slice id,
                             struct granted_access *out)
{
    struct redis_call **calls = ARENA_ARRAY(task->arena, struct redis_call *, state->partitions);
    struct redis_value *replies = ARENA_ARRAY(task->arena, struct redis_value, state->partitions);

    if (id.n != SHA256_HEX)
        return ERR_NOT_FOUND;
    for (unsigned p = 0; p < state->partitions; p++)
        calls[p] = granted_access_send(state, task->arena, id, p);
    enum err err = redis_await_all(task, calls, state->partitions, replies);
    for (unsigned p = 0; p < state->partitions && err == OK; p++) {
        err = state_fault(&replies[p]);
        if (err == OK && from_fields(&replies[p], out) == OK)
            return OK;
    }
    return err == OK ? ERR_NOT_FOUND : err;
}

enum err granted_access_revoke(struct task *task, struct state *state,
                               const struct granted_access *access)
{
    struct slice key = old_record_key(task->arena, access->partition, access->id);
    struct commit *commit = commit_new(task, state, access->partition);

    commit_require_field(commit, key, SLICE("deactivated"), record_flag(false));
    add_revocation(commit, access);
    commit_write(commit, SLICE("HSET"), key, SLICE("deactivated"), record_flag(true),
                 SLICE("updated"), record_number(task->arena, clock_unix_ms()));
    enum err err = commit_send(commit);
    return err == ERR_CONFLICT ? OK : err;
}

enum err granted_access_list(struct task *task, struct state *state, struct slice user_id,
                             unsigned partition, struct granted_access **out, size_t *n)
{
    struct redis_value ids;
    enum err err = state_command(task, state->durable, &ids, SLICE("ZREVRANGE"),
                                 index_key(task->arena, partition, user_id), SLICE("0"),
                                 arena_printf(task->arena, "%d", GRANTED_LIST_MAX - 1));

    if (err != OK)
        return err;
    *out = ARENA_ARRAY(task->arena, struct granted_access, GRANTED_LIST_MAX);
    return load_all(task, state, partition, &ids, *out, n);
}
