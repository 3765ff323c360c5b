#include "state/session.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "state/account.h"
#include "state/id.h"

#include <string.h>

/* A family holds at most FAMILY_SESSIONS sessions: past it the one that expires first is ended. */
enum { FAMILY_SESSIONS = 20, SECRET_BYTES = 32, PARTITION_CHARS = 2 };
enum { TOKEN_CHARS = PARTITION_CHARS + 43 };

static const struct slice session_prefix = SLICE_INIT("ses_");

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

enum err session_create(struct task *task, struct state *state, struct slice user_id,
                        unsigned partition, bool admin, struct session *out,
                        struct slice *refresh_token)
{
    struct commit *commit = commit_new(task, state, partition);
    struct family family = {.partition = partition,
                            .id = id_new(task->arena, SLICE("fam_"), partition),
                            .user_id = arena_dup(task->arena, user_id)};

    commit_allow_full(commit); /* who may not log in can delete nothing */
    *out = new_session(task->arena, &family, admin);
    *refresh_token = new_token(task->arena, partition);
    add_session(commit, &family, out, *refresh_token);
    record_create(commit, &family);
    expire(commit, record_key(task->arena, &family), refresh_until_ms(out));
    return commit_send(commit);
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
    return commit_send(commit);
}

/* What clients do again by themselves when they are told that now it does not work. */
static enum err later(enum err err)
{
    return err == ERR_OVERTAKEN ? ERR_STATE_UNAVAILABLE : err;
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

/* -- Refreshing ------------------------------------------------------------------------------- */

struct refreshing {
    struct refresh refresh;
    struct session *out;
    struct slice *next_token;
};

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
    record_save(commit, &refreshing->refresh, &spent);
    prune(commit, family, &now);
    add_session(commit, &now, refreshing->out, *refreshing->next_token);
    record_save(commit, family, &now);
    expire(commit, record_key(task->arena, &now), refresh_until_ms(refreshing->out));
    return commit_send(commit);
}

/* OK: a live token of a living family, whose account may log in. ERR_FORBIDDEN: the family must
 * end. ERR_NOT_FOUND: there is nothing to refresh, or to end. */
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
    if (refreshing->refresh.state != REFRESH_STATE_LIVE)
        return ERR_FORBIDDEN;
    err = account_load(task, state, family->user_id, &account);
    if (err == ERR_NOT_FOUND || (err == OK && !account.is_active))
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
        return rotate(task, state, refreshing, &family, admin);
    if (err == ERR_FORBIDDEN) {
        err = end_family(task, state, family.partition, family.id);
        return err == OK ? ERR_UNAUTHORIZED : err;
    }
    return err == ERR_NOT_FOUND ? ERR_UNAUTHORIZED : err;
}

enum err session_refresh(struct task *task, struct state *state, struct slice refresh_token,
                         struct session *out, struct slice *next_refresh_token)
{
    struct refreshing refreshing = {.out = out, .next_token = next_refresh_token};
    struct slice two = {refresh_token.p, PARTITION_CHARS};

    if (refresh_token.n != TOKEN_CHARS ||
        !partition_decode(two, state->partitions, &refreshing.refresh.partition))
        return ERR_UNAUTHORIZED;
    refreshing.refresh.sha256 = sha256_hex(task->arena, refresh_token);
    return later(record_repeat(task, state, refresh_once, &refreshing));
}
