#include "state/account.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "state/commit.h"
#include "state/id.h"
#include "state/record.h"

#include <assert.h>

/* A name is reserved before the record that bears it is committed. A reservation that is older and
 * leads to no account, or to one of other names, was left by a process that died in between. */
enum { RESERVATION_MS = 60000, NAMES_MAX = 2 };

static const struct slice prefix = SLICE_INIT("user_");

static struct slice account_key(struct arena *arena, unsigned partition, struct slice id)
{
    return state_key(arena, partition, "account:%.*s", SLICE_ARG(id));
}

static struct slice name_key(struct arena *arena, struct slice name)
{
    return arena_printf(arena, "name:%.*s", SLICE_ARG(text_lower(arena, name)));
}

static struct slice login_key(struct arena *arena, struct slice id)
{
    return arena_printf(arena, "login:%.*s", SLICE_ARG(id));
}

/* -- Reading ---------------------------------------------------------------------------------- */

enum err account_load(struct task *task, struct state *state, struct slice user_id,
                      struct account *out)
{
    struct redis_value replies[2];
    unsigned partition;

    if (!id_parse(user_id, prefix, state->partitions, &partition))
        return ERR_NOT_FOUND;
    struct redis_call *record =
        redis_send(state->durable,
                   REDIS_ARGV(SLICE("HGETALL"), account_key(task->arena, partition, user_id)), 2);
    struct redis_call *login =
        redis_send(state->fleeting, REDIS_ARGV(SLICE("GET"), login_key(task->arena, user_id)), 2);
    enum err err = redis_await(task, record, &replies[0]);
    /* Without the fleeting server the last login is simply not known. */
    if (redis_await(task, login, &replies[1]) != OK)
        replies[1] = (struct redis_value){.type = REDIS_NIL};
    if (err == OK)
        err = state_fault(&replies[0]);
    if (err != OK)
        return err;
    if (!replies[0].n)
        return ERR_NOT_FOUND;

    const struct redis_value *fields = &replies[0];
    *out = (struct account){
        .id = arena_dup(task->arena, user_id),
        .partition = partition,
        .username = redis_field(fields, SLICE("username")),
        .email = redis_field(fields, SLICE("email")),
        .full_name = redis_field(fields, SLICE("full_name")),
        .avatar_url = redis_field(fields, SLICE("avatar_url")),
        .password_hash = redis_field(fields, SLICE("password_hash")),
        .is_admin = record_get_flag(fields, SLICE("admin")),
        .is_active = record_get_flag(fields, SLICE("active")),
        .created_ms = record_get_number(fields, SLICE("created")),
        .updated_ms = record_get_number(fields, SLICE("updated")),
    };
    if (!slice_to_u64(replies[1].text, &out->last_login_ms))
        out->last_login_ms = 0;
    return OK;
}

struct redis_call *account_send_standing(struct state *state, struct arena *arena,
                                         struct slice user_id, unsigned partition)
{
    return redis_send(state->durable,
                      REDIS_ARGV(SLICE("HMGET"), account_key(arena, partition, user_id),
                                 SLICE("active"), SLICE("admin")),
                      4);
}

enum err account_take_standing(struct task *task, struct redis_call *call, bool *is_admin)
{
    struct redis_value reply;
    enum err err = redis_await(task, call, &reply);

    if (err == OK)
        err = state_fault(&reply);
    if (err != OK)
        return err;
    if (reply.n != 2 || !slice_eq(reply.items[0].text, record_flag(true)))
        return ERR_NOT_FOUND;
    *is_admin = slice_eq(reply.items[1].text, record_flag(true));
    return OK;
}

/* The value of a name's key: "<user id> <Unix ms of the reservation>". */
static struct slice owner_of(struct slice reservation, uint64_t *reserved_ms)
{
    struct slice id, time;

    *reserved_ms = 0;
    if (slice_split(reservation, ' ', &id, &time) && !slice_to_u64(time, reserved_ms))
        *reserved_ms = 0;
    return id;
}

static bool bears(struct arena *arena, const struct account *account, struct slice key)
{
    return slice_eq(key, name_key(arena, account->username)) ||
           (account->email.n && slice_eq(key, name_key(arena, account->email)));
}

