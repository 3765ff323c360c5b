/* token.h: access tokens of Media Vault (JWT; RFC 7519, RFC 8725) and what they prove: a signature
 * of ours (jws.h), and claims that hold: exp, nbf, aud, iss and jti. A verified token is cached by
 * its hash until it expires; the session record still decides. */
#pragma once

#include "base/err.h"
#include "state/keyring.h"
#include "state/session.h"

#define TOKEN_ISSUER "mediahub"
#define TOKEN_AUDIENCE "mv"

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
