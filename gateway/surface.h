/* surface.h: what a surface is: its paths, its envelopes, its rules. Handlers never build these by
 * hand. */
#pragma once

#include "base/buf.h"
#include "base/config.h"
#include "base/err.h"
#include "gateway/access/rate.h"

struct authenticator;
struct field_error;
struct page;
struct request;

struct surface {
    struct slice name;
    const struct slice *prefixes; /* "/api/v1", "/v1"; NULL ends the list */
    void (*wrap_data)(struct request *req, struct buf *out, struct slice json,
                      const struct page *page);
    void (*wrap_error)(struct request *req, struct buf *out, enum err why, struct slice message,
                       const struct field_error *errors, size_t n);
    const struct authenticator
        *authenticator; /* gateway/access/authentication.h; NULL: nobody proves himself here */
    enum rate rate;     /* of paths without a route */
    bool rate_headers;  /* RateLimit and its kin on every answer */
    bool require_https; /* setting <name>.require_https */
    bool unknown_method_is_unknown_path; /* 404 instead of 405; `Allow` says which there are */
    /* What it keeps for the life of the process, in the arena or its own; NULL: nothing. */
    void *(*open)(const struct config *config, struct arena *arena);
    void (*close)(void *own);
};
