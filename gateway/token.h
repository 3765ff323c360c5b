/* token.h: access tokens of Media Vault (JWT, HS256; RFC 7519, RFC 8725) and what they prove.
 * Strict around libjwt, which checks no claims: size, alphabet and shape before it, key chosen by
 * kid, exactly HS256, then exp, nbf, aud, iss and jti by us. A verified token is cached by its hash
 * until it expires; the session record still decides. */
#pragma once

#include "base/err.h"
#include "state/keyring.h"
#include "state/session.h"

enum { TOKEN_MAX_BYTES = 4096 };

struct token_claims {
    struct slice user_id, session_id;
    bool admin;
    uint64_t issued_s, expires_s;
};

struct slice token_sign(struct arena *arena, const struct keyring *keyring,
                        const struct token_claims *claims);
/* ERR_UNAUTHORIZED on anything that is not right. */
enum err token_verify(struct arena *arena, const struct keyring *keyring, struct slice token,
                      uint64_t now_s, struct token_claims *out);
