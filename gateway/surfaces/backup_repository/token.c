#include "gateway/surfaces/backup_repository/token.h"

#include "base/crypto.h"
#include "base/text.h"
#include "gateway/access/token.h"

enum { RANDOM_BYTES = 16, CLOCK_SKEW_S = 60 };

struct slice backup_token_sign(struct arena *arena, const struct keyring *keyring,
                               const struct backup_claims *claims)
{
    char random[RANDOM_BYTES];
    struct json_writer w;
    struct buf json;

    random_bytes(random, sizeof random);
    buf_init(&json, JWS_CLAIMS_MAX_BYTES);
    jw_init(&w, &json);
    jw_object(&w);
    jw_str(&w, "iss", SLICE(TOKEN_ISSUER));
    jw_str(&w, "aud", SLICE(BACKUP_TOKEN_AUDIENCE));
    jw_str(&w, "sub", claims->user_id);
    jw_str(&w, "login", claims->login);
    jw_str(&w, "accessKeyName", claims->access_key);
    jw_str(&w, "operationsScope", text_base64(arena, claims->scope));
    jw_int(&w, "orig_iat", (int64_t)claims->issued_s);
    jw_int(&w, "exp", (int64_t)claims->expires_s);
    /* Two logins within a second are two sessions. */
    jw_str(&w, "rand", text_hex(arena, random, sizeof random));
    jw_object_end(&w);
    struct slice token = json.overflow ? SLICE_NONE : jws_seal(arena, keyring, buf_slice(&json));
    buf_fini(&json);
    return token;
}

static enum err refuse(enum err why, struct slice text, struct slice *detail)
{
    *detail = text;
    return why;
}

static enum err read_times(const json_t *json, uint64_t now_s, uint64_t grace_s,
                           struct backup_claims *out, struct slice *detail)
{
    const json_t *expires = json_object_get(json, "exp");

    if (!expires)
        return refuse(ERR_TOKEN_CLAIMS, SLICE("missing exp field"), detail);
    if (!json_get_u64(json, "exp", &out->expires_s))
        return refuse(ERR_TOKEN_CLAIMS, SLICE("exp must be float64 format"), detail);
    if (out->expires_s <= now_s && now_s - out->expires_s >= grace_s)
        return refuse(ERR_UNAUTHORIZED, SLICE("Token is expired"), detail);
    if (!json_get_u64(json, "orig_iat", &out->issued_s) || out->issued_s > now_s + CLOCK_SKEW_S)
        return refuse(ERR_UNAUTHORIZED, SLICE("Token used before issued"), detail);
    return OK;
}

static bool read_names(struct arena *arena, const json_t *json, struct backup_claims *out)
{
    out->user_id = json_get_slice(json, "sub");
    out->login = json_get_slice(json, "login");
    out->access_key = json_get_slice(json, "accessKeyName");
    return out->user_id.n && out->login.n &&
           slice_eq(json_get_slice(json, "iss"), SLICE(TOKEN_ISSUER)) &&
           slice_eq(json_get_slice(json, "aud"), SLICE(BACKUP_TOKEN_AUDIENCE)) &&
           text_unbase64(arena, json_get_slice(json, "operationsScope"), &out->scope);
}

enum err backup_token_verify(struct arena *arena, const struct keyring *keyring, struct slice token,
                             uint64_t now_s, uint64_t grace_s, struct backup_claims *out,
                             struct slice *detail)
{
    json_t *json;
    enum jws_verdict verdict = jws_open(arena, keyring, token, &json);

    if (verdict == JWS_MALFORMED)
        return refuse(ERR_UNAUTHORIZED, SLICE("token contains an invalid number of segments"),
                      detail);
    /* A token of another surface is as good as one of another hub. */
    if (verdict == JWS_FOREIGN || !read_names(arena, json, out))
        return refuse(ERR_UNAUTHORIZED, SLICE("signature is invalid"), detail);
    return read_times(json, now_s, grace_s, out, detail);
}
