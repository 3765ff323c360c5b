#include "state/session.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "state/account.h"
#include "state/commit.h"
#include "state/id.h"
#include "state/record.h"

#include <string.h>

/* Records, all in the user's partition:
 *   session:<id>         id, user, family, admin, created, expires
 *   refresh:<sha256>     family, state: live or spent (kept, so that reuse is noticed)
 *   family:<id>          user, turn (counts its changes), and per session: <id> -> expires
 * A family holds at most FAMILY_SESSIONS sessions: past it the one that expires first is ended. */
enum { FAMILY_SESSIONS = 20, SECRET_BYTES = 32, PARTITION_CHARS = 2, TRIES = 5 };
enum { TOKEN_CHARS = PARTITION_CHARS + 43 };

static const struct slice session_prefix = SLICE_INIT("ses_");

struct family {
    struct slice id, key, user_id, turn;
    unsigned partition;
    struct redis_value fields;
};

static struct slice session_key(struct arena *arena, unsigned partition, struct slice id)
{
    return state_key(arena, partition, "session:%.*s", SLICE_ARG(id));
}

static struct slice refresh_key(struct arena *arena, unsigned partition, struct slice token)
{
    return state_key(arena, partition, "refresh:%.*s", SLICE_ARG(sha256_hex(arena, token)));
}

static struct slice new_token(struct arena *arena, unsigned partition)
{
    char secret[SECRET_BYTES], two[PARTITION_CHARS];

    random_bytes(secret, sizeof secret);
    partition_encode(partition, two);
    return arena_printf(arena, "%.2s%.*s", two,
                        SLICE_ARG(text_base64url(arena, (struct slice){secret, sizeof secret})));
}

/* ERR_NOT_FOUND: ended, or expired. */
static enum err family_load(struct task *task, struct state *state, unsigned partition,
                            struct slice id, struct family *out)
{
    *out = (struct family){.id = id,
                           .key = state_key(task->arena, partition, "family:%.*s", SLICE_ARG(id)),
                           .partition = partition};
    enum err err = state_command(task, state->durable, &out->fields, SLICE("HGETALL"), out->key);
    if (err != OK)
        return err;
    out->user_id = redis_field(&out->fields, SLICE("user"));
    out->turn = redis_field(&out->fields, SLICE("turn"));
    return out->user_id.n ? OK : ERR_NOT_FOUND;
}

static bool next_session(const struct family *family, size_t *at, struct slice *id,
                         uint64_t *expires_ms)
{
    for (; *at + 1 < family->fields.n; *at += 2) {
        const struct redis_value *field = &family->fields.items[*at];

        if (!slice_starts_with(field->text, session_prefix))
            continue;
        *id = field->text;
        if (!slice_to_u64(field[1].text, expires_ms))
            *expires_ms = 0;
        *at += 2;
        return true;
    }
    return false;
}

static void add_session_end(struct commit *commit, struct arena *arena, unsigned partition,
                            struct slice user_id, struct slice session_id)
{
    struct event event = {.type = EVENT_SESSION_ENDED,
                          .owner = user_id,
                          .resource = session_id,
                          .resource_type = SLICE("session")};

    commit_event(commit, &event);
    commit_write(commit, SLICE("DEL"), session_key(arena, partition, session_id));
}

/* Forgets expired sessions and, where the family would grow too large, ends its oldest one. */
static void add_pruning(struct commit *commit, struct arena *arena, const struct family *family)
{
    uint64_t now_ms = clock_unix_ms(), expires_ms, oldest_ms = UINT64_MAX;
    struct slice id, oldest = SLICE_NONE;
    size_t live = 0;

    for (size_t at = 0; next_session(family, &at, &id, &expires_ms);) {
        if (expires_ms <= now_ms) {
            commit_write(commit, SLICE("HDEL"), family->key, id);
            continue;
        }
        live++;
        if (expires_ms < oldest_ms) {
            oldest_ms = expires_ms;
            oldest = id;
        }
    }
    if (live < FAMILY_SESSIONS)
        return;
    add_session_end(commit, arena, family->partition, family->user_id, oldest);
    commit_write(commit, SLICE("HDEL"), family->key, oldest);
}

