/* What every request goes through: its id, the rate limit and the session in one round trip, HTTPS,
 * scopes, the shape of query and body. */
#include "gateway/dispatch.h"

#include "base/clock.h"
#include "base/log.h"
#include "gateway/access/authentication.h"
#include "gateway/access/cors.h"
#include "gateway/access/forwarded.h"
#include "gateway/gateway.h"
#include "gateway/metrics.h"
#include "gateway/once_gate.h"
#include "gateway/router.h"
#include "gateway/upload_share.h"
#include "gateway/validate.h"

#include <assert.h>
#include <inttypes.h>

enum { REQUEST_DEADLINE_MS = 30000 };

/* --- who asks for what -------------------------------------------------------------------------
 */

/* Where an operation may be asked for by a client that cannot send its method (tus). How the answer
 * is framed, the method that was sent still decides. */
static const struct route *find_override(struct request *req, unsigned *allowed)
{
    struct slice name = request_header(req, "X-HTTP-Method-Override");
    const struct route *route = name.n ? router_find(http_method_of(name), req->path,
                                                     req->task.arena, req->path_params, allowed)
                                       : NULL;

    return route && route->override ? route : NULL;
}

/* What is wrong with the target or method is only noted: the rate limit comes first. */
static enum err find_route(struct request *req, unsigned *allowed)
{
    if (!req->target_read || !router_path_acceptable(req->path))
        return ERR_BAD_REQUEST;
    req->route = find_override(req, allowed);
    if (!req->route)
        req->route =
            router_find(req->head.method, req->path, req->task.arena, req->path_params, allowed);
    if (req->route)
        return OK;
    return *allowed ? ERR_METHOD_NOT_ALLOWED : ERR_NOT_FOUND;
}

/* What is for whoever runs the hub alone has an address of its own, or none. */
static bool is_served_here(const struct request *req)
{
    return req->route->inside ? req->inside == req->gateway->has_inside : !req->inside;
}

static void see_past_proxies(struct request *req)
{
    struct visitor visitor = {.peer_ip = req->peer_ip, .tls = req->tls};

    forwarded_apply(req->task.arena, req->gateway->proxies, &req->head, &visitor);
    req->peer_ip = visitor.peer_ip;
    req->peer_hidden = visitor.peer_hidden;
    req->tls = visitor.tls;
    req->host = visitor.host;
}

static void identify(struct request *req, enum err *misfit, unsigned *allowed)
{
    request_choose_id(req);
    see_past_proxies(req);
    *misfit = find_route(req, allowed);
    if (req->route && !is_served_here(req)) {
        req->route = NULL;
        *misfit = ERR_NOT_FOUND;
    }
    req->surface = req->route ? req->route->surface : router_surface(req->path);
    if (req->route && req->route->always_name)
        reply_header(req, req->route->always_name, req->route->always_value);
    if (!req->route || req->route->body_kind != BODY_STREAM)
        req->task.deadline_ms = clock_ms() + REQUEST_DEADLINE_MS;
}

static bool lacks_https(const struct request *req)
{
    if (!req->surface->require_https || request_is_safe(req))
        return false;
    char *name = arena_cstr(req->task.arena, arena_printf(req->task.arena, "%.*s.require_https",
                                                          SLICE_ARG(req->surface->name)));
    return config_bool(req->gateway->config, name);
}

/* --- admission ---------------------------------------------------------------------------------
 */

struct admission {
    struct authentication authentication;
    struct redis_call *count; /* NULL: not limited */
    struct redis_call *head;  /* NULL: it lists nothing */
    struct rate_quota quota;
    uint64_t now_ms;
    enum err err; /* of the authentication */
};

static void send_count(struct request *req, struct admission *admission)
{
    if (admission->quota.limit == 0)
        return;
    admission->count =
        window_send(req->gateway->state, req->task.arena, admission->quota.counter,
                    admission->quota.key, admission->quota.seconds, admission->now_ms);
}

