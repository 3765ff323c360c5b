#include "state/endpoint.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "state/id.h"
#include "state/secret.h"

enum { SECRET_BYTES = 24 };

static const struct slice prefix = SLICE_INIT("whk_");

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

static struct slice held_key(struct arena *arena, unsigned partition, struct slice owner)
{
    return state_key(arena, partition, "endpoints:held:%.*s", SLICE_ARG(owner));
}

static const struct slice held_count = SLICE_INIT("count");

/* Counts what an account has, unless somebody has. Whoever makes or deletes one comes by here
 * first, so nothing changes between the list and the count. */
static enum err count_held(struct task *task, struct state *state, unsigned partition,
                           struct slice owner)
{
    struct slice key = held_key(task->arena, partition, owner);
    struct redis_value counted;
    struct endpoint *present;
    size_t n;
    enum err err = state_command(task, state->durable, &counted, SLICE("EXISTS"), key);

    if (err != OK || counted.number > 0)
        return err;
    err = endpoint_list(task, state, partition, owner, &present, &n);
    if (err != OK)
        return err;
    struct commit *commit = commit_new(task, state, partition);
    commit_allow_full(commit);
    commit_require_absent(commit, key);
    commit_write(commit, SLICE("HSET"), key, held_count, record_number(task->arena, n));
    err = commit_send(commit);
    return err == ERR_CONFLICT ? OK : err; /* another was faster */
}

static enum err room_in_partition(struct task *task, struct state *state, unsigned partition)
{
    struct redis_value all;
    enum err err =
        state_command(task, state->durable, &all, SLICE("ZCARD"), list_key(task->arena, partition));

    return err == OK && all.number >= ENDPOINTS_MAX ? ERR_QUOTA : err;
}

struct creation {
    struct endpoint *endpoint;
    bool hears_all; /* if its owner may */
    uint64_t most;
    const struct once_claim *once;
};

static enum err create(struct task *task, struct state *state, void *arg)
{
    const struct creation *creation = arg;
    struct endpoint *endpoint = creation->endpoint;
    struct account owner = {.id = endpoint->owner};
    struct arena *arena = task->arena;
    enum err err = record_load(task, state, &owner);

    if (err == OK)
        err = room_in_partition(task, state, endpoint->partition);
    if (err != OK)
        return err;
    if (!owner.is_active)
        return ERR_UNAUTHORIZED;
    endpoint->owner_is_admin = creation->hears_all && owner.is_admin;
    endpoint->id = id_new(arena, prefix, endpoint->partition);
    endpoint->created_ms = endpoint->updated_ms = clock_unix_ms();
    if (!endpoint->secret.n)
        endpoint->secret = new_secret(arena);

    struct slice held = held_key(arena, endpoint->partition, endpoint->owner);
    struct commit *commit = commit_new(task, state, endpoint->partition);
    commit_require_room(commit, held, held_count, 1, creation->most);
    commit_require_rev(commit, record_key(arena, &owner), owner.rev);
    record_create(commit, endpoint);
    commit_write(commit, SLICE("TALLY"), held, held_count, SLICE("1"));
    commit_write(commit, SLICE("ZADD"), list_key(arena, endpoint->partition),
                 record_number(arena, endpoint->created_ms), endpoint->id);
    once_settle(commit, creation->once, endpoint->id, record_key(arena, endpoint));
    changed(commit);
    return commit_send(commit);
}

enum err endpoint_create(struct task *task, struct state *state, uint64_t most,
                         struct endpoint *endpoint, const struct once_claim *once)
{
    struct creation creation = {endpoint, endpoint->owner_is_admin, most, once};

    if (!id_parse(endpoint->owner, SLICE("user_"), state->partitions, &endpoint->partition))
        return ERR_NOT_FOUND;
    enum err err = count_held(task, state, endpoint->partition, endpoint->owner);
    return err == OK ? record_repeat(task, state, create, &creation) : err;
}

enum err endpoint_load(struct task *task, struct state *state, struct slice id,
                       struct endpoint *out)
{
    *out = (struct endpoint){.id = id};
    return record_load(task, state, out);
}

void endpoint_rotate_secret(struct arena *arena, struct endpoint *endpoint)
{
    endpoint->old_secret = endpoint->secret;
    endpoint->old_secret_until_ms = clock_unix_ms() + ENDPOINT_OLD_SECRET_MS;
    endpoint->secret = new_secret(arena);
}

struct change {
    endpoint_change_fn *fn;
    void *arg;
};

static enum err change_endpoint(struct commit *commit, const void *was, void *record, void *arg)
{
    const struct change *change = arg;
    struct endpoint *now = record;
    enum err err = change->fn(now, change->arg);

    if (err != OK)
        return err;
    now->updated_ms = clock_unix_ms();
    if (now->active)
        commit_write(commit, SLICE("DEL"),
                     endpoint_health_key(commit_arena(commit), now->partition, now->id));
    changed(commit);
    return OK;
}

enum err endpoint_change(struct task *task, struct state *state, struct slice id,
                         endpoint_change_fn *fn, void *arg, struct endpoint *out)
{
    struct change change = {fn, arg};

    *out = (struct endpoint){.id = id};
    return record_change(task, state, out, change_endpoint, &change);
}

enum err endpoint_delete(struct task *task, struct state *state, const struct endpoint *endpoint)
{
    struct slice key = record_key(task->arena, endpoint);
    enum err err = count_held(task, state, endpoint->partition, endpoint->owner);