/* The writes that make a session and the refresh token that goes with it. */
static void add_session(struct commit *commit, struct arena *arena, const struct session *session,
                        struct slice token)
{
    struct slice key = session_key(arena, session->partition, session->id);
    struct slice refresh = refresh_key(arena, session->partition, token);
    struct slice family =
        state_key(arena, session->partition, "family:%.*s", SLICE_ARG(session->family));
    struct slice expires = record_number(arena, session->expires_ms);
    struct slice refresh_expires =
        record_number(arena, session->created_ms + REFRESH_LIFE_S * UINT64_C(1000));

    commit_write(commit, SLICE("HSET"), key, SLICE("id"), session->id, SLICE("user"),
                 session->user_id, SLICE("family"), session->family, SLICE("admin"),
                 record_flag(session->admin), SLICE("created"),
                 record_number(arena, session->created_ms), SLICE("expires"), expires);
    commit_write(commit, SLICE("PEXPIREAT"), key, expires);
    commit_write(commit, SLICE("HSET"), refresh, SLICE("family"), session->family, SLICE("state"),
                 SLICE("live"));
    commit_write(commit, SLICE("PEXPIREAT"), refresh, refresh_expires);
    commit_write(commit, SLICE("HSET"), family, SLICE("user"), session->user_id, session->id,
                 expires);
    commit_write(commit, SLICE("HINCRBY"), family, SLICE("turn"), SLICE("1"));
    commit_write(commit, SLICE("PEXPIREAT"), family, refresh_expires);
}

static void new_session(struct arena *arena, struct slice user_id, unsigned partition, bool admin,
                        struct slice family, struct session *out)
{
    uint64_t now_ms = clock_unix_ms();

    *out = (struct session){
        .id = id_new(arena, session_prefix, partition),
        .user_id = arena_dup(arena, user_id),
        .partition = partition,
        .family = family.n ? arena_dup(arena, family) : id_new(arena, SLICE("fam_"), partition),
        .admin = admin,
        .created_ms = now_ms,
        .expires_ms = now_ms + SESSION_LIFE_S * UINT64_C(1000),
    };
}

enum err session_create(struct task *task, struct state *state, struct slice user_id,
                        unsigned partition, bool admin, struct slice family, struct session *out,
                        struct slice *refresh_token)
{
    struct commit *commit = commit_new(task, state, partition);

    new_session(task->arena, user_id, partition, admin, family, out);
    *refresh_token = new_token(task->arena, partition);
    add_session(commit, task->arena, out, *refresh_token);
    return commit_send(commit);
}

/* -- Admission -------------------------------------------------------------------------------- */

struct redis_call *session_send(struct state *state, struct arena *arena, struct slice session_id,
                                unsigned partition)
{
    return redis_send(state->durable,
                      REDIS_ARGV(SLICE("HGETALL"), session_key(arena, partition, session_id)), 2);
}

enum err session_take(struct task *task, struct redis_call *call, struct session *out)
{
    struct redis_value fields;
    enum err err = redis_await(task, call, &fields);

    if (err == OK)
        err = state_fault(&fields);
    if (err != OK)
        return err;
    *out = (struct session){
        .id = redis_field(&fields, SLICE("id")),
        .user_id = redis_field(&fields, SLICE("user")),
        .family = redis_field(&fields, SLICE("family")),
        .admin = record_get_flag(&fields, SLICE("admin")),
        .created_ms = record_get_number(&fields, SLICE("created")),
        .expires_ms = record_get_number(&fields, SLICE("expires")),
    };
    if (!id_parse(out->id, session_prefix, PARTITION_MAX + 1, &out->partition))
        return ERR_UNAUTHORIZED;
    return out->expires_ms > clock_unix_ms() ? OK : ERR_UNAUTHORIZED;
}

/* -- Ending ----------------------------------------------------------------------------------- */

/* ERR_CONFLICT: the family has changed since it was read. */
static enum err try_end(struct task *task, struct state *state, const struct family *family)
{
    struct commit *commit = commit_new(task, state, family->partition);
    uint64_t now_ms = clock_unix_ms(), expires_ms;
    struct slice id;

