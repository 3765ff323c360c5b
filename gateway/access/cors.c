#include "gateway/access/cors.h"

/* What pages of listed origins may do, send and read: contracts, and the resumable uploads of tus
 * 1.0.0. GET, HEAD and POST, and Content-Length, Content-Type and Last-Modified in answers, are
 * allowed without being named (Fetch standard); older browsers like to read them nevertheless. */
#define METHODS "GET, POST, PATCH, PUT, DELETE, OPTIONS"
#define REQUEST_HEADERS                                                                            \
    "Authorization, Content-Type, Accept, Range, If-None-Match, If-Match, If-Modified-Since, "     \
    "If-Range, X-API-Key, X-Request-Id, Idempotency-Key, Tus-Resumable, Upload-Length, "           \
    "Upload-Offset, Upload-Metadata, Upload-Defer-Length, Upload-Concat, Upload-Checksum, "        \
    "X-HTTP-Method-Override, Last-Event-ID"
#define ANSWER_HEADERS                                                                             \
    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, RateLimit, RateLimit-Policy, "   \
    "X-Request-Id, Link, Retry-After, ETag, Location, Content-Range, Accept-Ranges, "              \
    "Content-Disposition, "                                                                        \
    "Last-Modified, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, "                     \
    "Tus-Checksum-Algorithm, Upload-Offset, Upload-Length, Upload-Metadata, "                      \
    "Upload-Defer-Length, Upload-Concat, Upload-Expires, Content-Location, Media-Id"

bool cors_allows(const struct slice *listed, struct slice origin)
{
    while (listed && listed->n) {
        if (slice_eq(*listed, origin))
            return true;
        listed++;
    }
    return false;
}

bool cors_is_preflight(const struct http_head *head)
{
    return head->method == METHOD_OPTIONS && http1_header(head, "Origin").n &&
           http1_header(head, "Access-Control-Request-Method").n;
}

void cors_add_headers(const struct slice *listed, const struct http_head *head, struct buf *out)
{
    struct slice origin;

    if (!listed || !listed->n)
        return;
    buf_add(out, SLICE("Vary: Origin\r\n"));
    origin = http1_header(head, "Origin");
    if (!origin.n || !cors_allows(listed, origin))
        return;
    buf_printf(out, "Access-Control-Allow-Origin: %.*s\r\n", SLICE_ARG(origin));
    if (cors_is_preflight(head))
        buf_add(out, SLICE("Access-Control-Allow-Methods: " METHODS
                           "\r\nAccess-Control-Allow-Headers: " REQUEST_HEADERS
                           "\r\nAccess-Control-Max-Age: 600\r\n"));
    else
        buf_add(out, SLICE("Access-Control-Expose-Headers: " ANSWER_HEADERS "\r\n"));
}
