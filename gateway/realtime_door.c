#include "gateway/realtime_door.h"

#include "base/clock.h"
#include "gateway/access/authentication.h"
#include "gateway/access/forwarded.h"
#include "gateway/access/jws.h"
#include "gateway/gateway.h"
#include "gateway/router.h"

/* Tokens in a query end in the logs of every proxy on the way. */
static bool query_has_token(const struct request *req)
{
    return request_query(req, "token").n || request_query(req, "access_token").n;
}

enum err realtime_door_judge(const struct request *req, struct slice *detail)
{
    if (config_bool(req->gateway->config, "mediavault.require_https") && !request_is_safe(req)) {
        *detail = SLICE(FORWARDED_HTTPS_REQUIRED);
        return ERR_FORBIDDEN;
    }
    if (query_has_token(req)) {
        *detail = SLICE("Send the token in an `auth` message or the Authorization header, or a "
                        "ticket instead.");
        return ERR_BAD_REQUEST;
    }
    return req->gateway->draining ? ERR_DRAINING : OK;
}

struct slice realtime_door_header(const struct request *req)
{
    struct slice bearer = request_header(req, "Authorization"), token;

    if (!bearer.n)
        return request_header(req, "X-API-Key");
    return authentication_bearer(bearer, &token) ? token : SLICE("-");
}

enum err realtime_door_authenticate(struct task *task, struct gateway *gateway, struct slice token,
                                    struct principal *out)
{
    const struct authenticator *by = router_authenticator(jws_audience(task->arena, token), token);
    struct authentication authentication = {.by = by, .refusal = ERR_UNAUTHORIZED};
    uint64_t asked_us = clock_us();

    if (by)
        by->begin_token(task->arena, gateway, token, &authentication);
    enum err err = authentication_end(task, gateway, &authentication);
    *out = authentication.principal;
    out->asked_us = asked_us;
    return authentication_refused(err) ? ERR_UNAUTHORIZED : err;
}