    commit_require_field(commit, family->key, SLICE("turn"), family->turn);
    for (size_t at = 0; next_session(family, &at, &id, &expires_ms);)
        if (expires_ms > now_ms)
            add_session_end(commit, task->arena, family->partition, family->user_id, id);
    commit_write(commit, SLICE("DEL"), family->key);
    return commit_send(commit);
}

static enum err end_family(struct task *task, struct state *state, unsigned partition,
                           struct slice family_id)
{
    struct family family;
    enum err err = ERR_CONFLICT;

    for (unsigned i = 0; i < TRIES && err == ERR_CONFLICT; i++) {
        err = family_load(task, state, partition, family_id, &family);
        if (err == OK)
            err = try_end(task, state, &family);
    }
    if (err == ERR_CONFLICT)
        return ERR_STATE_UNAVAILABLE;
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err session_end(struct task *task, struct state *state, const struct session *session)
{
    return end_family(task, state, session->partition, session->family);
}

/* -- Refreshing ------------------------------------------------------------------------------- */

static enum err rotate(struct task *task, struct state *state, struct slice spent_key,
                       const struct family *family, bool admin, struct session *out,
                       struct slice *next_token)
{
    struct commit *commit = commit_new(task, state, family->partition);

    new_session(task->arena, family->user_id, family->partition, admin, family->id, out);
    *next_token = new_token(task->arena, family->partition);
    commit_require_field(commit, spent_key, SLICE("state"), SLICE("live"));
    commit_require_field(commit, family->key, SLICE("turn"), family->turn);
    commit_write(commit, SLICE("HSET"), spent_key, SLICE("state"), SLICE("spent"));
    add_pruning(commit, task->arena, family);
    add_session(commit, task->arena, out, *next_token);
    return commit_send(commit);
}

/* Finds the family of a token and what is to be done with it: OK for a live token, ERR_CONFLICT for
 * a spent one, ERR_UNAUTHORIZED when there is nothing to refresh. */
static enum err judge_token(struct task *task, struct state *state, struct slice key,
                            unsigned partition, struct family *family)
{
    struct redis_value fields;
    enum err err = state_command(task, state->durable, &fields, SLICE("HGETALL"), key);

    if (err != OK)
        return err;
    struct slice family_id = redis_field(&fields, SLICE("family"));
    if (!family_id.n)
        return ERR_UNAUTHORIZED;
    err = family_load(task, state, partition, family_id, family);
    if (err != OK)
        return err == ERR_NOT_FOUND ? ERR_UNAUTHORIZED : err;
    return slice_eq(redis_field(&fields, SLICE("state")), SLICE("live")) ? OK : ERR_CONFLICT;
}

static enum err refresh_once(struct task *task, struct state *state, struct slice key,
                             unsigned partition, struct session *out, struct slice *next_token)
{
    struct family family = {0};
    struct account account;
    enum err err = judge_token(task, state, key, partition, &family);

    if (err == OK) {
        err = account_load(task, state, family.user_id, &account);
        if (err == ERR_NOT_FOUND || (err == OK && !account.is_active))
            err = ERR_CONFLICT;
    }
    if (err == OK) {
        err = rotate(task, state, key, &family, account.is_admin, out, next_token);
        return err == ERR_CONFLICT ? ERR_PRECONDITION_FAILED : err;
    }
    if (err == ERR_CONFLICT) {
        err = end_family(task, state, partition, family.id);
        return err == OK ? ERR_UNAUTHORIZED : err;
    }
    return err;
}

enum err session_refresh(struct task *task, struct state *state, struct slice refresh_token,
                         struct session *out, struct slice *next_refresh_token)
{
    struct slice two = {refresh_token.p, PARTITION_CHARS};
    enum err err = ERR_PRECONDITION_FAILED;
    unsigned partition;

    if (refresh_token.n != TOKEN_CHARS || !partition_decode(two, state->partitions, &partition))
        return ERR_UNAUTHORIZED;
    struct slice key = refresh_key(task->arena, partition, refresh_token);
    /* Somebody else changed the family in between: look again whose turn it was. */
    for (unsigned i = 0; i < TRIES && err == ERR_PRECONDITION_FAILED; i++)
        err = refresh_once(task, state, key, partition, out, next_refresh_token);
    return err == ERR_PRECONDITION_FAILED ? ERR_STATE_UNAVAILABLE : err;
}
