#include "gateway/surfaces/mediavault/users.h"

#include "base/password.h"
#include "gateway/access/login_guard.h"
#include "gateway/gateway.h"
#include "handlers.h"

enum { USER_JSON_MAX = 16 << 10 };

struct slice mediavault_user_json(struct arena *arena, const struct account *account)
{
    struct json_writer w;
    struct buf out;

    buf_init(&out, USER_JSON_MAX);
    jw_init(&w, &out);
    jw_object(&w);
    jw_str(&w, "id", account->id);
    jw_str_or_null(&w, "email", account->email);
    jw_str(&w, "username", account->username);
    jw_str_or_null(&w, "full_name", account->full_name);
    jw_str_or_null(&w, "avatar_url", account->avatar_url);
    jw_flag(&w, "is_admin", account->is_admin);
    jw_flag(&w, "is_active", account->is_active);
    jw_time(&w, "last_login", account->last_login_ms);
    jw_time(&w, "created_at", account->created_ms);
    jw_time(&w, "updated_at", account->updated_ms);
    jw_object_end(&w);
    struct slice json = arena_dup(arena, buf_slice(&out));
    buf_fini(&out);
    return json;
}

void mediavault_users_me(struct request *req)
{
    struct account account;
    enum err err = account_load(&req->task, req->gateway->state, req->principal.user_id, &account);

    if (err != OK)
        reply_error(req, err, SLICE_NONE);
    else
        reply_data(req, 200, mediavault_user_json(req->task.arena, &account));
}

static void reply_field(struct request *req, struct slice field, struct slice message)
{
    reply_field_errors(req, ERR_VALIDATION, &(struct field_error){field, message}, 1);
}

/* False: answered. Wrong guesses count like those of a login. */
static bool change_password_or_reply(struct request *req, struct account *account)
{
    struct password_thread *passwords = req->gateway->passwords;
    struct slice password = json_get_slice(req->body, "password");
    struct slice current = json_get_slice(req->body, "current_password");
    struct login_guard guard;

    if (!password.n)
        return true;
    if (!current.n) {
        reply_field(req, SLICE("current_password"), SLICE("Is required for a new password."));
        return false;
    }
    if (!login_guard_enter_or_reply(req, account->username, &guard))
        return false;
    enum err err = password_verify(&req->task, passwords, current, account->password_hash);
    if (err == ERR_UNAUTHORIZED) {
        reply_field(req, SLICE("current_password"), SLICE("Is not the current password."));
        return false;
    }
    login_guard_leave(req, &guard);
    if (err == OK)
        err = password_hash(&req->task, passwords, password, &account->password_hash);
    if (err != OK)
        reply_error(req, err, SLICE_NONE);
    return err == OK;
}

/* null and absent differ: null empties the field. */
static void take_field(const json_t *body, const char *name, struct slice *field)
{
    if (json_object_get(body, name))
        *field = json_get_slice(body, name);
}

void mediavault_users_me_update(struct request *req)
{
    struct state *state = req->gateway->state;
    struct account before, account;
    enum err err = account_load(&req->task, state, req->principal.user_id, &before);

    if (err != OK) {
        reply_error(req, err, SLICE_NONE);
        return;
    }
    account = before;
    take_field(req->body, "email", &account.email);
    take_field(req->body, "full_name", &account.full_name);
    take_field(req->body, "avatar_url", &account.avatar_url);
    if (!change_password_or_reply(req, &account))
        return;
    err = account_update(&req->task, state, &before, &account);
    if (err == ERR_CONFLICT)
        reply_error(req, err, SLICE("This e-mail address is taken, or was changed meanwhile."));
    else if (err != OK)
        reply_error(req, err, SLICE_NONE);
    else
        reply_data(req, 200, mediavault_user_json(req->task.arena, &account));
}
