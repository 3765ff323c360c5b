#include "state/account.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "state/id.h"

#include <assert.h>
#include <stdlib.h>

/* A name is reserved before the record that bears it is committed. A reservation that is older and
 * leads to no account, or to one of other names, was left by a process that died in between. */
enum { RESERVATION_MS = 60000, NAMES_MAX = 2 };

static struct slice name_key(struct arena *arena, struct slice name)
{
    return arena_printf(arena, "name:%.*s", SLICE_ARG(text_lower(arena, name)));
}

static struct slice login_key(struct arena *arena, struct slice id)
{
    return arena_printf(arena, "login:%.*s", SLICE_ARG(id));
}

struct slice account_logouts_key(struct arena *arena, unsigned partition)
{
    return state_key(arena, partition, "logouts");
}

/* -- Reading ---------------------------------------------------------------------------------- */

static struct redis_call *login_send(struct task *task, struct state *state, struct slice id)
{
    return redis_send(state->volatile_redis, REDIS_ARGV(SLICE("GET"), login_key(task->arena, id)),
                      2);
}

/* Without the volatile server the last login is simply not known. */
static uint64_t login_take(struct task *task, struct redis_call *call)
{
    struct redis_value reply;
    uint64_t ms;

    return redis_await(task, call, &reply) == OK && slice_to_u64(reply.text, &ms) ? ms : 0;
}

enum err account_load(struct task *task, struct state *state, struct slice user_id,
                      struct account *out)
{
    *out = (struct account){.id = user_id};
    if (record_locate(state, out) != OK)
        return ERR_NOT_FOUND;
    struct redis_call *record = record_send(state, task->arena, out);
    struct redis_call *login = login_send(task, state, user_id);
    enum err err = record_take(task, record, out);
    out->last_login_ms = login_take(task, login);
    return err;
}

struct redis_call *account_send_standing(struct state *state, struct arena *arena,
                                         struct slice user_id, unsigned partition)
{
    struct account account = {.partition = partition, .id = user_id};

    return record_send(state, arena, &account);
}

enum err account_take_standing(struct task *task, struct redis_call *call, bool *is_admin)
{
    struct account account = {0};
    enum err err = record_take(task, call, &account);