/* Where nobody counts, everybody passes: who may do what is decided elsewhere. */
static void take_count(struct request *req, struct admission *admission)
{
    req->has_window = admission->count != NULL;
    if (!req->has_window)
        return;
    req->rate_policy = admission->quota.policy;
    window_take(&req->task, admission->count, admission->quota.limit, admission->quota.seconds,
                admission->now_ms, &req->window);
}

static void give_back(struct request *req, struct admission *admission)
{
    if (admission->count)
        window_give_back(req->gateway->state, req->task.arena, admission->quota.counter,
                         admission->quota.key, admission->quota.seconds, admission->now_ms);
    admission->count = NULL;
    req->has_window = false;
}

/* Credentials that are wrong at first sight are nobody's. */
static void choose_quota(struct request *req, struct admission *admission, enum rate rate)
{
    static const struct principal nobody = {.kind = PRINCIPAL_NONE};
    const struct authentication *authentication = &admission->authentication;

    rate_quota_choose(req->task.arena, &req->gateway->limits, rate, req->peer_ip,
                      authentication->refusal ? &nobody : &authentication->principal,
                      &admission->quota);
}

static void count(struct request *req, struct admission *admission, enum rate rate)
{
    if (rate == RATE_NONE)
        return;
    choose_quota(req, admission, rate);
    send_count(req, admission);
}

/* What a list must not be older than: where the caller's events stand now. */
static void send_head(struct request *req, struct admission *admission)
{
    const struct principal *principal = &admission->authentication.principal;

    if (req->route && req->route->lists && principal->user_id.n &&
        !admission->authentication.refusal)
        admission->head =
            stream_send_head(req->gateway->state, req->task.arena, principal->partition);
}

static void take_head(struct request *req, struct admission *admission)
{
    if (admission->head && stream_take_head(&req->task, admission->head, &req->stands) != OK)
        req->stands = (struct head){0};
}

static void send_record(struct request *req, const struct admission *admission)
{
    bool is_known = admission->authentication.principal.kind != PRINCIPAL_NONE;

    if (req->route && req->route->loads && is_known && !admission->authentication.refusal)
        req->route->loads(req);
}

/* All that is asked of state once it is known whose request this is. */
static void ask(struct request *req, struct admission *admission, enum rate rate)
{
    count(req, admission, rate);
    send_head(req, admission);
    send_record(req, admission);
}

/* One round trip: the session's record, the window's counter, the head and the record that the path
 * names are asked for together, where it is known whose request this is. */
static void admit(struct request *req, struct admission *admission, bool anonymous)
{
    const struct authenticator *authenticator = req->surface->authenticator;
    struct authentication *authentication = &admission->authentication;
    enum rate rate = req->route ? req->route->rate : req->surface->rate;

    admission->now_ms = clock_unix_ms();
    if (authenticator && !anonymous && (req->route || rate != RATE_NONE))
        authenticator->begin(req, authentication);
    if (!authentication->found_late)
        ask(req, admission, rate);
    admission->err = authentication_end(&req->task, req->gateway, authentication);
    if (authentication->found_late)
        ask(req, admission, rate);
    take_head(req, admission);
    if (req->route && req->route->auth & AUTH_FORGIVING && authentication_refused(admission->err))
        admission->err = OK; /* the operation looks for itself who is meant */
    take_count(req, admission);
    if (admission->err == OK)
        req->principal = admission->authentication.principal;
}

/* Who was refused was counted for the user that the token names, or should not be counted. */
static void recount(struct request *req, struct admission *admission)
{
    const struct rate_quota *quota = &admission->quota;

    if (!authentication_refused(admission->err))
        return;
    if (quota->free_if_refused) {
        give_back(req, admission);
    } else if (quota->counter.n && rate_quota_is_callers(quota)) {
        give_back(req, admission);
        choose_quota(req, admission, RATE_DEFAULT);
        send_count(req, admission);
        take_count(req, admission);
    }
}

