/* jws.h: compact JSON Web Signatures with HMAC-SHA256 under the hub's own keys (RFC 7515
 * section 7.1, RFC 7518 section 3.2, RFC 8725): what a token says, and that one of our keys has
 * signed it. What the claims mean is the business of whoever issues them: token.h, and surfaces
 * with tokens of their own. Strict around libjwt: size, alphabet and shape before it, the key by
 * kid, exactly HS256. */
#pragma once

#include "base/json.h"
#include "state/keyring.h"

enum {
    JWS_MAX_BYTES = 4096,
    JWS_CLAIMS_MAX_BYTES = 2980, /* as JSON; they fit into a token of JWS_MAX_BYTES */
};

enum jws_verdict {
    JWS_HOLDS,
    JWS_MALFORMED, /* not three parts of base64url, or too long */
    JWS_FOREIGN,   /* not by a key of ours, in the way that we sign, or over no JSON object */
};

/* *claims is released with the arena; JWS_HOLDS only. */
enum jws_verdict jws_open(struct arena *arena, const struct keyring *keyring, struct slice token,
                          json_t **claims);
/* claims: a JSON object as text, of JWS_CLAIMS_MAX_BYTES at most (asserted). */
struct slice jws_seal(struct arena *arena, const struct keyring *keyring, struct slice claims);

/* The `aud` that an unproven token claims, to find out whose it is; empty: none. */
struct slice jws_audience(struct arena *arena, struct slice token);