    *is_admin = err == OK && account.is_admin;
    return err == OK && !account.is_active ? ERR_NOT_FOUND : err;
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

enum err account_ids(struct task *task, struct state *state, unsigned partition, uint64_t skip,
                     size_t most, struct slice **out, size_t *n)
{
    struct redis_value reply;
    enum err err = state_command(task, state->durable, &reply, SLICE("ZRANGE"),
                                 state_key(task->arena, partition, "accounts"),
                                 record_number(task->arena, skip),
                                 record_number(task->arena, skip + most - 1));

    *n = 0;
    if (err != OK)
        return err;
    *out = ARENA_ARRAY(task->arena, struct slice, reply.n);
    while (*n < reply.n) {
        (*out)[*n] = reply.items[*n].text;
        ++*n;
    }
    return OK;
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

struct dated_id {
    struct slice id;
    double created_ms;
};

static int newest_first(const void *left, const void *right)
{
    const struct dated_id *a = left, *b = right;

    if (a->created_ms != b->created_ms)
        return a->created_ms < b->created_ms ? 1 : -1;
    return -slice_compare(a->id, b->id);
}

/* The newest `most` of each partition, so that the newest `most` of all are among them. */
static enum err list_ids(struct task *task, struct state *state, uint64_t most,
                         struct dated_id **out, size_t *n)
{
    struct redis_call **calls = ARENA_ARRAY(task->arena, struct redis_call *, state->partitions);
    struct redis_value *replies = ARENA_ARRAY(task->arena, struct redis_value, state->partitions);
    struct slice last = arena_printf(task->arena, "%llu", (unsigned long long)most - 1);

    *n = 0;
    for (unsigned p = 0; p < state->partitions; p++)
        calls[p] = redis_send(state->durable,
                              REDIS_ARGV(SLICE("ZREVRANGE"), state_key(task->arena, p, "accounts"),
                                         SLICE("0"), last, SLICE("WITHSCORES")),
                              5);
    enum err err = redis_await_all(task, calls, state->partitions, replies);
    for (unsigned p = 0; p < state->partitions && err == OK; p++) {
        err = state_fault(&replies[p]);
        *n += replies[p].n / 2;
    }
    if (err != OK)
        return err;
    *out = ARENA_ARRAY(task->arena, struct dated_id, *n);
    *n = 0;
    for (unsigned p = 0; p < state->partitions; p++)
        for (size_t i = 0; i + 1 < replies[p].n; i += 2)
            (*out)[(*n)++] = (struct dated_id){
                replies[p].items[i].text,
                strtod(arena_cstr(task->arena, replies[p].items[i + 1].text), NULL)};
    qsort(*out, *n, sizeof **out, newest_first);
    return OK;
}

enum err account_list(struct task *task, struct state *state, uint64_t skip, uint64_t limit,
                      struct account **out, size_t *n, uint64_t *total)
{
    struct dated_id *listed = NULL;
    size_t count = 0;
    enum err err = account_count(task, state, total);

    assert(limit > 0 && limit <= ACCOUNT_PAGE_MAX);
    *n = 0;
    if (err == OK && skip < *total)
        err = list_ids(task, state, skip + limit, &listed, &count);
    *out = ARENA_ARRAY(task->arena, struct account, limit);
    for (uint64_t i = skip; i < count && *n < limit && err == OK; i++) {
        err = account_load(task, state, listed[i].id, &(*out)[*n]);
        *n += err == OK;
        if (err == ERR_NOT_FOUND)
            err = OK;
    }
    return err;
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

static bool is_among(const struct names *names, struct slice key)
{
    for (size_t i = 0; i < names->n; i++)
        if (slice_eq(key, names->keys[i]))
            return true;
    return false;
}

static enum err reserve(struct task *task, struct state *state, struct slice name,
                        struct names *names)
{
    struct slice key = name_key(task->arena, name);
    struct redis_value reply;
    enum err err;

    if (!name.n || is_among(names, key))
        return OK;
    assert(names->n < NAMES_MAX);
    err = state_command(task, state->durable, &reply, SLICE("SET"), key, names->value, SLICE("NX"));
    if (err == OK && reply.type == REDIS_NIL)
        err = take_over(task, state, key, names->value);
    if (err == OK)
        names->keys[names->n++] = key;
    return err;
}

/* -- Writing ---------------------------------------------------------------------------------- */

static struct event account_event(enum event_type type, const struct account *account)
{
    return (struct event){.type = type,
                          .owner = account->id,
                          .resource = account->id,
                          .resource_type = SLICE("user"),
                          .timestamp_ms = account->updated_ms};
}

static enum err commit_account(struct task *task, struct state *state, struct account *account)
{
    struct commit *commit = commit_new(task, state, account->partition);
    struct event event = account_event(EVENT_USER_REGISTERED, account);

    record_create(commit, account);
    commit_event(commit, &event);
    commit_write(commit, SLICE("ZADD"), state_key(task->arena, account->partition, "accounts"),
                 record_number(task->arena, account->created_ms), account->id);
    return commit_send(commit);
}

enum err account_create(struct task *task, struct state *state, struct account *account)
{
    struct names names = {.n = 0};
    enum err err;

    assert(account->username.n);
    account->partition = (unsigned)random_below(state->partitions);
    account->id = id_new(task->arena, SLICE("user_"), account->partition);
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

struct change {
    struct task *task;
    struct state *state;
    account_change_fn *fn;
    void *arg;
    struct names names;       /* reserved for it */
    struct slice former, old; /* key and value of the e-mail address that it gives up */
};

/* Reserves a new address, and notes what to release when the old one is no longer borne. */
static enum err change_email(struct change *change, const struct account *was,
                             const struct account *now)
{
    struct arena *arena = change->task->arena;
    struct redis_value held;
    uint64_t reserved_ms;
    enum err err = OK;

    change->former = change->old = SLICE_NONE;
    if (!bears(arena, was, name_key(arena, now->email)))
        err = reserve(change->task, change->state, now->email, &change->names);
    struct slice former = name_key(arena, was->email);
    if (err != OK || !was->email.n || bears(arena, now, former))
        return err;
    err = state_command(change->task, change->state->durable, &held, SLICE("GET"), former);
    if (err == OK && slice_eq(owner_of(held.text, &reserved_ms), now->id)) {
        change->former = former;
        change->old = held.text;
    }
    return err;
}

static enum err change_account(struct commit *commit, const void *record, void *copy, void *arg)
{
    struct change *change = arg;
    const struct account *was = record;
    struct account *now = copy;
    enum err err = change->fn(now, change->arg);

    if (err == OK)
        err = change_email(change, was, now);
    if (err != OK)
        return err;
    now->updated_ms = clock_unix_ms();
    struct event event = account_event(EVENT_USER_UPDATED, now);
    commit_event(commit, &event);
    if (now->logged_out_ms != was->logged_out_ms)
        commit_write(commit, SLICE("ZADD"),
                     account_logouts_key(commit_arena(commit), now->partition),
                     record_number(commit_arena(commit), now->logged_out_ms), now->id);
    return OK;
}

enum err account_change(struct task *task, struct state *state, struct slice user_id,
                        account_change_fn *fn, void *arg, struct account *out)
{
    struct change change = {.task = task, .state = state, .fn = fn, .arg = arg};
    struct redis_call *login = login_send(task, state, user_id);
    bool swapped;

    change.names.value = arena_printf(task->arena, "%.*s %llu", SLICE_ARG(user_id),
                                      (unsigned long long)clock_unix_ms());
    *out = (struct account){.id = user_id};
    enum err err = record_change(task, state, out, change_account, &change);
    out->last_login_ms = login_take(task, login);
    /* As in account_create(): a reservation that came to nothing ends by itself. */
    if (err == ERR_STATE_UNAVAILABLE)
        return err;
    if (err != OK)
        release(task, state, &change.names);
    else if (change.old.n) /* else it is stale, and taken over */
        swap(task, state, change.former, change.old, SLICE(""), &swapped);
    return err;
}

void account_note_login(struct state *state, const struct account *account, uint64_t now_ms)
{
    struct arena *arena = arena_new();

    redis_post(state->volatile_redis, SLICE("SET"), login_key(arena, account->id),
               record_number(arena, now_ms));
    arena_free(arena);
}