static bool within_rate_or_reply(struct request *req)
{
    const struct window *window = &req->window;

    if (!req->has_window || window->used <= window->limit)
        return true;
    uint64_t wait_s = window_seconds_to_reset(window, clock_unix_ms());
    reply_header(req, "Retry-After",
                 arena_printf(req->task.arena, "%" PRIu64, wait_s ? wait_s : 1));
    reply_error(req, ERR_RATE_LIMITED, SLICE_NONE);
    return false;
}

static bool has_route_or_reply(struct request *req, enum err misfit, unsigned allowed)
{
    bool server_wide = slice_eq(req->path, SLICE("*"));

    if (!misfit)
        return true;
    if (misfit == ERR_METHOD_NOT_ALLOWED || server_wide)
        reply_header(req, "Allow",
                     request_methods(req->task.arena, server_wide ? UINT32_MAX : allowed));
    if (req->head.method == METHOD_OPTIONS && (allowed || server_wide))
        reply_empty(req, 204);
    else if (misfit == ERR_METHOD_NOT_ALLOWED && req->surface->unknown_method_is_unknown_path)
        reply_error(req, ERR_NOT_FOUND, SLICE_NONE);
    else
        reply_error(req, misfit, SLICE_NONE);
    return false;
}

static bool is_allowed_or_reply(struct request *req, const struct admission *admission)
{
    const struct route *route = req->route;
    enum err err = admission->err;
    bool needed = route->auth != AUTH_NONE && !(route->auth & AUTH_OPTIONAL);
    bool anonymous = req->principal.kind == PRINCIPAL_NONE;

    if (!err && needed && anonymous)
        err = ERR_UNAUTHORIZED;
    if (!err && !anonymous && (req->principal.scopes & route->scopes) != route->scopes)
        err = ERR_FORBIDDEN;
    if (err)
        reply_error(req, err, admission->authentication.detail);
    return !err;
}

/* A token that has come to its end meanwhile was good when the request began, and its session has
 * ended with it: that says nothing. */
enum err dispatch_still_admitted(struct request *req)
{
    struct authentication now;

    if (req->principal.expires_ms && req->principal.expires_ms <= clock_unix_ms())
        return OK;
    req->surface->authenticator->begin(req, &now);
    return authentication_end(&req->task, req->gateway, &now);
}

/* --- bodies ------------------------------------------------------------------------------------
 */

/* No coding is undone here; a body that has one would be taken for what it is not. */
static bool is_coded(struct slice codings)
{
    struct slice coding;

    while (slice_split(codings, ',', &coding, &codings)) {
        coding = slice_trim(coding);
        if (coding.n && !slice_eq_nocase(coding, SLICE("identity")))
            return true;
    }
    return false;
}

static bool is_plain_or_reply(struct request *req)
{
    if (!request_has_body(req) || !is_coded(request_list(req, "Content-Encoding")))
        return true;
    reply_header(req, "Accept-Encoding", SLICE("identity")); /* RFC 9110 section 12.5.3 */
    reply_error(req, ERR_UNSUPPORTED_MEDIA, SLICE("Send the body without Content-Encoding."));
    return false;
}

static bool is_json(struct slice content_type)
{
    struct slice type, parameters;

    return slice_split(content_type, ';', &type, &parameters) &&
           slice_eq_nocase(slice_trim(type), SLICE("application/json"));
}

static void free_text(void *arg)
{
    buf_fini(arg);
}

static bool collect_or_reply(struct request *req, struct slice *text)
{
    struct buf *body = ARENA_NEW(req->task.arena, struct buf);
    struct slice chunk;
    enum err err;

    buf_init(body, (size_t)req->route->max_body_bytes);
    arena_defer(req->task.arena, free_text, body);
    while ((err = request_read(req, &chunk)) == OK && chunk.n)
        buf_add(body, chunk);
    *text = buf_slice(body);
    return ok_or_reply(req, err);
}

