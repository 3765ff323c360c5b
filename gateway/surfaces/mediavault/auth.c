/* Logging in and out. Passwords go to base/password.h, tokens to gateway/token.h, records to
 * core/state; what is decided here is the order, and what a failure may tell. */
#include "base/charset.h"
#include "base/clock.h"
#include "base/password.h"
#include "gateway/access/token.h"
#include "gateway/gateway.h"
#include "gateway/guard.h"
#include "gateway/once_gate.h"
#include "gateway/surfaces/mediavault/surface.h"
#include "gateway/surfaces/mediavault/users.h"
#include "handlers.h"
#include "state/account.h"
#include "state/record.h"
#include "state/session.h"

static const struct slice wrong_login = SLICE_INIT("The name or the password is wrong.");

static void reply_session(struct request *req, const struct session *session,
                          struct slice refresh_token)
{
    const struct token_claims claims = {
        .user_id = session->user_id,
        .session_id = session->id,
        .admin = session->admin,
        .issued_s = session->created_ms / 1000,
        .expires_s = session->expires_ms / 1000,
    };
    const struct mediavault_token token = {
        .token = token_sign(req->task.arena, &req->gateway->keyring, &claims),
        .refresh_token = refresh_token,
        .expires_in_s = claims.expires_s - claims.issued_s,
    };
    mediavault_reply_token(req, &token);
}

/* Unknown names, wrong passwords and closed accounts are refused in the same words, after the same
 * work. */
static bool account_prove_or_reply(struct request *req, struct account *account)
{
    struct gateway *gateway = req->gateway;
    struct login_subject subject = {.name = json_get_slice(req->body, "username")};
    struct login_guard guard;
    enum err err = account_find(&req->task, gateway->state, subject.name, account);

    if (err != ERR_NOT_FOUND && !ok_or_reply(req, err))
        return false;
    if (err == OK) {
        subject.user_id = account->id;
        subject.partition = account->partition;
    }
    if (!guard_enter_or_reply(req, &subject, &guard))
        return false;
    struct slice hash = err == OK ? account->password_hash : SLICE_NONE;
    bool closed = err == OK && !account->is_active;
    err = password_verify(&req->task, gateway->passwords, NULL, &guard.asker,
                          json_get_slice(req->body, "password"), hash);
    if (err == OK && closed)
        err = ERR_UNAUTHORIZED;
    login_guard_leave(&req->task, &guard, err);
    if (err != OK)
        reply_error(req, err, wrong_login);
    return err == OK;
}

void mediavault_auth_login(struct request *req)
{
    struct account account;
    struct session session;
    struct slice refresh_token;

    if (!account_prove_or_reply(req, &account))
        return;
    const struct login_origin origin = {
        req->peer_ip, charset_guess(req->task.arena, request_header(req, "User-Agent"))};
    enum err err = session_create(&req->task, req->gateway->state, &account, &origin, &session,
                                  &refresh_token);
    if (err != OK) {
        reply_error(req, err, err == ERR_UNAUTHORIZED ? wrong_login : SLICE_NONE);
        return;
    }
    account_note_login(req->gateway->state, &account, clock_unix_ms());
    reply_session(req, &session, refresh_token);
}

void mediavault_auth_refresh(struct request *req)
{
    struct slice spent = json_get_slice(req->body, "refresh_token"), next;
    struct session session;
    enum err err =
        session_refresh(&req->task, req->gateway->state, spent, clock_unix_ms(), &session, &next);

    if (err == ERR_UNAUTHORIZED)
        reply_error(req, err, SLICE("This refresh token is not valid."));
    else if (ok_or_reply(req, err))
        reply_session(req, &session, next);
}

/* A session that is gone in the meantime is what was wanted. */
static enum err end_own_session(struct request *req)
{
    struct state *state = req->gateway->state;
    struct session session;
    enum err err = session_load(&req->task, state, req->principal.session_id,
                                req->principal.partition, &session);

    if (err == OK)
        err = session_end(&req->task, state, &session);
    return err == ERR_UNAUTHORIZED ? OK : err;
}

void mediavault_auth_logout(struct request *req)
{
    struct slice refresh_token = json_get_slice(req->body, "refresh_token");
    bool known = req->principal.kind != PRINCIPAL_NONE;
    enum err err = known ? end_own_session(req) : ERR_UNAUTHORIZED;

    if (refresh_token.n && (err == OK || err == ERR_UNAUTHORIZED)) {
        enum err other = session_end_by_token(&req->task, req->gateway->state, refresh_token);
        /* With a session of one's own, a token that is nobody's does not matter. */
        err = known && other == ERR_UNAUTHORIZED ? OK : other;
    }
    if (ok_or_reply(req, err))
        reply_data(req, 200, SLICE("{\"message\":\"You are logged out.\"}"));
}

/* The key made this account before, if the password is the same: a guess at it like a login. */
static void reply_registered_again(struct request *req)
{
    struct account account;
    struct login_guard guard;
    enum err err = account_load(&req->task, req->gateway->state, once_made(req), &account);

    if (!ok_or_reply(req, err))
        return;
    struct login_subject subject = {
        .name = account.username, .user_id = account.id, .partition = account.partition};
    if (!guard_enter_or_reply(req, &subject, &guard))
        return;
    err = password_verify(&req->task, req->gateway->passwords, NULL, &guard.asker,
                          json_get_slice(req->body, "password"), account.password_hash);
    login_guard_leave(&req->task, &guard, err);
    if (err == ERR_UNAUTHORIZED)
        once_refuse(req);
    else if (ok_or_reply(req, err))
        mediavault_user_reply(req, 201, &account);
}

void mediavault_auth_register(struct request *req)
{
    struct gateway *gateway = req->gateway;
    struct account account = {
        .username = json_get_slice(req->body, "username"),
        .email = json_get_slice(req->body, "email"),
        .full_name = json_get_slice(req->body, "full_name"),
        .is_active = true,
    };

    if (!req->principal.admin && !config_bool(gateway->config, "mediavault.allow_registration")) {
        reply_error(req, ERR_FORBIDDEN, SLICE("Registration is closed on this hub."));
        return;
    }
    if (once_made(req).n) {
        reply_registered_again(req);
        return;
    }
    struct turns_asker asker = guard_asker(req);
    enum err err = password_hash(&req->task, gateway->passwords, &asker,
                                 json_get_slice(req->body, "password"), &account.password_hash);
    if (err == OK)
        err = account_create(&req->task, gateway->state, &account);
    if (err == OK)
        once_note(&req->task, gateway->state, req->once, account.id,
                  record_key(req->task.arena, &account));
    if (err == ERR_CONFLICT)
        reply_error(req, err, SLICE("This user name or e-mail address is taken."));
    else if (ok_or_reply(req, err))
        mediavault_user_reply(req, 201, &account);
}