enum err account_find(struct task *task, struct state *state, struct slice name_or_email,
                      struct account *out)
{
    struct slice key = name_key(task->arena, name_or_email);
    struct redis_value reply;
    uint64_t reserved_ms;
    enum err err = state_command(task, state->durable, &reply, SLICE("GET"), key);

    if (err != OK)
        return err;
    if (reply.type != REDIS_TEXT)
        return ERR_NOT_FOUND;
    err = account_load(task, state, owner_of(reply.text, &reserved_ms), out);
    return err == OK && !bears(task->arena, out, key) ? ERR_NOT_FOUND : err;
}

enum err account_count(struct task *task, struct state *state, uint64_t *out)
{
    *out = 0;
    for (unsigned i = 0; i < state->partitions; i++) {
        struct redis_value reply;
        enum err err = state_command(task, state->durable, &reply, SLICE("ZCARD"),
                                     state_key(task->arena, i, "accounts"));

        if (err != OK)
            return err;
        *out += (uint64_t)reply.number;
    }
    return OK;
}

/* -- Names ------------------------------------------------------------------------------------ */

struct names {
    struct slice keys[NAMES_MAX];
    size_t n;
    struct slice value;
};

static enum err swap(struct task *task, struct state *state, struct slice key, struct slice old,
                     struct slice new, bool *swapped)
{
    struct redis_value reply;
    enum err err = state_fcall(task, state, SLICE("swap"), key, REDIS_ARGV(old, new), 2, &reply);

    *swapped = err == OK && reply.number == 1;
    return err;
}

static void release(struct task *task, struct state *state, const struct names *names)
{
    bool swapped;

    for (size_t i = 0; i < names->n; i++)
        swap(task, state, names->keys[i], names->value, SLICE(""), &swapped);
}

/* ERR_CONFLICT unless no account came to bear the name. */
static enum err take_over(struct task *task, struct state *state, struct slice key,
                          struct slice value)
{
    struct redis_value held;
    struct account account;
    uint64_t reserved_ms;
    bool swapped;
    enum err err = state_command(task, state->durable, &held, SLICE("GET"), key);

    if (err != OK)
        return err;
    err = account_load(task, state, owner_of(held.text, &reserved_ms), &account);
    if (err == OK && bears(task->arena, &account, key))
        return ERR_CONFLICT;
    if (err != OK && err != ERR_NOT_FOUND)
        return err;
    if (held.type != REDIS_TEXT || clock_unix_ms() < reserved_ms + RESERVATION_MS)
        return ERR_CONFLICT;
    err = swap(task, state, key, held.text, value, &swapped);
    return err == OK && !swapped ? ERR_CONFLICT : err;
}

static enum err reserve(struct task *task, struct state *state, struct slice name,
                        struct names *names)
{
    struct slice key = name_key(task->arena, name);
    struct redis_value reply;
    enum err err;

    if (!name.n || (names->n && slice_eq(key, names->keys[0])))
        return OK;
    err = state_command(task, state->durable, &reply, SLICE("SET"), key, names->value, SLICE("NX"));
    if (err == OK && reply.type == REDIS_NIL)
        err = take_over(task, state, key, names->value);
    if (err == OK)
        names->keys[names->n++] = key;
    return err;
}

/* -- Writing ---------------------------------------------------------------------------------- */

static enum err commit_account(struct task *task, struct state *state,
                               const struct account *account)
{
    struct arena *arena = task->arena;
    struct slice key = account_key(arena, account->partition, account->id);
    struct slice created = record_number(arena, account->created_ms);
    struct commit *commit = commit_new(task, state, account->partition);
    struct event event = {.type = EVENT_USER_REGISTERED,
                          .owner = account->id,
                          .resource = account->id,
                          .resource_type = SLICE("user"),
                          .timestamp_ms = account->created_ms};

    commit_require_absent(commit, key);
    commit_event(commit, &event);
    commit_write(commit, SLICE("HSET"), key, SLICE("username"), account->username, SLICE("email"),
                 account->email, SLICE("full_name"), account->full_name, SLICE("avatar_url"),
                 account->avatar_url, SLICE("password_hash"), account->password_hash,
                 SLICE("admin"), record_flag(account->is_admin), SLICE("active"),
                 record_flag(account->is_active), SLICE("created"), created, SLICE("updated"),
                 created);
    commit_write(commit, SLICE("ZADD"), state_key(arena, account->partition, "accounts"), created,
                 account->id);
    return commit_send(commit);
}

