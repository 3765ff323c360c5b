#include "state/session.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/seal.h"
#include "base/text.h"
#include "base/utf8.h"
#include "state/account.h"
#include "state/id.h"

#include <string.h>

/* A family holds at most FAMILY_SESSIONS sessions: past it the one that expires first is ended. */
enum {
    FAMILY_SESSIONS = 20,
    SECRET_BYTES = 32,
    PARTITION_CHARS = 2,
    ADDRESS_MAX_BYTES = 64,
    CLIENT_MAX_BYTES = 256,
};
enum { TOKEN_CHARS = PARTITION_CHARS + 43 };

static const struct slice session_prefix = SLICE_INIT("ses_");

/* What clients do again by themselves when they are told that now it does not work. */
static enum err later(enum err err)
{
    return err == ERR_OVERTAKEN ? ERR_STATE_UNAVAILABLE : err;
}

static struct slice new_token(struct arena *arena, unsigned partition)
{
    char secret[SECRET_BYTES], two[PARTITION_CHARS];

    random_bytes(secret, sizeof secret);
    partition_encode(partition, two);
    return arena_printf(arena, "%.2s%.*s", two,
                        SLICE_ARG(text_base64url(arena, (struct slice){secret, sizeof secret})));
}

static struct session new_session(struct arena *arena, const struct family *family, bool admin)
{
    uint64_t now_ms = clock_unix_ms();

    return (struct session){
        .id = id_new(arena, session_prefix, family->partition),
        .user_id = family->user_id,
        .partition = family->partition,
        .family = family->id,
        .admin = admin,
        .created_ms = now_ms,
        .expires_ms = now_ms + SESSION_LIFE_S * UINT64_C(1000),
    };
}

/* The key of a record, with which it expires. Behind the write that makes it. */
static void expire(struct commit *commit, struct slice key, uint64_t at_ms)
{
    commit_write(commit, SLICE("PEXPIREAT"), key, record_number(commit_arena(commit), at_ms));
}

/* So long its refresh token, and with it the family, outlives it. */
static uint64_t refresh_until_ms(const struct session *session)
{
    return session->created_ms + REFRESH_LIFE_S * UINT64_C(1000);
}

/* Adds the records of a session and of the refresh token that goes with it; `family`, which the
 * caller writes, gets the session. */
static void add_session(struct commit *commit, struct family *family, struct session *session,
                        struct slice token)
{
    struct arena *arena = commit_arena(commit);
    struct refresh refresh = {.partition = session->partition,
                              .sha256 = sha256_hex(arena, token),
                              .family = family->id,
                              .state = REFRESH_STATE_LIVE};
    struct record_entry *sessions =
        ARENA_ARRAY(arena, struct record_entry, family->session_count + 1);

    if (family->session_count)
        memcpy(sessions, family->sessions, family->session_count * sizeof *sessions);
    sessions[family->session_count++] =
        (struct record_entry){session->id, record_number(arena, session->expires_ms)};
    family->sessions = sessions;
    record_create(commit, session);
    expire(commit, record_key(arena, session), session->expires_ms);
    record_create(commit, &refresh);
    expire(commit, record_key(arena, &refresh), refresh_until_ms(session));
}

/* -- Logging in -------------------------------------------------------------------------------- */

static struct slice index_key(struct arena *arena, unsigned partition, struct slice user_id)
{
    return state_key(arena, partition, "families_of:%.*s", SLICE_ARG(user_id));
}

/* The family and its place in the index end with its newest refresh token. */
static void add_index(struct commit *commit, const struct family *family,
                      const struct session *newest)
{
    struct arena *arena = commit_arena(commit);
    struct slice index = index_key(arena, family->partition, family->user_id);

    expire(commit, record_key(arena, family), refresh_until_ms(newest));
    commit_write(commit, SLICE("ZADD"), index, record_number(arena, refresh_until_ms(newest)),
                 family->id);
    expire(commit, index, refresh_until_ms(newest));
}

static enum err end_family(struct task *task, struct state *state, unsigned partition,
                           struct slice family_id);

/* Forgets who has expired, and ends the oldest of too many. */
static enum err make_room(struct task *task, struct state *state, const struct account *account)
{
    struct slice index = index_key(task->arena, account->partition, account->id);
    struct slice now = record_number(task->arena, clock_unix_ms());
    struct redis_value dropped, ids;
    enum err err = state_command(task, state->durable, &dropped, SLICE("ZREMRANGEBYSCORE"), index,
                                 SLICE("0"), now);

