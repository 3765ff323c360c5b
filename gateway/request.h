/* request.h: one request from its head to its answer. The handler runs on a fiber as straight-line
 * code; the request's memory is its task's arena. It ends when the handler has returned, the body
 * has been read or abandoned, and the answer has left. If the client goes away meanwhile,
 * task.cancelled is set and replies are dropped silently.
 *
 * What may be asked of any request was checked before the handler runs: authentication, scope,
 * rate limit, body size, and the body's and query's shape where the schema gives one. */
#pragma once

#include "base/buf.h"
#include "base/json.h"
#include "base/task.h"
#include "gateway/http/http1.h"
#include "state/position.h"
#include "state/principal.h"
#include "state/window.h"

struct once_claim;
struct redis_call;
struct route;
struct surface;
struct gateway;
struct exchange; /* gateway/http/exchange.h */

enum { PATH_PARAMS_MAX = 4, QUERY_PARAMS_MAX = 64 };

struct request {
    struct task task; /* first: a struct request * is a struct task * */
    struct gateway *gateway;
    const struct surface *surface;
    const struct route *route;
    struct http_head head;
    struct slice path;                         /* without query, raw */
    struct slice query;                        /* raw */
    struct slice path_params[PATH_PARAMS_MAX]; /* decoded, in the order of the template */
    struct slice query_names[QUERY_PARAMS_MAX], query_values[QUERY_PARAMS_MAX];
    size_t query_count;
    bool target_read;
    struct slice peer_ip; /* of the client, or of the proxy that hides it */
    bool inside;          /* came by the address for whoever runs the hub */
    bool peer_hidden;
    bool tls;          /* as the client came */
    struct slice host; /* what the client calls us: Host, or what a trusted proxy says of it */
    struct principal principal; /* kind PRINCIPAL_NONE: anonymous */
    struct window window;       /* of the rate limit; has_window: to be shown */
    struct slice rate_policy;   /* its name */
    bool has_window;
    struct head stands; /* of the caller's partition, where the route lists; epoch 0: unknown */
    struct redis_call *loading; /* a record, where the route `loads` one; NULL: taken, or none */
    struct once_claim *once;    /* of its Idempotency-Key; NULL: it has none */
    json_t *body;               /* validated against the route's schema, or NULL */
    struct slice text;          /* a body that the handler reads (BODY_TEXT) */
    struct exchange *exchange;
    struct buf writer;            /* reply_writer()'s */
    struct reply_header *headers; /* of the answer to come; reply.c's */
    bool answered;
    int status;          /* of the answer */
    uint64_t sent_bytes; /* of its body */
    uint64_t started_us;
};

/* For the exchange's service: anonymous, unanswered, with its target read. Lives in the arena. */
struct request *request_new(struct gateway *gateway, struct exchange *exchange, struct arena *arena,
                            const struct http_head *head);
/* Brings head.target into origin form, splits it into path and query and decodes the query's
 * parameters; target_read stays false on a broken escape or too many parameters. */
void request_read_target(struct request *req);
/* task.request_id: the client's X-Request-Id where it is [A-Za-z0-9_-]{1,64}, else a new one. */
void request_choose_id(struct request *req);
/* The methods of `bits` (1 << METHOD_*) as an Allow header's value, with OPTIONS. */
struct slice request_methods(struct arena *arena, unsigned bits);

/* Did it come by TLS, or never leave this machine? Once it is known who the client is. */
bool request_is_safe(const struct request *req);

struct slice request_header(const struct request *req, const char *name);
/* All lines of a field that is a list, as one list; p is NULL where there is none. */
struct slice request_list(const struct request *req, const char *name);
struct slice request_cookies(const struct request *req); /* "a=b; c=d", over all lines */
struct slice request_param(const struct request *req, const char *name); /* path parameter */
struct slice request_query(const struct request *req, const char *name); /* decoded; or empty */
bool request_query_u64(const struct request *req, const char *name, uint64_t otherwise,
                       uint64_t *out);

bool request_has_body(const struct request *req); /* more than none of zero bytes is announced */

/* Streams the body, up to the route's limit: exchange_read(). */
enum err request_read(struct request *req, struct slice *chunk);
/* Once all of it is read: a trailer field that the head has announced; p is NULL where there is
 * none. */
struct slice request_trailer(const struct request *req, const char *name);
