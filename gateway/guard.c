#include "gateway/guard.h"

#include "base/clock.h"
#include "gateway/gateway.h"
#include "gateway/reply.h"
#include "state/window.h"

#include <inttypes.h>

static void reply_later(struct request *req, uint64_t wait_s, struct slice detail)
{
    reply_header(req, "Retry-After", arena_printf(req->task.arena, "%" PRIu64, wait_s));
    reply_error(req, ERR_RATE_LIMITED, detail);
}

bool guard_enter_or_reply(struct request *req, const struct login_subject *subject,
                          struct login_guard *guard)
{
    const struct login_desk desk = {req->gateway->state, req->gateway->passwords, req->peer_ip};
    uint64_t wait_s;
    enum err err = login_guard_enter(&req->task, &desk, subject, guard, &wait_s);

    if (err != ERR_RATE_LIMITED)
        return ok_or_reply(req, err);
    reply_later(req, wait_s, SLICE("Too many failed logins; try again later."));
    return false;
}

struct turns_asker guard_asker(const struct request *req)
{
    return login_guard_asker(req->task.arena, req->peer_ip);
}

static void quota_of(const struct request *req, enum rate rate, struct rate_quota *out)
{
    rate_quota_choose(req->task.arena, &req->gateway->limits, rate, req->peer_ip, &req->principal,
                      out);
}

bool guard_may_try_or_reply(struct request *req, enum rate rate)
{
    uint64_t now_ms = clock_unix_ms();
    struct rate_quota quota;
    struct window window;

    quota_of(req, rate, &quota);
    if (quota.limit == 0)
        return true;
    struct redis_call *call = window_look(req->gateway->state, req->task.arena, quota.counter,
                                          quota.key, quota.seconds, now_ms);
    window_take(&req->task, call, quota.limit, quota.seconds, now_ms, &window);
    if (window.used < window.limit)
        return true;
    reply_later(req, window_seconds_to_reset(&window, now_ms), SLICE_NONE);
    return false;
}

void guard_count_failure(struct request *req, enum rate rate)
{
    struct rate_quota quota;

    quota_of(req, rate, &quota);
    if (quota.limit)
        redis_forget(window_send(req->gateway->state, req->task.arena, quota.counter, quota.key,
                                 quota.seconds, clock_unix_ms()));
}