    if (err != OK)
        return err;
    struct commit *commit = commit_new(task, state, endpoint->partition);
    commit_allow_full(commit);
    commit_require_present(commit, key);
    commit_write(commit, SLICE("TALLY"),
                 held_key(task->arena, endpoint->partition, endpoint->owner), held_count,
                 SLICE("-1"));
    commit_write(commit, SLICE("DEL"), key,
                 endpoint_health_key(task->arena, endpoint->partition, endpoint->id));
    commit_write(commit, SLICE("ZREM"), list_key(task->arena, endpoint->partition), endpoint->id);
    changed(commit);
    err = commit_send(commit);
    return err == ERR_CONFLICT ? ERR_NOT_FOUND : err;
}

struct blame {
    const struct endpoint *seen;
    struct slice reason;
};

static enum err disable(struct endpoint *now, void *arg)
{
    const struct blame *blame = arg;

    if (!now->active || !slice_eq(now->url, blame->seen->url))
        return ERR_CONFLICT;
    now->active = false;
    now->disabled_reason = blame->reason;
    return OK;
}

enum err endpoint_disable(struct task *task, struct state *state, const struct endpoint *endpoint,
                          struct slice reason)
{
    struct blame blame = {endpoint, reason};
    struct endpoint now;

    return endpoint_change(task, state, endpoint->id, disable, &blame, &now);
}

/* -- What the owner may ----------------------------------------------------------------------- */

/* Kept until the owner may log in again. */
static const struct slice owner_disabled = SLICE_INIT("owner_disabled");

static bool fits(const struct endpoint *endpoint, const struct account *owner)
{
    return (owner->is_admin || !endpoint->owner_is_admin) &&
           (owner->is_active ? !slice_eq(endpoint->disabled_reason, owner_disabled)
                             : !endpoint->active);
}

/* Also what waits for an endpoint that heard everybody's events is not for its owner any more:
 * it is ended with the endpoint. */
static enum err fit(struct endpoint *now, void *arg)
{
    const struct account *owner = arg;
    bool heard_too_much = now->owner_is_admin && !owner->is_admin;

    if (owner->is_active && slice_eq(now->disabled_reason, owner_disabled)) {
        now->active = true;
        now->disabled_reason = SLICE_NONE;
    }
    if (now->active && (heard_too_much || !owner->is_active)) {
        now->active = false;
        now->disabled_reason = owner->is_active ? SLICE("owner_not_admin") : owner_disabled;
    }
    now->owner_is_admin = now->owner_is_admin && owner->is_admin;
    return OK;
}

enum err endpoint_follow_owner(struct task *task, struct state *state, const struct account *owner)
{
    struct account copy = *owner;
    struct endpoint *endpoints, now;
    size_t n;
    enum err err = endpoint_list(task, state, owner->partition, owner->id, &endpoints, &n);

    for (size_t i = 0; i < n && err == OK; i++) {
        if (fits(&endpoints[i], owner))
            continue;
        err = endpoint_change(task, state, endpoints[i].id, fit, &copy, &now);
        if (err == ERR_NOT_FOUND) /* deleted meanwhile */
            err = OK;
    }
    return err;
}

/* -- Lists ------------------------------------------------------------------------------------ */

/* Loads the endpoints of these ids and appends those of the owner to out. */
static enum err load_chunk(struct task *task, struct state *state, unsigned partition,
                           struct slice owner, const struct redis_value *ids, struct endpoint *out,
                           size_t *out_n)
{
    struct endpoint *chunk = ARENA_ARRAY(task->arena, struct endpoint, ids->n);
    size_t n = ids->n;

    for (size_t i = 0; i < n; i++)
        chunk[i] = (struct endpoint){.partition = partition, .id = ids->items[i].text};
    enum err err = record_load_many(task, state, chunk, &n);
    for (size_t i = 0; i < n; i++)
        if (!owner.n || slice_eq(owner, chunk[i].owner))
            out[(*out_n)++] = chunk[i];
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
    for (size_t from = 0; from < total && err == OK; from += RECORD_CHUNK) {
        size_t until = total - from < RECORD_CHUNK ? total : from + RECORD_CHUNK;

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

/* -- Sealing what is plain -------------------------------------------------------------------- */

/* Writes both secrets as if they were new: whatever is written is sealed. */
static enum err seal_one(struct task *task, struct state *state, const struct endpoint *now)
{
    struct endpoint was = *now, sealed = *now;
    struct commit *commit = commit_new(task, state, now->partition);

    was.secret = was.old_secret = SLICE_NONE;
    record_save(commit, &was, &sealed);
    enum err err = commit_send(commit);
    /* Whoever was faster has sealed it. */
    return err == ERR_OVERTAKEN || err == ERR_CONFLICT || err == ERR_NOT_FOUND ? OK : err;
}

static enum err seal_partition(struct task *task, struct state *state, unsigned partition)
{
    struct endpoint *endpoints;
    size_t n;
    enum err err = endpoint_list(task, state, partition, SLICE_NONE, &endpoints, &n);

    for (size_t i = 0; i < n && err == OK; i++) {
        struct redis_value secret;

        err = state_command(task, state->durable, &secret, SLICE("HGET"),
                            record_key(task->arena, &endpoints[i]), SLICE("secret"));
        if (err == OK && secret.text.n && !seal_name(secret.text).n)
            err = seal_one(task, state, &endpoints[i]);
    }
    return err;
}

enum err endpoint_seal_plain(struct task *task, struct state *state)
{
    static const struct slice done = SLICE_INIT("hub:endpoints_sealed");
    struct redis_value reply;
    enum err err = state_command(task, state->durable, &reply, SLICE("EXISTS"), done);

    if (err != OK || reply.number == 1)
        return err;
    for (unsigned p = 0; p < state->partitions && err == OK; p++)
        err = seal_partition(task, state, p);
    return err == OK ? state_command(task, state->durable, &reply, SLICE("SET"), done, SLICE("1"))
                     : err;
}
