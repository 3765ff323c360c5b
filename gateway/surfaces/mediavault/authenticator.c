/* Who calls Media Vault: by bearer token, API key or signed link. */
#include "base/clock.h"
#include "gateway/access/authentication.h"
#include "gateway/access/known_keys.h"
#include "gateway/access/signed_link.h"
#include "gateway/access/token.h"
#include "gateway/gateway.h"
#include "gateway/route.h"
#include "gateway/surfaces/mediavault/surface.h"
#include "state/account.h"
#include "state/api_key.h"
#include "state/api_key_text.h"
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

/* A key that this process knows is asked for together with its owner. */
static void begin_key(struct arena *arena, struct gateway *gateway, struct slice text,
                      struct authentication *out)
{
    struct principal *principal = &out->principal;
    struct api_key *key = ARENA_NEW(arena, struct api_key);

    out->by = &mediavault_authenticator;
    out->refusal = ERR_UNAUTHORIZED;
    if (!api_key_locate(arena, gateway->state, text, key))
        return;
    out->refusal = OK;
    principal->kind = PRINCIPAL_KEY;
    principal->session_id = key->id;
    principal->partition = key->partition;
    principal->own = key;
    out->read = api_key_send(gateway->state, arena, key);
    out->found_late = !known_keys_find(arena, key->id, &principal->user_id);
    if (!out->found_late)
        out->standing =
            account_send_standing(gateway->state, arena, principal->user_id, principal->partition);
}

/* A key does what its scopes say, with what is its user's, as long as he may. What admins can do
 * with what is others' takes a login. */
static enum err end_key(struct task *task, struct gateway *gateway,
                        struct authentication *authentication)
{
    struct principal *principal = &authentication->principal;
    struct api_key *key = principal->own;
    enum err err = api_key_take(task, authentication->read, key);
    bool is_admin;

    principal->own = NULL;
    if (err == OK && !authentication->standing)
        authentication->standing =
            account_send_standing(gateway->state, task->arena, key->owner, key->partition);
    if (err != OK) {
        if (authentication->standing)
            redis_forget(authentication->standing);
        return err;
    }
    err = account_take_standing(task, authentication->standing, &is_admin);
    if (err != OK)
        return err == ERR_NOT_FOUND ? ERR_UNAUTHORIZED : err;
    known_keys_note(key->id, key->owner);
    api_key_note_use(gateway->state, task->arena, key->id, clock_unix_ms());
    principal->user_id = key->owner;
    principal->scopes = scopes_of_key(key->scopes, key->scope_count);
    principal->expires_ms = key->expires_ms;
    return OK;
}

static void begin_token(struct arena *arena, struct gateway *gateway, struct slice token,
                        struct authentication *out)
{
    if (slice_starts_with(token, SLICE(API_KEY_PREFIX)))
        begin_key(arena, gateway, token, out);
    else
        begin_session(arena, gateway, token, out);
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
    out->refusal = ERR_UNAUTHORIZED;
    if (!bearer.n)
        begin_key(req->task.arena, req->gateway, key, out);
    else if (authentication_bearer(bearer, &token))
        begin_session(req->task.arena, req->gateway, token, out);
}

static enum err end_request(struct task *task, struct gateway *gateway,
                            struct authentication *authentication)
{
    struct principal *principal = &authentication->principal;
    struct session session;

    if (principal->kind == PRINCIPAL_LINK)
        return end_link(task, authentication);
    if (principal->kind == PRINCIPAL_KEY)
        return end_key(task, gateway, authentication);
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
    .key_prefix = SLICE_INIT(API_KEY_PREFIX),
    .begin = begin_request,
    .begin_token = begin_token,
    .end = end_request,
};
