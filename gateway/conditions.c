#include "gateway/conditions.h"

#include "base/clock.h"
#include "gateway/reply.h"

static enum precondition_verdict judge(const struct request *req, const struct validators *now)
{
    const struct preconditions given = {
        .if_match = request_list(req, "If-Match"),
        .if_none_match = request_list(req, "If-None-Match"),
        .if_modified_since = request_header(req, "If-Modified-Since"),
        .if_unmodified_since = request_header(req, "If-Unmodified-Since"),
        .reads = req->head.method == METHOD_GET || req->head.method == METHOD_HEAD,
    };

    return precondition_judge(&given, now);
}

enum err conditions_of_change(const struct request *req, const struct validators *now)
{
    return judge(req, now) == PRECONDITION_HOLDS ? OK : ERR_PRECONDITION_FAILED;
}

bool conditions_hold_or_reply(struct request *req, const struct validators *now,
                              struct slice caching)
{
    enum precondition_verdict verdict = judge(req, now);

    if (verdict == PRECONDITION_FAILED) {
        reply_error(req, ERR_PRECONDITION_FAILED, SLICE_NONE);
        return false;
    }
    /* A 304 carries these too (section 15.4.5). */
    if (now->etag.n)
        reply_header(req, "ETag", now->etag);
    if (now->modified_ms)
        reply_header(req, "Last-Modified", clock_http_date(req->task.arena, now->modified_ms));
    if (caching.n)
        reply_header(req, "Cache-Control", caching);
    if (verdict == PRECONDITION_NOT_MODIFIED)
        reply_empty(req, 304);
    return verdict == PRECONDITION_HOLDS;
}