    if (err == OK)
        err = state_command(task, state->durable, &ids, SLICE("ZRANGE"), index, SLICE("0"),
                            arena_printf(task->arena, "-%d", FAMILIES_MAX));
    for (size_t i = 0; err == OK && i < ids.n; i++)
        err = end_family(task, state, account->partition, ids.items[i].text);
    return err;
}

struct creation {
    const struct account *proved;
    const struct login_origin *origin;
    struct session *out;
    struct slice *refresh_token;
};

/* A login is its account's as it is now: whoever changes it meanwhile has either ended this login
 * too, or overtaken it. */
static enum err create_once(struct task *task, struct state *state, void *arg)
{
    const struct creation *creation = arg;
    struct session *out = creation->out;
    struct account account = {.id = creation->proved->id};
    enum err err = record_load(task, state, &account);

    if (err == ERR_NOT_FOUND ||
        (err == OK &&
         (!account.is_active || !slice_eq(account.password_hash, creation->proved->password_hash))))
        return ERR_UNAUTHORIZED;
    if (err != OK)
        return err;
    struct commit *commit = commit_new(task, state, account.partition);
    struct family family = {.partition = account.partition,
                            .id = id_new(task->arena, SLICE("fam_"), account.partition),
                            .user_id = account.id,
                            .address = utf8_cut(creation->origin->address, ADDRESS_MAX_BYTES),
                            .client = utf8_cut(creation->origin->client, CLIENT_MAX_BYTES)};
    commit_allow_full(commit); /* who may not log in can delete nothing */
    commit_require_rev(commit, record_key(task->arena, &account), account.rev);
    *out = new_session(task->arena, &family, account.is_admin);
    *creation->refresh_token = new_token(task->arena, account.partition);
    /* Clocks of several hosts differ: who logs in now does so after he was logged out. */
    family.created_ms =
        out->created_ms > account.logged_out_ms ? out->created_ms : account.logged_out_ms;
    add_session(commit, &family, out, *creation->refresh_token);
    record_create(commit, &family);
    add_index(commit, &family, out);
    return commit_send(commit);
}

enum err session_create(struct task *task, struct state *state, const struct account *account,
                        const struct login_origin *origin, struct session *out,
                        struct slice *refresh_token)
{
    struct creation creation = {account, origin, out, refresh_token};
    enum err err = make_room(task, state, account);

    if (err == OK)
        err = record_repeat(task, state, create_once, &creation);
    return later(err);
}

/* -- Admission -------------------------------------------------------------------------------- */

struct redis_call *session_send(struct state *state, struct arena *arena, struct slice session_id,
                                unsigned partition)
{
    struct session session = {.id = session_id, .partition = partition};

    return record_send(state, arena, &session);
}

enum err session_take(struct task *task, struct redis_call *call, struct session *out)
{
    *out = (struct session){0};
    enum err err = record_take(task, call, out);

    if (err != OK)
        return err == ERR_NOT_FOUND ? ERR_UNAUTHORIZED : err;
    if (!id_parse(out->id, session_prefix, PARTITION_MAX + 1, &out->partition))
        return ERR_UNAUTHORIZED;
    return out->expires_ms > clock_unix_ms() ? OK : ERR_UNAUTHORIZED;
}

enum err session_load(struct task *task, struct state *state, struct slice session_id,
                      unsigned partition, struct session *out)
{
    return session_take(task, session_send(state, task->arena, session_id, partition), out);
}

/* -- Ending ----------------------------------------------------------------------------------- */

static uint64_t expiry(const struct record_entry *session)
{
    uint64_t ms;

    return slice_to_u64(session->value, &ms) ? ms : 0;
}

static void add_session_end(struct commit *commit, const struct family *family,
                            struct slice session_id)
{
    struct session session = {.id = session_id, .partition = family->partition};
    struct event event = {.type = EVENT_SESSION_ENDED,
                          .owner = family->user_id,
                          .resource = session_id,
                          .resource_type = SLICE("session")};

    commit_event(commit, &event);
    commit_write(commit, SLICE("DEL"), record_key(commit_arena(commit), &session));
}

static enum err end_once(struct task *task, struct state *state, void *arg)
{
    struct family *family = arg;
    uint64_t now_ms = clock_unix_ms();
    enum err err = record_load(task, state, family);

