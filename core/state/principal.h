/* principal.h: the authenticated caller, whichever way it proved itself. Lives in the arena of the
 * request or connection that authenticated it. */
#pragma once

#include "base/slice.h"

/* clang-format off */
enum {
#define SCOPE(name, text, of, keys) SCOPE_BIT_##name,
#include "state/scopes.def"
#undef SCOPE
    SCOPE_BITS
};

enum scope { /* a bit each */
    SCOPE_NONE = 0,
#define SCOPE(name, text, of, keys) SCOPE_##name = 1 << SCOPE_BIT_##name,
#include "state/scopes.def"
#undef SCOPE
    SCOPE_ALL = (1 << SCOPE_BITS) - 1,
    SCOPE_ALL_USER = 0
#define SCOPE_OF_USER(name) | SCOPE_##name
#define SCOPE_OF_ADMIN(name)
#define SCOPE(name, text, of, keys) SCOPE_OF_##of(name)
#include "state/scopes.def"
#undef SCOPE
};
/* clang-format on */

/* The scopes of these names, or-ed, as far as API keys can have them. */
unsigned scopes_of_key(const struct slice *names, size_t n);

enum principal_kind { PRINCIPAL_NONE, PRINCIPAL_SESSION, PRINCIPAL_KEY, PRINCIPAL_LINK };

struct principal {
    enum principal_kind kind;
    struct slice user_id;
    struct slice session_id; /* jti of the token, or the key's id */
    unsigned partition;      /* of the user */
    unsigned scopes;         /* enum scope, or-ed */
    bool admin;
    uint64_t expires_ms; /* Unix ms; 0: never */
    uint64_t asked_us;   /* clock_us() before anybody was asked about it; told to realtime alone */
    void *own;           /* what the surface that authenticated it knows besides; or NULL */
};
