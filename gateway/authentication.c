#include "gateway/authentication.h"

#include "base/clock.h"
#include "gateway/gateway.h"
#include "gateway/signed_link.h"
#include "gateway/token.h"
#include "state/id.h"
#include "state/session.h"

#define API_KEY_PREFIX "mvk_"

/* RFC 6750 section 2.1; the scheme's name has no case (RFC 9110 section 11.1). */
static bool bearer_token(struct slice header, struct slice *token)
{
    const struct slice scheme = SLICE("Bearer ");

    if (header.n <= scheme.n || !slice_eq_nocase((struct slice){header.p, scheme.n}, scheme))
        return false;
    *token = slice_trim(slice_from_offset(header, scheme.n));
    return true;
}

/* The claims alone: whose session it is, until when. The record decides whether it still is. */
static void begin_session(struct arena *arena, struct gateway *gateway, struct slice token,
                          struct authentication *out)
{
    struct principal *principal = &out->principal;
    struct token_claims claims;
    unsigned session_partition;

    out->refusal = token_verify(arena, &gateway->keyring, token, clock_unix_ms() / 1000, &claims);
    if (out->refusal != OK)
        return;
    if (!id_parse(claims.user_id, SLICE("user_"), gateway->state->partitions,
                  &principal->partition) ||
        !id_parse(claims.session_id, SLICE("ses_"), gateway->state->partitions,
                  &session_partition) ||
        session_partition != principal->partition) {
        out->refusal = ERR_UNAUTHORIZED;
        return;
    }
    principal->kind = PRINCIPAL_SESSION;
    principal->user_id = claims.user_id;
    principal->session_id = claims.session_id;
    principal->expires_ms = claims.expires_s * 1000;
    out->read = session_send(gateway->state, arena, claims.session_id, principal->partition);
}

void authentication_begin(struct arena *arena, struct gateway *gateway, struct slice bearer,
                          struct slice api_key, struct authentication *out)
{
    struct slice token;

    *out = (struct authentication){.refusal = OK};
    if (bearer.n == 0 && api_key.n == 0)
        return;
    out->refusal = ERR_UNAUTHORIZED; /* no API key exists as long as nothing makes them */
    if (bearer.n && bearer_token(bearer, &token))
        begin_session(arena, gateway, token, out);
}

void authentication_link(struct arena *arena, struct gateway *gateway, struct slice target,
                         struct authentication *out)
{
    struct principal *principal = &out->principal;

    *out = (struct authentication){.refusal = ERR_UNAUTHORIZED};
    if (!link_verify(arena, &gateway->keyring, target, clock_unix_ms() / 1000,
                     &principal->user_id) ||
        !id_parse(principal->user_id, SLICE("user_"), gateway->state->partitions,
                  &principal->partition))
        return;
    principal->kind = PRINCIPAL_LINK;
    principal->scopes = SCOPE_MEDIA_READ;
    out->refusal = OK;
}

enum err authentication_end(struct task *task, struct gateway *gateway,
                            struct authentication *authentication)
{
    struct principal *principal = &authentication->principal;
    struct session session;

    if (authentication->refusal != OK || !authentication->read)
        return authentication->refusal;

    enum err err = session_take(task, authentication->read, &session);
    authentication->read = NULL;
    if (err == OK && !slice_eq(session.user_id, principal->user_id))
        err = ERR_UNAUTHORIZED;
    if (err == OK) {
        principal->admin = session.admin;
        principal->scopes = session.admin ? SCOPE_ALL : SCOPE_ALL_USER;
    } else {
        *principal = (struct principal){.kind = PRINCIPAL_NONE};
    }
    authentication->refusal = err;
    return err;
}

enum err authenticate_token(struct task *task, struct gateway *gateway, struct slice token,
                            struct principal *out)
{
    struct authentication authentication = {.refusal = ERR_UNAUTHORIZED};

    if (!slice_starts_with(token, SLICE(API_KEY_PREFIX)))
        begin_session(task->arena, gateway, token, &authentication);
    enum err err = authentication_end(task, gateway, &authentication);
    *out = authentication.principal;
    return err;
}
