/* router.h: from method and path to the row that says everything about an operation. The rows are
 * generated from schemas/<surface>.yaml (routes.def); adding an operation is an entry there and one
 * handler. Path ownership between surfaces: by prefix, the longest first. */
#pragma once

#include "gateway/access/rate.h"
#include "gateway/reply.h"

enum auth_scheme {
    AUTH_NONE = 0,
    AUTH_BEARER = 1,
    AUTH_KEY = 2,
    AUTH_LINK = 4,
    AUTH_OPTIONAL = 8,
    AUTH_FORGIVING = 16
}; /* or-ed; OPTIONAL: anonymous is allowed as well; FORGIVING: wrong credentials are none */

/* JSON: validated against the route's schema. TEXT: collected, read by the handler. STREAM: read by
 * the handler as it arrives. */
enum body_kind { BODY_NONE, BODY_JSON, BODY_TEXT, BODY_STREAM };

struct body_schema; /* gateway/validate.h */
struct authenticator;
struct config; /* gateway/authentication.h */

typedef void handler_fn(struct request *req);

struct route {
    const struct surface *surface;
    enum http_method method;
    struct slice path;     /* template: "/api/v1/media/{id}" */
    const char *operation; /* operationId, for logs and metrics */
    handler_fn *handler;
    unsigned auth;   /* enum auth_scheme */
    unsigned scopes; /* enum scope that are needed */
    bool inside;     /* for whoever runs the hub: at metrics.listen alone, where that is set */
    enum rate rate;
    enum body_kind body_kind;
    bool once; /* takes an Idempotency-Key: gateway/once_gate.h */
    uint64_t max_body_bytes;
    const struct body_schema *body;  /* of JSON bodies, of the text parts of forms; may be NULL */
    const struct body_schema *query; /* of query parameters; may be NULL */
};

/* What a surface is: its paths, its envelopes, its rules. Handlers never build these by hand. */
struct surface {
    struct slice name;
    const struct slice *prefixes; /* "/api/v1", "/v1"; NULL ends the list */
    void (*wrap_data)(struct request *req, struct buf *out, struct slice json,
                      const struct page *page);
    void (*wrap_error)(struct request *req, struct buf *out, enum err why, struct slice message,
                       const struct field_error *errors, size_t n);
    const struct authenticator *authenticator; /* NULL: nobody proves himself here */
    enum rate rate;                            /* of paths without a route */
    bool rate_headers;                         /* X-RateLimit-* on every answer */
    bool require_https;                        /* setting <name>.require_https */
    bool unknown_method_is_unknown_path; /* 404 instead of 405; `Allow` says which there are */
    /* What it keeps for the life of the process, in the arena or its own; NULL: nothing. */
    void *(*open)(const struct config *config, struct arena *arena);
    void (*close)(void *own);
};

/* At the start, before anybody asks, and at the end. */
void router_open_surfaces(struct gateway *gateway, struct arena *arena);
void router_close_surfaces(struct gateway *gateway);
void *surface_own(const struct gateway *gateway,
                  const struct surface *surface); /* what open gave */

const struct surface *router_surface(struct slice path); /* the owner of a path; never NULL */
/* The authenticator whose tokens say this `aud`; NULL: none. */
const struct authenticator *router_authenticator(struct slice audience);
/* Fills in path_params. NULL: no such path; *allowed then is 0, else the methods (bits)
 * of the path that comes first: a literal segment before a parameter. */
const struct route *router_find(enum http_method method, struct slice path, struct arena *arena,
                                struct slice params[PATH_PARAMS_MAX], unsigned *allowed);
/* Refuses broken escapes, NUL, and dot segments (also encoded). */
bool router_path_acceptable(struct slice path);
