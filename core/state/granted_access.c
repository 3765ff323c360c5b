#include "state/granted_access.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "state/id.h"

/* Surplus records that one login clears away; more wait for the next. */
enum { PRUNED_MAX = 100 };

static struct slice index_key(struct arena *arena, unsigned partition, struct slice user_id)
{
    return state_key(arena, partition, "granted_to:%.*s", SLICE_ARG(user_id));
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
                         const struct redis_value *ids, struct granted_access **out, size_t *n)
{
    *out = ARENA_ARRAY(task->arena, struct granted_access, ids->n);
    *n = ids->n;
    for (size_t i = 0; i < ids->n; i++)
        (*out)[i] = (struct granted_access){.partition = partition, .id = ids->items[i].text};
    return record_load_many(task, state, *out, n);
}

/* Makes room for one more: the oldest go, and those of them that still hold are revoked. */
static enum err add_pruning(struct task *task, struct state *state, struct commit *commit,
                            const struct granted_access *newest)
{
    struct slice index = index_key(task->arena, newest->partition, newest->user_id);
    struct granted_access *surplus;
    struct redis_value ids;
    size_t n;
    enum err err = state_command(task, state->durable, &ids, SLICE("ZRANGE"), index, SLICE("0"),
                                 arena_printf(task->arena, "-%d", GRANTED_MAX));

    if (err != OK)
        return err;
    if (ids.n > PRUNED_MAX)
        ids.n = PRUNED_MAX;
    err = load_all(task, state, newest->partition, &ids, &surplus, &n);
    for (size_t i = 0; i < n; i++)
        if (granted_access_holds(&surplus[i], newest->created_ms))
            add_revocation(commit, &surplus[i]);
    for (size_t i = 0; i < ids.n; i++) {
        struct granted_access old = {.partition = newest->partition, .id = ids.items[i].text};

        commit_write(commit, SLICE("DEL"), record_key(task->arena, &old));
        commit_write(commit, SLICE("ZREM"), index, ids.items[i].text);
    }
    return err;
}

enum err granted_access_create(struct task *task, struct state *state,
                               struct granted_access *access)
{
    struct arena *arena = task->arena;
    struct commit *commit = commit_new(task, state, access->partition);

    access->updated_ms = access->created_ms;
    record_create(commit, access);
    commit_write(commit, SLICE("PEXPIREAT"), record_key(arena, access),
                 record_number(arena, access->expires_ms + GRANTED_KEPT_S * UINT64_C(1000)));
    commit_write(commit, SLICE("ZADD"), index_key(arena, access->partition, access->user_id),
                 record_number(arena, access->created_ms), access->id);
    enum err err = add_pruning(task, state, commit, access);
    return err == OK ? commit_send(commit) : err;
}

struct redis_call *granted_access_send(struct state *state, struct arena *arena, struct slice id,
                                       unsigned partition)
{
    struct granted_access access = {.partition = partition, .id = id};

    return record_send(state, arena, &access);
}

enum err granted_access_take(struct task *task, struct redis_call *call, struct granted_access *out)
{
    *out = (struct granted_access){0};
    enum err err = record_take(task, call, out);

    if (err == OK && !id_parse(out->user_id, SLICE("user_"), PARTITION_MAX + 1, &out->partition))
        return ERR_NOT_FOUND;
    return err;
}

bool granted_access_holds(const struct granted_access *access, uint64_t now_ms)
{
    return !access->deactivated && access->expires_ms > now_ms;
}

enum err granted_access_find(struct task *task, struct state *state, struct slice id,
                             struct granted_access *out)
{
    struct granted_access *places =
        ARENA_ARRAY(task->arena, struct granted_access, state->partitions);
    size_t n = state->partitions;

    if (id.n != SHA256_HEX)
        return ERR_NOT_FOUND;
    for (unsigned p = 0; p < state->partitions; p++)
        places[p] = (struct granted_access){.partition = p, .id = id};
    enum err err = record_load_many(task, state, places, &n);
    if (err == OK && n > 0)
        *out = places[0];
    return err == OK && !n ? ERR_NOT_FOUND : err;
}

static enum err deactivate(struct commit *commit, const void *was, void *record, void *arg)
{
    struct granted_access *now = record;

    if (now->deactivated)
        return ERR_CONFLICT;
    add_revocation(commit, now);
    now->deactivated = true;
    now->updated_ms = clock_unix_ms();
    return OK;
}

enum err granted_access_revoke(struct task *task, struct state *state,
                               const struct granted_access *access)
{
    struct granted_access now = {.partition = access->partition, .id = access->id};
    enum err err = record_change(task, state, &now, deactivate, NULL);

    /* Revoked before, or so long ended that nobody keeps it: that is what was wanted. */
    return err == ERR_CONFLICT || err == ERR_NOT_FOUND ? OK : err;
}

/* GRANTED_LIST_MAX of them, from the skip-th newest on. */
static enum err list_from(struct task *task, struct state *state, struct slice user_id,
                          unsigned partition, size_t skip, struct granted_access **out, size_t *n)
{
    struct redis_value ids;
    enum err err = state_command(task, state->durable, &ids, SLICE("ZREVRANGE"),
                                 index_key(task->arena, partition, user_id),
                                 arena_printf(task->arena, "%zu", skip),
                                 arena_printf(task->arena, "%zu", skip + GRANTED_LIST_MAX - 1));

    *n = 0;
    if (err != OK)
        return err;
    return load_all(task, state, partition, &ids, out, n);
}

enum err granted_access_list(struct task *task, struct state *state, struct slice user_id,
                             unsigned partition, struct granted_access **out, size_t *n)
{
    return list_from(task, state, user_id, partition, 0, out, n);
}

enum err granted_access_revoke_all(struct task *task, struct state *state, struct slice user_id,
                                   unsigned partition, uint64_t before_ms, size_t *revoked)
{
    struct granted_access *accesses;
    enum err err = OK;
    size_t n = 1;

    *revoked = 0;
    for (size_t skip = 0; skip < GRANTED_MAX && n && err == OK; skip += GRANTED_LIST_MAX) {
        err = list_from(task, state, user_id, partition, skip, &accesses, &n);
        for (size_t i = 0; i < n && err == OK; i++) {
            if (!granted_access_holds(&accesses[i], clock_unix_ms()) ||
                accesses[i].created_ms >= before_ms)
                continue;
            err = granted_access_revoke(task, state, &accesses[i]);
            *revoked += err == OK;
        }
    }
    return err;
}
