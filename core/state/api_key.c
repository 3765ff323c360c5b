#include "state/api_key.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "state/account.h"
#include "state/api_key_text.h"
#include "state/id.h"

enum { ENDED_AT_ONCE = 100 };

#define USE_KEPT_S "34560000" /* 400 days: also of a key that went while it was used */

static const struct slice id_prefix = SLICE_INIT("key_"), held_count = SLICE_INIT("count");

static struct slice list_key(struct arena *arena, unsigned partition, struct slice owner)
{
    return state_key(arena, partition, "api_keys_of:%.*s", SLICE_ARG(owner));
}

static struct slice held_key(struct arena *arena, unsigned partition, struct slice owner)
{
    return state_key(arena, partition, "api_keys:held:%.*s", SLICE_ARG(owner));
}

static struct slice used_key(struct arena *arena, struct slice id)
{
    return arena_printf(arena, "used:%.*s", SLICE_ARG(id));
}

static bool has_expired(const struct api_key *key, uint64_t now_ms)
{
    return key->expires_ms && key->expires_ms <= now_ms;
}

bool api_key_locate(struct arena *arena, const struct state *state, struct slice text,
                    struct api_key *out)
{
    *out = (struct api_key){0};
    if (!api_key_text_parse(text, state->partitions, &out->partition))
        return false;
    out->sha256 = sha256_hex(arena, text);
    out->id = id_of_name(arena, id_prefix, out->partition, out->sha256);
    return true;
}

/* -- Making ----------------------------------------------------------------------------------- */

struct creation {
    struct api_key *key;
    struct slice *text;
    uint64_t most;
    const struct once_claim *once;
};

static void draw(struct arena *arena, const struct state *state, const struct creation *creation)
{
    struct api_key *key = creation->key, drawn;

    *creation->text = api_key_text_new(arena, key->partition);
    api_key_locate(arena, state, *creation->text, &drawn);
    key->id = drawn.id;
    key->sha256 = drawn.sha256;
    key->created_ms = clock_unix_ms();
}

static enum err create(struct task *task, struct state *state, void *arg)
{
    const struct creation *creation = arg;
    struct api_key *key = creation->key;
    struct account owner = {.id = key->owner};
    struct arena *arena = task->arena;
    enum err err = record_load(task, state, &owner);

    if (err != OK)
        return err;
    if (!owner.is_active)
        return ERR_UNAUTHORIZED;
    draw(arena, state, creation);

    struct slice held = held_key(arena, key->partition, key->owner);
    struct commit *commit = commit_new(task, state, key->partition);
    commit_require_room(commit, held, held_count, 1, creation->most);
    commit_require_rev(commit, record_key(arena, &owner), owner.rev);
    record_create(commit, key);
    commit_write(commit, SLICE("HINCRBY"), held, held_count, SLICE("1"));
    commit_write(commit, SLICE("ZADD"), list_key(arena, key->partition, key->owner),
                 record_number(arena, key->created_ms), key->id);
    once_settle(commit, creation->once, key->id, record_key(arena, key));
    return commit_send(commit);
}

/* Expired keys are shown until their place is wanted. */
static enum err drop_expired(struct task *task, struct state *state, const struct api_key *newcomer,
                             size_t *dropped)
{
    uint64_t now_ms = clock_unix_ms(), total;
    struct api_key *keys;
    size_t n;
    enum err err = api_key_list(task, state, newcomer->owner, newcomer->partition, 0, UINT64_MAX,
                                &keys, &n, &total);

    *dropped = 0;
    for (size_t i = 0; i < n && err == OK; i++) {
        if (!has_expired(&keys[i], now_ms))
            continue;
        err = api_key_delete(task, state, &keys[i]);
        *dropped += err == OK;
        if (err == ERR_NOT_FOUND)
            err = OK;
    }
    return err;
}

enum err api_key_create(struct task *task, struct state *state, uint64_t most, struct api_key *key,
                        struct slice *text, const struct once_claim *once)
{
    struct creation creation = {key, text, most, once};
    size_t dropped;

    if (!id_parse(key->owner, SLICE("user_"), state->partitions, &key->partition))
        return ERR_NOT_FOUND;
    enum err err = record_repeat(task, state, create, &creation);
    if (err != ERR_QUOTA)
        return err;
    err = drop_expired(task, state, key, &dropped);
    if (err == OK)
        err = dropped ? record_repeat(task, state, create, &creation) : ERR_QUOTA;
    return err;
}

/* -- Admission -------------------------------------------------------------------------------- */

struct redis_call *api_key_send(struct state *state, struct arena *arena, const struct api_key *key)
{
    return record_send(state, arena, key);
}