    if (err != OK)
        return err;
    struct commit *commit = commit_new(task, state, family->partition);
    commit_allow_full(commit);
    for (size_t i = 0; i < family->session_count; i++)
        if (expiry(&family->sessions[i]) > now_ms)
            add_session_end(commit, family, family->sessions[i].name);
    record_remove(commit, family);
    commit_write(commit, SLICE("ZREM"), index_key(task->arena, family->partition, family->user_id),
                 family->id);
    return commit_send(commit);
}

static enum err end_family(struct task *task, struct state *state, unsigned partition,
                           struct slice family_id)
{
    struct family family = {.partition = partition, .id = family_id};
    enum err err = record_repeat(task, state, end_once, &family);

    return err == ERR_NOT_FOUND ? OK : later(err);
}

enum err session_end(struct task *task, struct state *state, const struct session *session)
{
    return end_family(task, state, session->partition, session->family);
}

/* A token's record; ERR_UNAUTHORIZED: it cannot be one of ours. */
static enum err locate_token(struct arena *arena, const struct state *state, struct slice token,
                             struct refresh *out)
{
    struct slice two = {token.p, PARTITION_CHARS};

    *out = (struct refresh){0};
    if (token.n != TOKEN_CHARS || !partition_decode(two, state->partitions, &out->partition))
        return ERR_UNAUTHORIZED;
    out->sha256 = sha256_hex(arena, token);
    return OK;
}

enum err session_end_by_token(struct task *task, struct state *state, struct slice refresh_token)
{
    struct refresh refresh;
    enum err err = locate_token(task->arena, state, refresh_token, &refresh);

    if (err == OK)
        err = record_load(task, state, &refresh);
    if (err == OK)
        err = end_family(task, state, refresh.partition, refresh.family);
    return err == ERR_NOT_FOUND ? ERR_UNAUTHORIZED : err;
}

enum err session_families(struct task *task, struct state *state, struct slice user_id,
                          unsigned partition, struct family **out, size_t *n)
{
    struct redis_value ids;
    enum err err = state_command(task, state->durable, &ids, SLICE("ZREVRANGE"),
                                 index_key(task->arena, partition, user_id), SLICE("0"),
                                 arena_printf(task->arena, "%d", FAMILIES_MAX));

    *n = 0;
    if (err != OK)
        return err;
    *out = ARENA_ARRAY(task->arena, struct family, ids.n);
    for (size_t i = 0; i < ids.n; i++)
        (*out)[i] = (struct family){.partition = partition, .id = ids.items[i].text};
    *n = ids.n;
    return record_load_many(task, state, *out, n);
}

enum err session_end_families(struct task *task, struct state *state, struct slice user_id,
                              unsigned partition, struct slice kept, uint64_t before_ms,
                              size_t *ended)
{
    struct family *families;
    size_t n;
    enum err err = session_families(task, state, user_id, partition, &families, &n);

    *ended = 0;
    for (size_t i = 0; i < n && err == OK; i++) {
        if (slice_eq(families[i].id, kept) || families[i].created_ms >= before_ms)
            continue;
        err = end_family(task, state, partition, families[i].id);
        *ended += err == OK;
    }
    return err;
}

/* -- Refreshing ------------------------------------------------------------------------------- */

struct refreshing {
    uint64_t now_ms;
    struct slice token;
    struct refresh refresh;
    struct session *out;
    struct slice *next_token;
};

/* Only who has the spent token opens what came after it. */
static struct seal_key successor_key(struct arena *arena, struct slice token)
{
    return seal_key_from(arena, "successor", token);
}

static struct slice seal_successor(struct arena *arena, const struct refreshing *refreshing)
{
    struct seal_key key = successor_key(arena, refreshing->token);

    return seal(arena, &key, refreshing->refresh.sha256,
                arena_printf(arena, "%.*s %.*s", SLICE_ARG(*refreshing->next_token),
                             SLICE_ARG(refreshing->out->id)));
}

/* ERR_FORBIDDEN: too late, or there is none. */
static enum err open_successor(struct task *task, struct state *state,
                               const struct refreshing *refreshing)
{
    const struct refresh *refresh = &refreshing->refresh;
    struct seal_key key = successor_key(task->arena, refreshing->token);
    struct slice plain, session_id;

    if (refreshing->now_ms > refresh->spent_ms + REFRESH_GRACE_MS ||
        seal_open(task->arena, &key, refresh->sha256, refresh->successor, &plain) != SEAL_OPENED ||
        !slice_split(plain, ' ', refreshing->next_token, &session_id))
        return ERR_FORBIDDEN;
    return session_load(task, state, session_id, refresh->partition, refreshing->out);
}

