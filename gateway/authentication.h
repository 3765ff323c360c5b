/* authentication.h: from credentials to a principal. One place for every way in: bearer token
 * (gateway/token.h), API key, signed link; used by the admission of requests and by /realtime. */
#pragma once

#include "gateway/request.h"

struct gateway;

/* The two halves of admission, so that the session read and the rate counter share a round trip:
 * `begin` checks what can be checked without Redis and sends the read; `end` awaits it. */
struct authentication {
    struct principal principal; /* filled in by begin as far as the credentials tell */
    struct redis_call *read;    /* session or key record; NULL: nothing to await */
    enum err refusal;           /* OK, or ERR_UNAUTHORIZED: the credentials are wrong */
};

/* bearer, api_key: header values or empty. Both empty: anonymous. */
void authentication_begin(struct arena *arena, struct gateway *gateway, struct slice bearer,
                          struct slice api_key, struct authentication *out);
/* A signed link (gateway/signed_link.h). target: path and query as sent. Nothing to await. */
void authentication_link(struct arena *arena, struct gateway *gateway, struct slice target,
                         struct authentication *out);
/* OK for anonymous callers too; ERR_UNAUTHORIZED clears the principal. */
enum err authentication_end(struct task *task, struct gateway *gateway,
                            struct authentication *authentication);

/* Both halves, for /realtime. token: a JWT or an API key ("mvk_..."). */
enum err authenticate_token(struct task *task, struct gateway *gateway, struct slice token,
                            struct principal *out);
