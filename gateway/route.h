/* route.h: the row of an operation, which says everything about it that holds for every request.
 * The rows are generated from schemas/<surface>.yaml (routes.def). */
#pragma once

#include "gateway/access/rate.h"
#include "gateway/http/http1.h"

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
struct request;
struct surface;

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
    bool override;           /* X-HTTP-Method-Override may ask for it */
    const char *always_name; /* a header of every answer; NULL: none */
    struct slice always_value;
    bool once;  /* takes an Idempotency-Key: gateway/once_gate.h */
    bool lists; /* asks the catalogue: gateway/catalogue_gate.h */
    /* Sends for the record that the path names, into req->loading, to be read in the round trip of
     * the admission; NULL: the handler loads what it needs. */
    handler_fn *loads;
    uint64_t max_body_bytes;
    const struct body_schema *body;  /* of JSON bodies, of the text parts of forms; may be NULL */
    const struct body_schema *query; /* of query parameters; may be NULL */
};
