#include "gateway/access/jws.h"

#include "base/text.h"

#include <assert.h>
#include <jwt.h>
#include <stdio.h>

/* Three non-empty parts of base64url between exactly two dots. libjwt copies its input to the
 * stack and parses it before it verifies anything, so this comes first. */
static bool split(struct slice token, struct slice parts[3])
{
    if (token.n == 0 || token.n > JWS_MAX_BYTES)
        return false;
    for (size_t i = 0; i < token.n; i++) {
        char c = token.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.'))
            return false;
    }
    for (size_t i = 0; i < 3; i++)
        if (!slice_split(token, '.', &parts[i], &token) || parts[i].n == 0)
            return false;
    return token.p == NULL;
}

static json_t *decode_object(struct arena *arena, struct slice part)
{
    struct slice text;
    json_t *json;

    if (!text_unbase64url(arena, part, &text))
        return NULL;
    json = json_parse(arena, text);
    return json_is_object(json) ? json : NULL;
}

/* The key that the header names, if the header is one of ours (RFC 8725 sections 3.1 and 3.11). */
static const struct signing_key *header_key(const struct keyring *keyring, const json_t *header)
{
    const json_t *type = json_object_get(header, "typ");

    if (!slice_eq(json_get_slice(header, "alg"), SLICE("HS256")) ||
        json_object_get(header, "crit") ||
        (type && !slice_eq(json_get_slice(header, "typ"), SLICE("JWT"))))
        return NULL;
    struct slice kid = json_get_slice(header, "kid");
    return kid.n ? keyring_find(keyring, kid) : NULL;
}

static bool signature_holds(struct arena *arena, const struct signing_key *key, struct slice token)
{
    jwt_t *jwt = NULL;

    if (jwt_decode(&jwt, arena_cstr(arena, token), key->secret, KEY_BYTES) != 0)
        return false;
    bool holds = jwt_get_alg(jwt) == JWT_ALG_HS256; /* a key is good for one algorithm */
    jwt_free(jwt);
    return holds;
}

enum jws_verdict jws_open(struct arena *arena, const struct keyring *keyring, struct slice token,
                          json_t **claims)
{
    struct slice parts[3];

    if (!split(token, parts))
        return JWS_MALFORMED;
    const json_t *header = decode_object(arena, parts[0]);
    const struct signing_key *key = header ? header_key(keyring, header) : NULL;
    if (!key || !signature_holds(arena, key, token))
        return JWS_FOREIGN;
    *claims = decode_object(arena, parts[1]);
    return *claims ? JWS_HOLDS : JWS_FOREIGN;
}

struct slice jws_seal(struct arena *arena, const struct keyring *keyring, struct slice claims)
{
    const struct signing_key *key = &keyring->token_keys[0];
    char *text = arena_alloc(arena, JWS_MAX_BYTES);
    FILE *file = fmemopen(text, JWS_MAX_BYTES, "w"); /* jwt_encode_str() would hand out heap */
    jwt_t *jwt = NULL;

    assert(keyring->n > 0 && file && claims.n <= JWS_CLAIMS_MAX_BYTES);
    int failed = jwt_new(&jwt);
    assert(failed == 0);
    failed |= jwt_set_alg(jwt, JWT_ALG_HS256, key->secret, KEY_BYTES);
    failed |= jwt_add_header(jwt, "kid", key->kid);
    failed |= jwt_add_grants_json(jwt, arena_cstr(arena, claims));
    failed |= jwt_encode_fp(jwt, file);
    assert(failed == 0);
    jwt_free(jwt);

    long n = ftell(file);
    failed = fclose(file);
    assert(failed == 0 && n > 0 && n < JWS_MAX_BYTES);
    return (struct slice){text, (size_t)n};
}

struct slice jws_audience(struct arena *arena, struct slice token)
{
    struct slice parts[3];

    return split(token, parts) ? json_get_slice(decode_object(arena, parts[1]), "aud") : SLICE_NONE;
}
