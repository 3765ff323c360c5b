/* health.h: named checks and how they went, as /ready and the health of a collection tell them. */
#pragma once

#include "gateway/request.h"

struct health_item {
    struct slice name;
    struct slice problem; /* empty: it is well */
};

/* 200, or 500 "one of checks failed", with all checks in `data.health`. */
void health_reply(struct request *req, const struct health_item *checks, size_t n);

/* Was the code of this SHA-256 (lower-case hexadecimal) given, in the Authorization header or in
 * the query's `code`? A client may have a bearer token in the header as well. */
bool health_code_given(const struct request *req, struct slice sha256);
