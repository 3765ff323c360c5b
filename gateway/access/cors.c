#include "gateway/access/cors.h"

#include "gateway/gateway.h"
#include "gateway/reply.h"

/* What pages of listed origins may do, send and read: contracts, and the resumable uploads of tus
 * 1.0.0. GET, HEAD and POST, and Content-Length, Content-Type and Last-Modified in answers, are
 * allowed without being named (Fetch standard); older browsers like to read them nevertheless. */
#define METHODS "GET, POST, PATCH, PUT, DELETE, OPTIONS"
#define REQUEST_HEADERS                                                                            \
    "Authorization, Content-Type, Accept, Range, If-None-Match, If-Match, If-Modified-Since, "     \
    "If-Range, X-API-Key, X-Request-Id, Idempotency-Key, Tus-Resumable, Upload-Length, "           \
    "Upload-Offset, Upload-Metadata, Upload-Defer-Length, Upload-Concat, Upload-Checksum, "        \
    "X-HTTP-Method-Override"
#define ANSWER_HEADERS                                                                             \
    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id, Link, "            \
    "Retry-After, ETag, Location, Content-Range, Accept-Ranges, Content-Disposition, "             \
    "Last-Modified, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, "                     \
    "Tus-Checksum-Algorithm, Upload-Offset, Upload-Length, Upload-Metadata, "                      \
    "Upload-Defer-Length, Upload-Concat, Upload-Expires"

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
        reply_header(req, "Access-Control-Allow-Methods", SLICE(METHODS));
        reply_header(req, "Access-Control-Allow-Headers", SLICE(REQUEST_HEADERS));
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
    buf_printf(out, "Access-Control-Allow-Origin: %.*s\r\n", SLICE_ARG(origin));
    if (!cors_is_preflight(req))
        buf_add(out, SLICE("Access-Control-Expose-Headers: " ANSWER_HEADERS "\r\n"));
}
