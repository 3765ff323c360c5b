#include "gateway/access/login_guard.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "gateway/gateway.h"
#include "gateway/reply.h"
#include "state/window.h"

#include <inttypes.h>

static const struct slice policy = SLICE_INIT("login_failures");

bool login_guard_enter_or_reply(struct request *req, struct slice name, struct login_guard *guard)
{
    struct state *state = req->gateway->state;
    struct arena *arena = req->task.arena;
    struct window window;

    guard->now_ms = clock_unix_ms();
    /* Hashed, because names are of any length and may hold the separator. */
    guard->key = sha256_hex(arena, arena_printf(arena, "%.*s\n%.*s", SLICE_ARG(req->peer_ip),
                                                SLICE_ARG(text_lower(arena, name))));
    struct redis_call *call =
        window_send(state, arena, policy, guard->key, LOGIN_GUARD_WINDOW_S, guard->now_ms);
    enum err err = window_take(&req->task, call, LOGIN_GUARD_FAILURES, LOGIN_GUARD_WINDOW_S,
                               guard->now_ms, &window);
    if (err != OK) {
        reply_error(req, err, SLICE_NONE);
        return false;
    }
    if (window.used <= LOGIN_GUARD_FAILURES)
        return true;
    reply_header(req, "Retry-After",
                 arena_printf(arena, "%" PRIu64, window.reset_s - guard->now_ms / 1000));
    reply_error(req, ERR_RATE_LIMITED, SLICE("Too many failed logins; try again later."));
    return false;
}

void login_guard_leave(struct request *req, const struct login_guard *guard)
{
    window_give_back(req->gateway->state, req->task.arena, policy, guard->key, LOGIN_GUARD_WINDOW_S,
                     guard->now_ms);
}
