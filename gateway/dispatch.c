/* What every request goes through, declared in its route's row and done here once: its id, the
 * rate limit and the session in one round trip, HTTPS, scopes, the shape of query and body. */
#include "base/clock.h"
#include "gateway/authentication.h"
#include "gateway/cors.h"
#include "gateway/exchange.h"
#include "gateway/forwarded.h"
#include "gateway/gateway.h"
#include "gateway/router.h"
#include "gateway/validate.h"

#include <inttypes.h>

enum { WINDOW_S = 60, REQUEST_DEADLINE_MS = 30000 };

/* --- who asks for what -------------------------------------------------------------------------
 */

/* What is wrong with the target or method is only noted: the rate limit comes first. */
static enum err find_route(struct request *req, unsigned *allowed)
{
    if (!req->target_read || !router_path_acceptable(req->path))
        return ERR_BAD_REQUEST;
    req->route =
        router_find(req->head.method, req->path, req->task.arena, req->path_params, allowed);
    if (req->route)
        return OK;
    return *allowed ? ERR_METHOD_NOT_ALLOWED : ERR_NOT_FOUND;
}

static void identify(struct request *req, enum err *misfit, unsigned *allowed)
{
    request_choose_id(req);
    forwarded_apply(req);
    *misfit = find_route(req, allowed);
    req->surface = req->route ? req->route->surface : router_surface(req->path);
    if (!req->route || req->route->body_kind != BODY_STREAM)
        req->task.deadline_ms = clock_ms() + REQUEST_DEADLINE_MS;
}

static bool lacks_https(const struct request *req)
{
    if (!req->surface->require_https || forwarded_is_safe(req))
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
    struct slice policy, key;
    uint64_t limit, now_ms;
    enum err err; /* of the authentication */
};

static void count_anonymous(struct request *req, struct admission *admission)
{
    admission->policy = SLICE("anonymous");
    admission->key = req->peer_ip;
    admission->limit = req->gateway->limits.anonymous;
}

static void choose_window(struct request *req, struct admission *admission)
{
    const struct principal *principal = &admission->authentication.principal;

    if (admission->authentication.refusal != OK || principal->kind == PRINCIPAL_NONE) {
        count_anonymous(req, admission);
    } else if (principal->kind == PRINCIPAL_KEY) {
        admission->policy = SLICE("api_key");
        admission->key = principal->session_id;
        admission->limit = req->gateway->limits.api_key;
    } else {
        admission->policy = SLICE("user");
        admission->key = principal->user_id;
        admission->limit = req->gateway->limits.user;
    }
}

static void send_count(struct request *req, struct admission *admission)
{
    admission->count = window_send(req->gateway->state, req->task.arena, admission->policy,
                                   admission->key, WINDOW_S, admission->now_ms);
}

/* Where nobody counts, everybody passes: who may do what is decided elsewhere. */
static void take_count(struct request *req, struct admission *admission)
{
    window_take(&req->task, admission->count, admission->limit, WINDOW_S, admission->now_ms,
                &req->window);
    req->has_window = true;
}

static void give_back(struct request *req, const struct admission *admission)
{
    window_give_back(req->gateway->state, req->task.arena, admission->policy, admission->key,
                     WINDOW_S, admission->now_ms);
}

static void begin_authentication(struct request *req, struct admission *admission)
{
    /* A path without a route is nobody's: its caller is known only for the rate limit. */
    unsigned schemes = req->route ? req->route->auth : AUTH_BEARER | AUTH_KEY;
    struct slice bearer = schemes & AUTH_BEARER ? request_header(req, "Authorization") : SLICE_NONE;
    struct slice key = schemes & AUTH_KEY ? request_header(req, "X-API-Key") : SLICE_NONE;

    if (schemes & AUTH_LINK && !bearer.n && !key.n && request_query(req, "sig").n)
        authentication_link(req->task.arena, req->gateway, req->head.target,
                            &admission->authentication);
    else
        authentication_begin(req->task.arena, req->gateway, bearer, key,
                             &admission->authentication);
}