enum err account_create(struct task *task, struct state *state, struct account *account)
{
    struct names names = {.n = 0};
    enum err err;

    assert(account->username.n);
    account->partition = (unsigned)random_below(state->partitions);
    account->id = id_new(task->arena, prefix, account->partition);
    account->created_ms = account->updated_ms = clock_unix_ms();
    names.value = arena_printf(task->arena, "%.*s %llu", SLICE_ARG(account->id),
                               (unsigned long long)account->created_ms);
    err = reserve(task, state, account->username, &names);
    if (err == OK)
        err = reserve(task, state, account->email, &names);
    if (err == OK) {
        err = commit_account(task, state, account);
        /* Nobody knows whether the account exists; the reservation ends by itself if not. */
        if (err == ERR_STATE_UNAVAILABLE)
            return err;
    }
    if (err != OK)
        release(task, state, &names);
    return err;
}

static enum err commit_update(struct task *task, struct state *state, const struct account *before,
                              const struct account *account)
{
    struct slice key = account_key(task->arena, account->partition, account->id);
    struct commit *commit = commit_new(task, state, account->partition);
    struct event event = {.type = EVENT_USER_UPDATED,
                          .owner = account->id,
                          .resource = account->id,
                          .resource_type = SLICE("user"),
                          .timestamp_ms = account->updated_ms};

    commit_require_field(commit, key, SLICE("email"), before->email);
    commit_event(commit, &event);
    commit_write(commit, SLICE("HSET"), key, SLICE("email"), account->email, SLICE("full_name"),
                 account->full_name, SLICE("avatar_url"), account->avatar_url,
                 SLICE("password_hash"), account->password_hash, SLICE("updated"),
                 record_number(task->arena, account->updated_ms));
    return commit_send(commit);
}

/* Gives up an e-mail address that the account bore until now. */
static enum err release_former(struct task *task, struct state *state, const struct account *before,
                               const struct account *account)
{
    struct slice key = name_key(task->arena, before->email);
    struct redis_value held;
    uint64_t reserved_ms;
    bool swapped;

    if (!before->email.n || bears(task->arena, account, key))
        return OK;
    enum err err = state_command(task, state->durable, &held, SLICE("GET"), key);
    if (err == OK && slice_eq(owner_of(held.text, &reserved_ms), account->id))
        err = swap(task, state, key, held.text, SLICE(""), &swapped);
    return err;
}

enum err account_update(struct task *task, struct state *state, const struct account *before,
                        struct account *account)
{
    struct names names = {.n = 0};
    enum err err = OK;

    account->updated_ms = clock_unix_ms();
    names.value = arena_printf(task->arena, "%.*s %llu", SLICE_ARG(account->id),
                               (unsigned long long)account->updated_ms);
    if (!bears(task->arena, before, name_key(task->arena, account->email)))
        err = reserve(task, state, account->email, &names);
    if (err == OK) {
        err = commit_update(task, state, before, account);
        /* As in account_create(): a reservation that came to nothing ends by itself. */
        if (err == ERR_STATE_UNAVAILABLE)
            return err;
    }
    if (err != OK)
        release(task, state, &names);
    else
        release_former(task, state, before, account); /* else it is stale, and taken over */
    return err;
}

enum err account_set_password(struct task *task, struct state *state, const struct account *account,
                              struct slice password_hash)
{
    struct slice key = account_key(task->arena, account->partition, account->id);
    struct commit *commit = commit_new(task, state, account->partition);

    commit_require_present(commit, key);
    commit_write(commit, SLICE("HSET"), key, SLICE("password_hash"), password_hash,
                 SLICE("updated"), record_number(task->arena, clock_unix_ms()));
    enum err err = commit_send(commit);
    return err == ERR_CONFLICT ? ERR_NOT_FOUND : err;
}

void account_note_login(struct state *state, const struct account *account, uint64_t now_ms)
{
    struct arena *arena = arena_new();

    redis_post(state->fleeting, SLICE("SET"), login_key(arena, account->id),
               record_number(arena, now_ms));
    arena_free(arena);
}