static bool read_json_or_reply(struct request *req)
{
    struct slice text = SLICE_NONE;

    if (request_has_body(req) && !is_json(request_header(req, "Content-Type"))) {
        reply_error(req, ERR_UNSUPPORTED_MEDIA, SLICE("The body must be application/json."));
        return false;
    }
    if (!collect_or_reply(req, &text))
        return false;
    req->body = validate_body_or_reply(req, req->route->body, text);
    return req->body && once_judge_json_or_reply(req);
}

static bool may_stream_or_reply(struct request *req)
{
    if (req->head.has_length && req->head.content_length > req->route->max_body_bytes) {
        reply_error(req, ERR_PAYLOAD_TOO_LARGE, SLICE_NONE);
        return false;
    }
    return upload_begin_or_reply(req);
}

static bool read_input_or_reply(struct request *req)
{
    if (!is_plain_or_reply(req))
        return false;
    if (req->route->query && !validate_query_or_reply(req, req->route->query))
        return false;
    if (!once_enter_or_reply(req))
        return false;
    switch (req->route->body_kind) {
    case BODY_JSON:
        return read_json_or_reply(req);
    case BODY_TEXT:
        return collect_or_reply(req, &req->text);
    case BODY_STREAM:
        return may_stream_or_reply(req);
    default:
        return once_judge_json_or_reply(req);
    }
}

static void dispatch(struct request *req)
{
    struct admission admission = {0};
    unsigned allowed = 0;
    enum err misfit;

    identify(req, &misfit, &allowed);
    if (cors_is_preflight(&req->head)) {
        reply_empty(req, 204);
        return;
    }
    bool insecure = lacks_https(req);
    admit(req, &admission, insecure);
    recount(req, &admission);
    if (!within_rate_or_reply(req))
        return;
    if (insecure) {
        reply_error(req, ERR_FORBIDDEN, SLICE(FORWARDED_HTTPS_REQUIRED));
        return;
    }
    if (!has_route_or_reply(req, misfit, allowed) || !is_allowed_or_reply(req, &admission) ||
        !read_input_or_reply(req))
        return;
    req->route->handler(req);
    if (req->status == 304)
        give_back(req, &admission);
}

/* --- for the exchange --------------------------------------------------------------------------
 */

static struct task *open_request(void *arg, struct exchange *exchange, struct arena *arena,
                                 const struct http_head *head)
{
    return &request_new(arg, exchange, arena, head)->task;
}

static void run(struct task *task)
{
    struct request *req = (struct request *)task;

    dispatch(req);
    if (req->loading)
        redis_forget(req->loading); /* it was refused before */
    assert(req->answered);
}

static void refuse(struct task *task, struct slice bytes, enum err why)
{
    struct request *req = (struct request *)task;
    struct slice path = req->path.n ? req->path : http1_peek_path(bytes);

    req->surface = router_surface(path.n ? path : SLICE("/api/v1"));
    request_choose_id(req);
    reply_error(req, why, SLICE_NONE);
}

static void close_request(struct task *task)
{
    const struct request *req = (const struct request *)task;
    uint64_t took_us = clock_us() - req->started_us;
    const char *operation = req->route ? req->route->operation : NULL;

    metrics_request(operation, req->status, took_us);
    log_event(LOG_INFO, "request", F("request_id", req->task.request_id),
              F("method", req->head.method_text), F("path", req->path), F("status", req->status),
              F("operation", operation ? operation : ""), F("us", (long long)took_us),
              F("received", (long long)exchange_received(req->exchange)),
              F("sent", (long long)req->sent_bytes), F("ip", req->peer_ip),
              F("user", req->principal.user_id), F("left", req->task.cancelled));
}

const struct exchange_service dispatch_service = {open_request, run, refuse, close_request};
