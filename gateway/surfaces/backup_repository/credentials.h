/* credentials.h: what a login sends: `username` (or `name$key` for an access key), `password` and
 * an optional operations scope, as JSON or as an urlencoded form. */
#pragma once

#include "gateway/request.h"

struct credentials {
    struct slice username, access_key, password; /* access_key: its name, or empty */
    struct slice scope;                          /* as scope.h writes it */
    bool scope_refused;                          /* there was one, but it is none */
};

/* False: the body cannot be read, or a field is missing. */
bool credentials_read(struct request *req, struct credentials *out);
