#include "gateway/request.h"

#include "base/clock.h"
#include "base/text.h"
#include "gateway/access/forwarded.h"
#include "gateway/http/exchange.h"
#include "gateway/route.h"
#include "state/id.h"

#include <assert.h>

enum { REQUEST_ID_MAX = 64 };

/* An absolute target (RFC 9112 section 3.2.2) means its path; the authority is not needed. */
static struct slice origin_form(struct slice target)
{
    if (target.n == 0 || target.p[0] == '/' || target.p[0] == '*')
        return target;
    size_t at = slice_eq_nocase((struct slice){target.p, 8}, SLICE("https://")) ? 8 : 7;
    while (at < target.n && target.p[at] != '/' && target.p[at] != '?')
        at++;
    return slice_from_offset(target, at);
}

static bool read_parameter(struct request *req, struct slice pair)
{
    struct slice name, value;
    struct arena *arena = req->task.arena;

    if (pair.n == 0)
        return true;
    if (req->query_count == QUERY_PARAMS_MAX)
        return false;
    slice_split(pair, '=', &name, &value);
    if (!text_percent_decode(arena, name, true, &req->query_names[req->query_count]) ||
        !text_percent_decode(arena, value, true, &req->query_values[req->query_count]))
        return false;
    req->query_count++;
    return true;
}

void request_read_target(struct request *req)
{
    struct slice rest, pair;

    req->head.target = origin_form(req->head.target);
    slice_split(req->head.target, '?', &req->path, &req->query);
    if (req->path.n == 0)
        req->path = SLICE("/");
    rest = req->query;
    req->target_read = true;
    while (req->target_read && slice_split(rest, '&', &pair, &rest))
        req->target_read = read_parameter(req, pair);
}

struct request *request_new(struct gateway *gateway, struct exchange *exchange, struct arena *arena,
                            const struct http_head *head)
{
    struct request *req = ARENA_NEW(arena, struct request);

    req->task.arena = arena;
    req->gateway = gateway;
    req->exchange = exchange;
    req->peer_ip = arena_dup(arena, exchange_peer_ip(exchange));
    req->tls = exchange_entry(exchange) == ENTRY_TLS;
    req->inside = exchange_entry(exchange) == ENTRY_INSIDE;
    req->started_us = clock_us();
    req->head = *head;
    /* Also of a head that is refused: the path decides whose form the answer has. */
    if (head->target.n)
        request_read_target(req);
    return req;
}

bool request_has_body(const struct request *req)
{
    return req->head.chunked || req->head.content_length > 0;
}

enum err request_read(struct request *req, struct slice *chunk)
{
    assert(!req->answered);
    return exchange_read(req->exchange, req->route->max_body_bytes, chunk);
}

struct slice request_trailer(const struct request *req, const char *name)
{
    return exchange_trailer(req->exchange, name);
}

static bool is_request_id(struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-'))
            return false;
    }
    return text.n > 0 && text.n <= REQUEST_ID_MAX;
}

void request_choose_id(struct request *req)
{
    struct slice given = request_header(req, "X-Request-Id");

    req->task.request_id = is_request_id(given) ? given : id_new(req->task.arena, SLICE("req_"), 0);
}

bool request_is_safe(const struct request *req)
{
    return forwarded_is_safe(&(struct visitor){
        .peer_ip = req->peer_ip, .peer_hidden = req->peer_hidden, .tls = req->tls});
}

struct slice request_header(const struct request *req, const char *name)
{
    return http1_header(&req->head, name);
}

struct slice request_list(const struct request *req, const char *name)
{
    return http1_joined(req->task.arena, &req->head, name, SLICE(", "));
}

struct slice request_cookies(const struct request *req)
{
    return http1_joined(req->task.arena, &req->head, "Cookie", SLICE("; "));
}

/* The n-th parameter's name is the n-th "{...}" of the route's template. */
struct slice request_param(const struct request *req, const char *name)
{
    struct slice rest = req->route->path, segment, wanted = slice_from(name);
    size_t n = 0;

    while (slice_split(rest, '/', &segment, &rest)) {
        if (segment.n < 2 || segment.p[0] != '{')
            continue;
        if (slice_eq((struct slice){segment.p + 1, segment.n - 2}, wanted))
            return req->path_params[n];
        n++;
    }
    return SLICE_NONE;
}

struct slice request_query(const struct request *req, const char *name)
{
    struct slice wanted = slice_from(name);

    for (size_t i = 0; i < req->query_count; i++)
        if (slice_eq(req->query_names[i], wanted))
            return req->query_values[i];
    return SLICE_NONE;
}

bool request_query_u64(const struct request *req, const char *name, uint64_t otherwise,
                       uint64_t *out)
{
    struct slice value = request_query(req, name);

    *out = otherwise;
    return value.p == NULL || slice_to_u64(value, out);
}

struct slice request_methods(struct arena *arena, unsigned bits)
{
    struct slice list = SLICE("OPTIONS");

    for (int method = 0; method < METHOD_OPTIONS; method++) {
        struct slice name = http_method_name((enum http_method)method);

        if (bits & 1u << method)
            list = arena_printf(arena, "%.*s, %.*s", SLICE_ARG(list), SLICE_ARG(name));
    }
    return list;
}
