/* principal.h: the authenticated caller, whichever way it proved itself. Lives in the arena of the
 * request or connection that authenticated it. */
#pragma once

#include "base/slice.h"

enum scope {
    SCOPE_NONE = 0,
    SCOPE_MEDIA_READ = 1 << 0,
    SCOPE_MEDIA_WRITE = 1 << 1,
    SCOPE_WEBHOOKS = 1 << 2,
    SCOPE_REALTIME = 1 << 3,
    SCOPE_ACCOUNT = 1 << 4, /* own profile and sessions: never granted to API keys */
    SCOPE_ADMIN = 1 << 5,
    SCOPE_ALL_USER = 31,
    SCOPE_ALL = 63,
};

enum principal_kind { PRINCIPAL_NONE, PRINCIPAL_SESSION, PRINCIPAL_KEY, PRINCIPAL_LINK };

struct principal {
    enum principal_kind kind;
    struct slice user_id;
    struct slice session_id; /* jti of the token, or the key's id */
    unsigned partition;      /* of the user */
    unsigned scopes;         /* enum scope, or-ed */
    bool admin;
    uint64_t expires_ms; /* Unix ms; 0: never */
    void *own;           /* what the surface that authenticated it knows besides; or NULL */
};
