#include "gateway/surfaces/mediavault/users.h"

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