/* Forgets expired sessions and, where the family would grow too large, ends its oldest one. */
static void prune(struct commit *commit, const struct family *was, struct family *now)
{
    uint64_t now_ms = clock_unix_ms();
    size_t oldest = 0;

    now->sessions = ARENA_ARRAY(commit_arena(commit), struct record_entry, was->session_count);
    now->session_count = 0;
    for (size_t i = 0; i < was->session_count; i++) {
        if (expiry(&was->sessions[i]) <= now_ms)
            continue;
        if (expiry(&was->sessions[i]) < expiry(&now->sessions[oldest]))
            oldest = now->session_count;
        now->sessions[now->session_count++] = was->sessions[i];
    }
    if (now->session_count < FAMILY_SESSIONS)
        return;
    add_session_end(commit, was, now->sessions[oldest].name);
    now->sessions[oldest] = now->sessions[--now->session_count];
}

static enum err rotate(struct task *task, struct state *state, struct refreshing *refreshing,
                       const struct family *family, bool admin)
{
    struct commit *commit = commit_new(task, state, family->partition);
    struct refresh spent = refreshing->refresh;
    struct family now = *family;

    commit_allow_full(commit);
    *refreshing->out = new_session(task->arena, family, admin);
    *refreshing->next_token = new_token(task->arena, family->partition);
    spent.state = REFRESH_STATE_SPENT;
    spent.spent_ms = refreshing->now_ms;
    spent.successor = seal_successor(task->arena, refreshing);
    record_save(commit, &refreshing->refresh, &spent);
    prune(commit, family, &now);
    add_session(commit, &now, refreshing->out, *refreshing->next_token);
    record_save(commit, family, &now);
    add_index(commit, &now, refreshing->out);
    return commit_send(commit);
}

/* Was everybody logged out since, but for another family? */
static bool is_logged_out(const struct account *account, const struct family *family)
{
    return family->created_ms < account->logged_out_ms &&
           !slice_eq(family->id, account->kept_family);
}

/* OK: a token of a living family, whose account may log in. ERR_FORBIDDEN: the family must end.
 * ERR_NOT_FOUND: there is nothing to refresh, or to end. */
static enum err judge_token(struct task *task, struct state *state, struct refreshing *refreshing,
                            struct family *family, bool *admin)
{
    struct account account;
    enum err err = record_load(task, state, &refreshing->refresh);

    if (err != OK)
        return err;
    *family = (struct family){.partition = refreshing->refresh.partition,
                              .id = refreshing->refresh.family};
    err = record_load(task, state, family);
    if (err != OK)
        return err;
    err = account_load(task, state, family->user_id, &account);
    if (err == ERR_NOT_FOUND ||
        (err == OK && (!account.is_active || is_logged_out(&account, family))))
        return ERR_FORBIDDEN;
    *admin = err == OK && account.is_admin;
    return err;
}

static enum err refresh_once(struct task *task, struct state *state, void *arg)
{
    struct refreshing *refreshing = arg;
    struct family family;
    bool admin;
    enum err err = judge_token(task, state, refreshing, &family, &admin);

    if (err == OK)
        err = refreshing->refresh.state == REFRESH_STATE_LIVE
                  ? rotate(task, state, refreshing, &family, admin)
                  : open_successor(task, state, refreshing);
    if (err == ERR_FORBIDDEN) {
        err = end_family(task, state, family.partition, family.id);
        return err == OK ? ERR_UNAUTHORIZED : err;
    }
    return err == ERR_NOT_FOUND ? ERR_UNAUTHORIZED : err;
}

enum err session_refresh(struct task *task, struct state *state, struct slice refresh_token,
                         uint64_t now_ms, struct session *out, struct slice *next_refresh_token)
{
    struct refreshing refreshing = {
        .now_ms = now_ms, .token = refresh_token, .out = out, .next_token = next_refresh_token};
    enum err err = locate_token(task->arena, state, refresh_token, &refreshing.refresh);

    return err == OK ? later(record_repeat(task, state, refresh_once, &refreshing)) : err;
}
