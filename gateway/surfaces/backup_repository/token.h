/* token.h: the tokens of the Backup Repository (JWT under gateway/jws.h). A session is named by the
 * SHA-256 of its token's text, so a token is never written down. */
#pragma once

#include "base/err.h"
#include "gateway/access/jws.h"

#define BACKUP_TOKEN_AUDIENCE "br"

enum { BACKUP_SCOPE_MAX_BYTES = 2048 };

struct backup_claims {
    struct slice user_id, login;
    struct slice access_key; /* its name; empty: the user's own password */
    struct slice scope;      /* JSON array of grants; empty: not narrowed; BACKUP_SCOPE_MAX_BYTES */
    uint64_t issued_s, expires_s;
};

/* Empty: names and scope are too long for one token. */
struct slice backup_token_sign(struct arena *arena, const struct keyring *keyring,
                               const struct backup_claims *claims);

/* grace_s: for how long after its end a token still passes. ERR_UNAUTHORIZED or ERR_TOKEN_CLAIMS,
 * with the original's text in *detail. */
enum err backup_token_verify(struct arena *arena, const struct keyring *keyring, struct slice token,
                             uint64_t now_s, uint64_t grace_s, struct backup_claims *out,
                             struct slice *detail);
