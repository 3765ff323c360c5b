#include "gateway/access/login_guard.h"

#include "base/address.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/password.h"
#include "base/text.h"
#include "gateway/gateway.h"
#include "gateway/reply.h"
#include "state/commit.h"
#include "state/record.h"
#include "state/window.h"

#include <inttypes.h>

enum { NOTED_AGAIN_S = 86400, MS_PER_S = 1000 };

/* What is counted, and what of it is too much. */
struct count {
    struct slice counter;
    uint64_t limit, seconds;
};
static const struct count here = {SLICE_INIT("login_failures"), LOGIN_GUARD_FAILURES,
                                  LOGIN_GUARD_WINDOW_S};
static const struct count anywhere = {SLICE_INIT("login_failures_account"),
                                      LOGIN_GUARD_ACCOUNT_FAILURES, LOGIN_GUARD_WINDOW_S};
static const struct count strangers = {SLICE_INIT("login_strangers"), LOGIN_GUARD_STRANGERS,
                                       LOGIN_GUARD_STRANGERS_S};

/* --- the counters ------------------------------------------------------------------------------
 */

static struct redis_call *look(struct request *req, const struct count *count, struct slice key)
{
    return window_look(req->gateway->state, req->task.arena, count->counter, key, count->seconds,
                       clock_unix_ms());
}

static struct redis_call *add(struct request *req, const struct count *count, struct slice key)
{
    return window_send(req->gateway->state, req->task.arena, count->counter, key, count->seconds,
                       clock_unix_ms());
}

static enum err take(struct request *req, const struct count *count, struct redis_call *call,
                     struct window *out)
{
    return window_take(&req->task, call, count->limit, count->seconds, clock_unix_ms(), out);
}

static void reply_later(struct request *req, const struct window *window)
{
    uint64_t now_s = clock_unix_ms() / MS_PER_S;
    uint64_t wait_s = window->reset_s > now_s ? window->reset_s - now_s : 1;

    reply_header(req, "Retry-After", arena_printf(req->task.arena, "%" PRIu64, wait_s));
    reply_error(req, ERR_RATE_LIMITED, SLICE("Too many failed logins; try again later."));
}

/* --- the source --------------------------------------------------------------------------------
 */

struct turns_asker login_guard_asker(const struct request *req)
{
    return (struct turns_asker){.source = address_prefix_text(req->task.arena, req->peer_ip),
                                .group = address_network_text(req->task.arena, req->peer_ip)};
}

/* Hashed, because names are of any length and may hold the separator, and addresses are nobody's
 * business. */
static void name_all(struct request *req, const struct login_subject *subject,
                     struct login_guard *guard)
{
    struct arena *arena = req->task.arena;
    struct slice who = subject->user_id.n ? subject->user_id : text_lower(arena, subject->name);

    guard->asker = login_guard_asker(req);
    guard->asker.known = subject->inside;
    guard->anywhere = sha256_hex(arena, who);
    guard->here = sha256_hex(
        arena, arena_printf(arena, "%.*s\n%.*s", SLICE_ARG(guard->asker.source), SLICE_ARG(who)));
    guard->mark_key =
        state_key(arena, subject->partition, "login_source:%.*s", SLICE_ARG(guard->here));
}

/* When it cannot be noted, nothing is lost but a little patience of the owner's. */
static void note_source(struct request *req, const struct login_guard *guard)
{
    uint64_t now_ms = clock_unix_ms();
    struct arena *arena = req->task.arena;

    if (!guard->user_id.n || now_ms - guard->mark_ms < NOTED_AGAIN_S * UINT64_C(1000))
        return;
    struct commit *commit = commit_new(&req->task, req->gateway->state, guard->partition);
    commit_write(commit, SLICE("SET"), guard->mark_key, record_number(arena, now_ms));
    commit_write(commit, SLICE("PEXPIREAT"), guard->mark_key,
                 record_number(arena, now_ms + LOGIN_GUARD_KNOWN_S * UINT64_C(1000)));
    commit_send(commit);
}

/* --- the guard ---------------------------------------------------------------------------------
 */

/* A source that nobody of this account has come from takes one of the tries that are left. */
static bool pace_or_reply(struct request *req, const struct login_guard *guard)
{
    struct window window;
    enum err err = take(req, &strangers, add(req, &strangers, guard->anywhere), &window);

    if (err != OK)
        reply_error(req, err, SLICE_NONE);
    else if (window.used > window.limit)
        reply_later(req, &window);
    return err == OK && window.used <= window.limit;
}

/* One round trip. A source's mark lies on the other server, and is asked for once. */
static bool passes_or_reply(struct request *req, struct login_guard *guard, bool *braked)
{
    struct state *state = req->gateway->state;
    struct redis_call *mark =
        redis_send(state->durable, REDIS_ARGV(SLICE("GET"), guard->mark_key), 2);
    struct redis_call *counts[] = {look(req, &here, guard->here),
                                   look(req, &anywhere, guard->anywhere)};
    struct redis_value noted;
    struct window failures, all;
    enum err err = take(req, &here, counts[0], &failures);
    enum err also = take(req, &anywhere, counts[1], &all);

    if (redis_await(&req->task, mark, &noted) == OK && noted.type == REDIS_TEXT)
        guard->asker.known = slice_to_u64(noted.text, &guard->mark_ms);
    if (err == OK)
        err = also;
    if (!ok_or_reply(req, err))
        return false;
    if (failures.used >= failures.limit) {
        reply_later(req, &failures);
        return false;
    }
    *braked = all.used >= all.limit && !guard->asker.known;
    return true;
}

bool login_guard_enter_or_reply(struct request *req, const struct login_subject *subject,
                                struct login_guard *guard)
{
    struct password_thread *passwords = req->gateway->passwords;
    bool braked;

    *guard = (struct login_guard){.user_id = subject->user_id, .partition = subject->partition};
    name_all(req, subject, guard);
    /* Who is refused anyway takes no turn; what those before us did is known when it has come. */
    if (!passes_or_reply(req, guard, &braked))
        return false;
    enum err err = password_turn_take(&req->task, passwords, &guard->asker);
    if (!ok_or_reply(req, err))
        return false;
    if (passes_or_reply(req, guard, &braked) && (!braked || pace_or_reply(req, guard)))
        return true;
    password_turn_end(passwords);
    return false;
}

void login_guard_leave(struct request *req, const struct login_guard *guard, enum err verdict)
{
    struct window window;

    if (verdict == ERR_UNAUTHORIZED) {
        struct redis_call *counts[] = {add(req, &here, guard->here),
                                       add(req, &anywhere, guard->anywhere)};

        take(req, &here, counts[0], &window);
        take(req, &anywhere, counts[1], &window);
    }
    password_turn_end(req->gateway->passwords);
    if (verdict == OK)
        note_source(req, guard);
}