/* The id has 70 bits of the hash; all of it has to be right. */
enum err api_key_take(struct task *task, struct redis_call *call, struct api_key *key)
{
    struct slice presented = key->sha256;
    enum err err = record_take(task, call, key);

    if (err != OK)
        return err == ERR_NOT_FOUND ? ERR_UNAUTHORIZED : err;
    if (!crypto_equal(presented, key->sha256) || has_expired(key, clock_unix_ms()))
        return ERR_UNAUTHORIZED;
    return OK;
}

void api_key_note_use(struct state *state, struct arena *arena, struct slice id, uint64_t now_ms)
{
    redis_post(state->volatile_redis, SLICE("SET"), used_key(arena, id),
               record_number(arena, now_ms), SLICE("EX"), SLICE(USE_KEPT_S));
}

/* -- Looking ---------------------------------------------------------------------------------- */

/* Where nobody knows, they were never used. */
static void look_up_uses(struct task *task, struct state *state, struct api_key *keys, size_t n)
{
    struct slice *argv = ARENA_ARRAY(task->arena, struct slice, n + 1);
    struct redis_value used;

    argv[0] = SLICE("MGET");
    for (size_t i = 0; i < n; i++)
        argv[i + 1] = used_key(task->arena, keys[i].id);
    if (!n || state_callv(task, state->volatile_redis, &used, argv, n + 1) != OK)
        return;
    for (size_t i = 0; i < n && i < used.n; i++)
        if (!slice_to_u64(used.items[i].text, &keys[i].last_used_ms))
            keys[i].last_used_ms = 0;
}

enum err api_key_load(struct task *task, struct state *state, struct slice id, struct api_key *out)
{
    *out = (struct api_key){.id = id};
    enum err err = record_load(task, state, out);

    if (err == OK)
        look_up_uses(task, state, out, 1);
    return err;
}

enum err api_key_list(struct task *task, struct state *state, struct slice owner,
                      unsigned partition, uint64_t skip, uint64_t limit, struct api_key **out,
                      size_t *n, uint64_t *total)
{
    struct redis_value ids;
    enum err err = state_page(task, state, list_key(task->arena, partition, owner), true, skip,
                              limit, &ids, total);

    *n = ids.n;
    if (err != OK)
        return err;
    *out = ARENA_ARRAY(task->arena, struct api_key, ids.n);
    for (size_t i = 0; i < ids.n; i++)
        (*out)[i] = (struct api_key){.partition = partition, .id = ids.items[i].text};
    err = record_load_many(task, state, *out, n);
    if (err == OK)
        look_up_uses(task, state, *out, *n);
    return err;
}

/* -- Ending ----------------------------------------------------------------------------------- */

static void add_end(struct commit *commit, struct slice owner, struct slice id)
{
    struct event event = {.type = EVENT_SESSION_ENDED,
                          .owner = owner,
                          .resource = id,
                          .resource_type = SLICE("api_key")};

    commit_event(commit, &event);
}

enum err api_key_delete(struct task *task, struct state *state, const struct api_key *key)
{
    struct arena *arena = task->arena;
    struct slice record = record_key(arena, key);
    struct commit *commit = commit_new(task, state, key->partition);

    commit_allow_full(commit);
    commit_require_present(commit, record);
    add_end(commit, key->owner, key->id);
    commit_write(commit, SLICE("DEL"), record);
    commit_write(commit, SLICE("TALLY"), held_key(arena, key->partition, key->owner), held_count,
                 SLICE("-1"));
    commit_write(commit, SLICE("ZREM"), list_key(arena, key->partition, key->owner), key->id);
    enum err err = commit_send(commit);
    if (err == OK)
        redis_post(state->volatile_redis, SLICE("DEL"), used_key(arena, key->id));
    return err == ERR_CONFLICT ? ERR_NOT_FOUND : err;
}

enum err api_key_end_sockets(struct task *task, struct state *state, struct slice owner,
                             unsigned partition)
{
    struct redis_value ids;
    enum err err = state_command(task, state->durable, &ids, SLICE("ZRANGE"),
                                 list_key(task->arena, partition, owner), SLICE("0"), SLICE("-1"));

    if (err != OK)
        return err;
    for (size_t from = 0; from < ids.n && err == OK; from += ENDED_AT_ONCE) {
        struct commit *commit = commit_new(task, state, partition);

        commit_allow_full(commit);
        for (size_t i = from; i < ids.n && i < from + ENDED_AT_ONCE; i++)
            add_end(commit, owner, ids.items[i].text);
        err = commit_send(commit);
    }
    return err;
}