/* One round trip: the session's record and the window's counter are asked for together. */
static void admit(struct request *req, struct admission *admission, bool anonymous)
{
    enum rate_policy policy = req->route                   ? req->route->policy
                              : req->surface->rate_headers ? POLICY_DEFAULT
                                                           : POLICY_NONE;

    admission->now_ms = clock_unix_ms();
    if (!anonymous && (req->route || policy != POLICY_NONE))
        begin_authentication(req, admission);
    if (policy != POLICY_NONE) {
        choose_window(req, admission);
        send_count(req, admission);
    }
    admission->err = authentication_end(&req->task, req->gateway, &admission->authentication);
    if (admission->count)
        take_count(req, admission);
    if (admission->err == OK)
        req->principal = admission->authentication.principal;
}

/* A token that looked good and has no session any more was counted for its user. */
static void recount(struct request *req, struct admission *admission)
{
    struct slice policy = admission->policy;

    if (admission->err != ERR_UNAUTHORIZED || !admission->count ||
        slice_eq(policy, SLICE("anonymous")))
        return;
    give_back(req, admission);
    count_anonymous(req, admission);
    send_count(req, admission);
    take_count(req, admission);
}

static bool within_rate_or_reply(struct request *req, const struct admission *admission)
{
    const struct window *window = &req->window;

    if (!req->has_window || window->limit == 0 || window->used <= window->limit)
        return true;
    uint64_t now_s = admission->now_ms / 1000;
    uint64_t wait_s = window->reset_s > now_s ? window->reset_s - now_s : 1;
    reply_header(req, "Retry-After", arena_printf(req->task.arena, "%" PRIu64, wait_s));
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
    else
        reply_error(req, misfit, SLICE_NONE);
    return false;
}

static bool is_allowed_or_reply(struct request *req, enum err err)
{
    const struct route *route = req->route;
    bool needed = route->auth != AUTH_NONE && !(route->auth & AUTH_OPTIONAL);
    bool anonymous = req->principal.kind == PRINCIPAL_NONE;

    if (!err && needed && anonymous)
        err = ERR_UNAUTHORIZED;
    if (!err && !anonymous && (req->principal.scopes & route->scopes) != route->scopes)
        err = ERR_FORBIDDEN;
    if (err)
        reply_error(req, err, SLICE_NONE);
    return !err;
}

/* --- bodies ------------------------------------------------------------------------------------
 */

static bool has_body(const struct request *req)
{
    return req->head.chunked || req->head.content_length > 0;
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
    if (err)
        reply_error(req, err, SLICE_NONE);
    *text = buf_slice(body);
    return !err;
}

static bool read_json_or_reply(struct request *req)
{
    struct slice text = SLICE_NONE;

    if (has_body(req) && !is_json(request_header(req, "Content-Type"))) {
        reply_error(req, ERR_UNSUPPORTED_MEDIA, SLICE("The body must be application/json."));
        return false;
    }
    if (!collect_or_reply(req, &text))
        return false;
    req->body = validate_body_or_reply(req, req->route->body, text);
    return req->body != NULL;
}

static bool may_stream_or_reply(struct request *req)
{
    enum err err = OK;

    if (req->head.has_length && req->head.content_length > req->route->max_body_bytes)
        err = ERR_PAYLOAD_TOO_LARGE;
    else if (!exchange_begin_upload(req->exchange))
        err = ERR_OVERLOADED;
    if (err)
        reply_error(req, err, SLICE_NONE);
    return !err;
}

static bool read_input_or_reply(struct request *req)
{
    if (req->route->query && !validate_query_or_reply(req, req->route->query))
        return false;
    switch (req->route->body_kind) {
    case BODY_JSON:
        return read_json_or_reply(req);
    case BODY_STREAM:
        return may_stream_or_reply(req);
    default:
        return true;
    }
}

void dispatch_run(struct request *req)
{
    struct admission admission = {0};
    unsigned allowed = 0;
    enum err misfit;

    identify(req, &misfit, &allowed);
    if (cors_is_preflight(req)) {
        cors_reply_preflight(req);
        return;
    }
    bool insecure = lacks_https(req);
    admit(req, &admission, insecure);
    recount(req, &admission);
    if (!within_rate_or_reply(req, &admission))
        return;
    if (insecure) {
        reply_error(req, ERR_FORBIDDEN, SLICE("HTTPS is required here."));
        return;
    }
    if (!has_route_or_reply(req, misfit, allowed) || !is_allowed_or_reply(req, admission.err) ||
        !read_input_or_reply(req))
        return;
    req->route->handler(req);
    if (req->status == 304 && admission.count)
        give_back(req, &admission);
}
