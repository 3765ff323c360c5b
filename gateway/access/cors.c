#include "gateway/access/cors.h"

#include "gateway/gateway.h"
#include "gateway/reply.h"

bool cors_allows(const struct gateway *gateway, struct slice origin)
{
    const struct slice *listed = gateway->cors_origins;

    while (listed && listed->n) {
        if (slice_eq(*listed, origin))
            return true;
        listed++;
    }
    return false;
}

bool cors_is_preflight(const struct request *req)
{
    return req->head.method == METHOD_OPTIONS && request_header(req, "Origin").n &&
           request_header(req, "Access-Control-Request-Method").n;
}

void cors_reply_preflight(struct request *req)
{
    if (cors_allows(req->gateway, request_header(req, "Origin"))) {
        reply_header(req, "Access-Control-Allow-Methods",
                     SLICE("GET, POST, PATCH, PUT, DELETE, OPTIONS"));
        reply_header(req, "Access-Control-Allow-Headers",
                     SLICE("Authorization, Content-Type, Accept, X-API-Key, X-Request-Id, "
                           "Idempotency-Key"));
        reply_header(req, "Access-Control-Max-Age", SLICE("600"));
    }
    reply_empty(req, 204);
}

void cors_add_headers(const struct request *req, struct buf *out)
{
    struct slice origin;

    if (!req->gateway->cors_origins || !req->gateway->cors_origins->n)
        return;
    buf_add(out, SLICE("Vary: Origin\r\n"));
    origin = request_header(req, "Origin");
    if (!origin.n || !cors_allows(req->gateway, origin))
        return;
    buf_printf(out,
               "Access-Control-Allow-Origin: %.*s\r\n"
               "Access-Control-Expose-Headers: X-RateLimit-Limit, X-RateLimit-Remaining, "
               "X-RateLimit-Reset, X-Request-Id, Link, Retry-After\r\n",
               SLICE_ARG(origin));
}
