/* The accounts of others, for admins: who there is, who may log in, where they are logged in. Each
 * change is one line of the log. */
#include "base/log.h"
#include "base/password.h"
#include "gateway/gateway.h"
#include "gateway/guard.h"
#include "gateway/surfaces/mediavault/surface.h"
#include "gateway/surfaces/mediavault/users.h"
#include "handlers.h"
#include "state/logins.h"

static void audit(const struct request *req, const char *action, const struct account *account)
{
    log_event(LOG_INFO, "audit", F("action", action), F("by", req->principal.user_id),
              F("user", account->id), F("username", account->username), F("ip", req->peer_ip),
              F("request_id", req->task.request_id));
}

static bool account_load_or_reply(struct request *req, struct account *out)
{
    enum err err = account_load(&req->task, req->gateway->state, request_param(req, "id"), out);

    return ok_or_reply(req, err);
}

void mediavault_users_list(struct request *req)
{
    struct page page = mediavault_page(req);
    struct account *accounts;
    size_t n;
    enum err err = account_list(&req->task, req->gateway->state, (page.number - 1) * page.size,
                                page.size, &accounts, &n, &page.total);

    if (!ok_or_reply(req, err))
        return;
    page.count = n;
    struct json_writer w = reply_json(req);
    jw_array(&w);
    for (size_t i = 0; i < n; i++)
        mediavault_user_write(&w, &accounts[i]);
    jw_array_end(&w);
    reply_written_page(req, &page);
}

void mediavault_users_get(struct request *req)
{
    struct account account;

    if (account_load_or_reply(req, &account))
        mediavault_user_reply(req, 200, &account);
}

/* --- changes ------------------------------------------------------------------------------------
 */

struct standing {
    const json_t *is_active, *is_admin; /* NULL: stays */
    struct slice password_hash;         /* empty: stays */
    bool was_active, was_admin;
};

/* Whoever may do less than before, or proves himself otherwise, has to log in again. */
static enum err take_standing(struct account *now, void *arg)
{
    struct standing *standing = arg;

    standing->was_active = now->is_active;
    standing->was_admin = now->is_admin;
    if (standing->is_active)
        now->is_active = json_is_true(standing->is_active);
    if (standing->is_admin)
        now->is_admin = json_is_true(standing->is_admin);
    if (standing->password_hash.n)
        now->password_hash = standing->password_hash;
    if (standing->password_hash.n || now->is_active != standing->was_active ||
        now->is_admin != standing->was_admin)
        logins_forget(now, SLICE_NONE);
    return OK;
}

/* An admin who takes away his own rights might be the last one. */
static bool leaves_oneself_in_or_reply(struct request *req, const struct standing *standing)
{
    bool out = (standing->is_active && !json_is_true(standing->is_active)) ||
               (standing->is_admin && !json_is_true(standing->is_admin));

    if (!out || !slice_eq(request_param(req, "id"), req->principal.user_id))
        return true;
    reply_error(req, ERR_CONFLICT, SLICE("Nobody takes away his own rights: another admin can."));
    return false;
}

static bool hash_or_reply(struct request *req, struct slice *hash)
{
    struct slice password = json_get_slice(req->body, "password");
    struct turns_asker asker = guard_asker(req);

    *hash = SLICE_NONE;
    if (!password.n)
        return true;
    enum err err = password_hash(&req->task, req->gateway->passwords, &asker, password, hash);
    return ok_or_reply(req, err);
}

static void audit_changes(const struct request *req, const struct standing *standing,
                          const struct account *account)
{
    if (account->is_active != standing->was_active)
        audit(req, account->is_active ? "user_enabled" : "user_disabled", account);
    if (account->is_admin != standing->was_admin)
        audit(req, account->is_admin ? "user_made_admin" : "user_no_longer_admin", account);
    if (standing->password_hash.n)
        audit(req, "user_password_set", account);
}

void mediavault_users_update(struct request *req)
{
    struct standing standing = {.is_active = json_object_get(req->body, "is_active"),
                                .is_admin = json_object_get(req->body, "is_admin")};
    struct state *state = req->gateway->state;
    struct account account;
    size_t ended;

    if (!leaves_oneself_in_or_reply(req, &standing) || !account_load_or_reply(req, &account) ||
        !hash_or_reply(req, &standing.password_hash))
        return;
    enum err err =
        account_change(&req->task, state, account.id, take_standing, &standing, &account);
    if (err == OK) {
        audit_changes(req, &standing, &account);
        err = logins_end(&req->task, state, &account, &ended);
    }
    if (ok_or_reply(req, err))
        mediavault_user_reply(req, 200, &account);
}

/* --- logins -------------------------------------------------------------------------------------
 */

static void write_login(struct json_writer *w, const struct login *login)
{
    jw_object(w);
    jw_str(w, "id", login->id);
    jw_str(w, "surface", login->surface);
    jw_str_or_null(w, "address", login->address);
    jw_str_or_null(w, "client", login->client);
    jw_time(w, "created_at", login->created_ms);
    jw_time(w, "expires_at", login->expires_ms);
    jw_object_end(w);
}

void mediavault_users_sessions(struct request *req)
{
    struct account account;
    struct login *logins;
    size_t n;

    if (!account_load_or_reply(req, &account))
        return;
    enum err err = logins_list(&req->task, req->gateway->state, &account, &logins, &n);
    if (!ok_or_reply(req, err))
        return;
    struct json_writer w = reply_json(req);
    jw_array(&w);
    for (size_t i = 0; i < n; i++)
        write_login(&w, &logins[i]);
    jw_array_end(&w);
    reply_written(req, 200);
}

static enum err forget(struct account *now, void *arg)
{
    logins_forget(now, SLICE_NONE);
    return OK;
}

void mediavault_users_sessions_end(struct request *req)
{
    struct state *state = req->gateway->state;
    struct account account;
    size_t ended;
    enum err err =
        account_change(&req->task, state, request_param(req, "id"), forget, NULL, &account);

    if (err == OK)
        err = logins_end(&req->task, state, &account, &ended);
    if (!ok_or_reply(req, err))
        return;
    audit(req, "user_sessions_ended", &account);
    reply_data(req, 200, arena_printf(req->task.arena, "{\"ended\":%zu}", ended));
}
