#include "gateway/surfaces/mediavault/users.h"

#include "base/password.h"
#include "gateway/gateway.h"
#include "gateway/guard.h"
#include "handlers.h"
#include "state/logins.h"

void mediavault_user_write(struct json_writer *w, const struct account *account)
{
    jw_object(w);
    jw_str(w, "id", account->id);
    jw_str_or_null(w, "email", account->email);
    jw_str(w, "username", account->username);
    jw_str_or_null(w, "full_name", account->full_name);
    jw_str_or_null(w, "avatar_url", account->avatar_url);
    jw_flag(w, "is_admin", account->is_admin);
    jw_flag(w, "is_active", account->is_active);
    jw_time(w, "last_login", account->last_login_ms);
    jw_time(w, "created_at", account->created_ms);
    jw_time(w, "updated_at", account->updated_ms);
    jw_object_end(w);
}

void mediavault_user_reply(struct request *req, int status, const struct account *account)
{
    struct json_writer w = reply_json(req);

    mediavault_user_write(&w, account);
    reply_written(req, status);
}

void mediavault_users_me(struct request *req)
{
    struct account account;
    enum err err = account_load(&req->task, req->gateway->state, req->principal.user_id, &account);

    if (ok_or_reply(req, err))
        mediavault_user_reply(req, 200, &account);
}

static void reply_field(struct request *req, struct slice field, struct slice message)
{
    reply_field_errors(req, ERR_VALIDATION, &(struct field_error){field, message}, 1);
}

/* A new password, and the one that the caller has proved to know. */
struct new_password {
    struct slice hash, proved_hash; /* empty: the password stays */
};

/* False: answered. Wrong guesses count like those of a login. */
static bool prove_password_or_reply(struct request *req, struct new_password *out)
{
    struct password_thread *passwords = req->gateway->passwords;
    struct slice password = json_get_slice(req->body, "password");
    struct slice current = json_get_slice(req->body, "current_password");
    struct login_guard guard;
    struct account account;

    *out = (struct new_password){SLICE_NONE, SLICE_NONE};
    if (!password.n)
        return true;
    if (!current.n) {
        reply_field(req, SLICE("current_password"), SLICE("Is required for a new password."));
        return false;
    }
    enum err err = account_load(&req->task, req->gateway->state, req->principal.user_id, &account);
    if (!ok_or_reply(req, err))
        return false;
    const struct login_subject subject = {.name = account.username,
                                          .user_id = account.id,
                                          .partition = account.partition,
                                          .inside = true};
    if (!guard_enter_or_reply(req, &subject, &guard))
        return false;
    err =
        password_verify(&req->task, passwords, NULL, &guard.asker, current, account.password_hash);
    login_guard_leave(&req->task, &guard, err);
    if (err == ERR_UNAUTHORIZED) {
        reply_field(req, SLICE("current_password"), SLICE("Is not the current password."));
        return false;
    }
    out->proved_hash = account.password_hash;
    if (err == OK)
        err = password_hash(&req->task, passwords, &guard.asker, password, &out->hash);
    return ok_or_reply(req, err);
}

/* null and absent differ: null empties the field. */
static void take_field(const json_t *body, const char *name, struct slice *field)
{
    if (json_object_get(body, name))
        *field = json_get_slice(body, name);
}

struct profile {
    const json_t *body;
    struct new_password password;
    struct slice kept_family;
    bool password_moved; /* changed since it was proved: the caller does not know the present one */
};

static enum err take_profile(struct account *now, void *arg)
{
    struct profile *profile = arg;

    take_field(profile->body, "email", &now->email);
    take_field(profile->body, "full_name", &now->full_name);
    take_field(profile->body, "avatar_url", &now->avatar_url);
    if (!profile->password.hash.n)
        return OK;
    profile->password_moved = !slice_eq(now->password_hash, profile->password.proved_hash);
    now->password_hash = profile->password.hash;
    logins_forget(now, profile->kept_family);
    return profile->password_moved ? ERR_CONFLICT : OK;
}

/* A new password ends every login but the one that it was changed from. */
static enum err find_kept_family(struct request *req, struct profile *profile)
{
    struct session session;

    if (!profile->password.hash.n)
        return OK;
    enum err err = session_load(&req->task, req->gateway->state, req->principal.session_id,
                                req->principal.partition, &session);
    profile->kept_family = err == OK ? session.family : SLICE_NONE;
    return err;
}

void mediavault_users_me_update(struct request *req)
{
    struct profile profile = {.body = req->body};
    struct account account;
    size_t ended = 0;

    if (!prove_password_or_reply(req, &profile.password))
        return;
    enum err err = find_kept_family(req, &profile);
    if (err == OK)
        err = account_change(&req->task, req->gateway->state, req->principal.user_id, take_profile,
                             &profile, &account);
    if (err == OK && profile.password.hash.n)
        err = logins_end(&req->task, req->gateway->state, &account, &ended);
    if (err == ERR_CONFLICT)
        reply_error(req, err,
                    profile.password_moved ? SLICE("The password was changed meanwhile.")
                                           : SLICE("This e-mail address is taken."));
    else if (ok_or_reply(req, err))
        mediavault_user_reply(req, 200, &account);
}
