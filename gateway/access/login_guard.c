#include "gateway/access/login_guard.h"

#include "base/address.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "state/commit.h"
#include "state/record.h"
#include "state/window.h"

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

static struct redis_call *look(struct task *task, const struct login_guard *guard,
                               const struct count *count, struct slice key)
{
    return window_look(guard->desk.state, task->arena, count->counter, key, count->seconds,
                       clock_unix_ms());
}

static struct redis_call *add(struct task *task, const struct login_guard *guard,
                              const struct count *count, struct slice key)
{
    return window_send(guard->desk.state, task->arena, count->counter, key, count->seconds,
                       clock_unix_ms());
}

static enum err take(struct task *task, const struct count *count, struct redis_call *call,
                     struct window *out)
{
    return window_take(task, call, count->limit, count->seconds, clock_unix_ms(), out);
}

static enum err refuse(const struct window *window, uint64_t *wait_s)
{
    uint64_t now_s = clock_unix_ms() / MS_PER_S;

    *wait_s = window->reset_s > now_s ? window->reset_s - now_s : 1;
    return ERR_RATE_LIMITED;
}

/* --- the source --------------------------------------------------------------------------------
 */

struct turns_asker login_guard_asker(struct arena *arena, struct slice peer_ip)
{
    return (struct turns_asker){.source = address_prefix_text(arena, peer_ip),
                                .group = address_network_text(arena, peer_ip)};
}

/* Hashed, because names are of any length and may hold the separator, and addresses are nobody's
 * business. */
static void name_all(struct arena *arena, const struct login_subject *subject,
                     struct login_guard *guard)
{
    struct slice who = subject->user_id.n ? subject->user_id : text_lower(arena, subject->name);

    guard->asker = login_guard_asker(arena, guard->desk.peer_ip);
    guard->asker.known = subject->inside;
    guard->anywhere = sha256_hex(arena, who);
    guard->here = sha256_hex(
        arena, arena_printf(arena, "%.*s\n%.*s", SLICE_ARG(guard->asker.source), SLICE_ARG(who)));
    guard->mark_key =
        state_key(arena, subject->partition, "login_source:%.*s", SLICE_ARG(guard->here));
}

/* When it cannot be noted, nothing is lost but a little patience of the owner's. */
static void note_source(struct task *task, const struct login_guard *guard)
{
    uint64_t now_ms = clock_unix_ms();

    if (!guard->user_id.n || now_ms - guard->mark_ms < NOTED_AGAIN_S * UINT64_C(1000))
        return;
    struct commit *commit = commit_new(task, guard->desk.state, guard->partition);
    commit_write(commit, SLICE("SET"), guard->mark_key, record_number(task->arena, now_ms));
    commit_write(commit, SLICE("PEXPIREAT"), guard->mark_key,
                 record_number(task->arena, now_ms + LOGIN_GUARD_KNOWN_S * UINT64_C(1000)));
    commit_send(commit);
}

/* --- the guard ---------------------------------------------------------------------------------
 */

/* A source that nobody of this account has come from takes one of the tries that are left. */
static enum err pace(struct task *task, const struct login_guard *guard, uint64_t *wait_s)
{
    struct window window;
    enum err err = take(task, &strangers, add(task, guard, &strangers, guard->anywhere), &window);

    return err == OK && window.used > window.limit ? refuse(&window, wait_s) : err;
}

/* One round trip. A source's mark lies on the other server. */
static enum err judge(struct task *task, struct login_guard *guard, bool *braked, uint64_t *wait_s)
{
    struct redis_call *mark =
        redis_send(guard->desk.state->durable, REDIS_ARGV(SLICE("GET"), guard->mark_key), 2);
    struct redis_call *counts[] = {look(task, guard, &here, guard->here),
                                   look(task, guard, &anywhere, guard->anywhere)};
    struct redis_value noted;
    struct window failures, all;
    enum err err = take(task, &here, counts[0], &failures);
    enum err also = take(task, &anywhere, counts[1], &all);

    if (redis_await(task, mark, &noted) == OK && noted.type == REDIS_TEXT)
        guard->asker.known = slice_to_u64(noted.text, &guard->mark_ms);
    if (err == OK)
        err = also;
    if (err == OK && failures.used >= failures.limit)
        return refuse(&failures, wait_s);
    *braked = all.used >= all.limit && !guard->asker.known;
    return err;
}

enum err login_guard_enter(struct task *task, const struct login_desk *desk,
                           const struct login_subject *subject, struct login_guard *guard,
                           uint64_t *wait_s)
{
    bool braked;

    *guard = (struct login_guard){
        .desk = *desk, .user_id = subject->user_id, .partition = subject->partition};
    name_all(task->arena, subject, guard);
    /* Who is refused anyway takes no turn; what those before us did is known when it has come. */
    enum err err = judge(task, guard, &braked, wait_s);
    if (err == OK)
        err = password_turn_take(task, desk->passwords, &guard->asker);
    if (err != OK)
        return err;
    err = judge(task, guard, &braked, wait_s);
    if (err == OK && braked)
        err = pace(task, guard, wait_s);
    if (err != OK)
        password_turn_end(desk->passwords);
    return err;
}

void login_guard_leave(struct task *task, const struct login_guard *guard, enum err verdict)
{
    struct window window;

    if (verdict == ERR_UNAUTHORIZED) {
        struct redis_call *counts[] = {add(task, guard, &here, guard->here),
                                       add(task, guard, &anywhere, guard->anywhere)};

        take(task, &here, counts[0], &window);
        take(task, &anywhere, counts[1], &window);
    }
    password_turn_end(guard->desk.passwords);
    if (verdict == OK)
        note_source(task, guard);
}
