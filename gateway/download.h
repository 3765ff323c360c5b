/* download.h: stored content as an answer to GET and HEAD: conditions, one range, and the headers
 * that belong to them (RFC 9110 sections 8.8, 13, 14). For every surface that gives files. */
#pragma once

#include "base/mask.h"
#include "gateway/request.h"

struct download {
    int fd; /* taken */
    uint64_t size;
    struct slice etag;    /* strong, with its quotes */
    uint64_t modified_ms; /* Unix; 0: not told */
    const char *content_type;
    struct slice filename; /* to save it under; empty: no proposal */
    bool attachment;       /* browsers save it, instead of showing it */
    struct slice cache_control;
    const struct mask
        *mask; /* laid over the bytes, which then have an ETag of their own; or NULL */
};

void download_reply(struct request *req, const struct download *download);

/* kind; filename="..."; filename*=UTF-8''... (RFC 6266; kind: inline or attachment): the name under
 * which it is saved. The plain form keeps ASCII only; the other one stands where that lost
 * something.
 */
struct slice download_disposition(struct arena *arena, const char *kind, struct slice filename);
