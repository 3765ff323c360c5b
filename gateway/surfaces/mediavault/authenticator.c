/* Who calls Media Vault: by bearer token, API key or signed link. */
#include "base/clock.h"
#include "gateway/access/authentication.h"
#include "gateway/access/signed_link.h"
#include "gateway/access/token.h"
#include "gateway/gateway.h"
#include "gateway/route.h"
#include "gateway/surfaces/mediavault/surface.h"
#include "state/account.h"
#include "state/id.h"
#include "state/session.h"

/* The claims alone: whose session it is, until when. The record decides whether it still is. */
static void begin_session(struct arena *arena, struct gateway *gateway, struct slice token,
                          struct authentication *out)
{
    struct principal *principal = &out->principal;
    struct token_claims claims;
    unsigned session_partition;

    out->by = &mediavault_authenticator;
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

static void begin_link(struct request *req, struct authentication *out)
{
    struct gateway *gateway = req->gateway;
    struct principal *principal = &out->principal;

    out->refusal = ERR_UNAUTHORIZED;
    if (!link_verify(req->task.arena, &gateway->keyring, req->head.target, clock_unix_ms() / 1000,
                     &principal->user_id))
        return;
    principal->kind = PRINCIPAL_LINK;
    out->refusal = id_parse(principal->user_id, SLICE("user_"), gateway->state->partitions,
                            &principal->partition)
                       ? OK
                       : ERR_FORBIDDEN;
    if (out->refusal == OK)
        out->read = account_send_standing(gateway->state, req->task.arena, principal->user_id,
                                          principal->partition);
}

/* A link can do what its user can, and no longer than he can. */
static enum err end_link(struct task *task, struct authentication *authentication)
{
    struct principal *principal = &authentication->principal;
    enum err err = account_take_standing(task, authentication->read, &principal->admin);

    principal->scopes = SCOPE_MEDIA_READ;
    if (err != ERR_NOT_FOUND)
        return err;
    authentication->detail = SLICE("The user of this link is no longer here.");
    return ERR_FORBIDDEN;
}

static void begin_request(struct request *req, struct authentication *out)
{
    /* A path without a route is nobody's: its caller is known only for the rate limit. */
    unsigned schemes = req->route ? req->route->auth : AUTH_BEARER | AUTH_KEY;
    struct slice bearer = schemes & AUTH_BEARER ? request_header(req, "Authorization") : SLICE_NONE;
    struct slice key = schemes & AUTH_KEY ? request_header(req, "X-API-Key") : SLICE_NONE;
    struct slice token;

    *out = (struct authentication){.by = &mediavault_authenticator};
    if (!bearer.n && !key.n) {
        if (schemes & AUTH_LINK && request_query(req, "sig").n)
            begin_link(req, out);
        return;
    }
    out->refusal = ERR_UNAUTHORIZED; /* no API key exists as long as nothing makes them */
    if (bearer.n && authentication_bearer(bearer, &token))
        begin_session(req->task.arena, req->gateway, token, out);
}

static enum err end_request(struct task *task, struct gateway *gateway,
                            struct authentication *authentication)
{
    struct principal *principal = &authentication->principal;
    struct session session;

    if (principal->kind == PRINCIPAL_LINK)
        return end_link(task, authentication);
    enum err err = session_take(task, authentication->read, &session);

    if (err == OK && !slice_eq(session.user_id, principal->user_id))
        err = ERR_UNAUTHORIZED;
    if (err != OK)
        return err;
    principal->admin = session.admin;
    principal->scopes = session.admin ? SCOPE_ALL : SCOPE_ALL_USER;
    return OK;
}

const struct authenticator mediavault_authenticator = {
    .audience = SLICE_INIT(TOKEN_AUDIENCE),
    .begin = begin_request,
    .begin_token = begin_session,
    .end = end_request,
};
