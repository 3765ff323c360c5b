/* API keys of the caller: made, listed, revoked with a login; none of them can make another. Each
 * change is one line of the log. */
#include "base/clock.h"
#include "base/log.h"
#include "gateway/gateway.h"
#include "gateway/once_gate.h"
#include "gateway/surfaces/mediavault/surface.h"
#include "handlers.h"
#include "state/api_key.h"

#include <inttypes.h>

static const uint64_t DAY_MS = UINT64_C(86400) * 1000;

static void audit(const struct request *req, const char *action, const struct api_key *key)
{
    log_event(LOG_INFO, "audit", F("action", action), F("by", req->principal.user_id),
              F("user", key->owner), F("key", key->id), F("ip", req->peer_ip),
              F("request_id", req->task.request_id));
}

static void write_fields(struct json_writer *w, const struct api_key *key)
{
    jw_str(w, "id", key->id);
    jw_str(w, "name", key->name);
    jw_key(w, "scopes");
    jw_array(w);
    for (size_t i = 0; i < key->scope_count; i++)
        jw_slice(w, key->scopes[i]);
    jw_array_end(w);
    jw_time(w, "created_at", key->created_ms);
    jw_time(w, "expires_at", key->expires_ms);
    jw_time(w, "last_used_at", key->last_used_ms);
}

static void write_key(struct json_writer *w, const struct api_key *key)
{
    jw_object(w);
    write_fields(w, key);
    jw_object_end(w);
}

/* text: the key itself, or empty where it was told before. */
static void reply_created(struct request *req, const struct api_key *key, struct slice text)
{
    struct json_writer w = reply_json(req);

    jw_object(&w);
    write_fields(&w, key);
    jw_str_or_null(&w, "key", text);
    jw_object_end(&w);
    reply_header(req, "Cache-Control", SLICE("no-store"));
    reply_header(req, "Location",
                 arena_printf(req->task.arena, "%.*s/api-keys/%.*s",
                              SLICE_ARG(req->surface->prefixes[0]), SLICE_ARG(key->id)));
    reply_written(req, 201);
}

static void reply_again(struct request *req)
{
    struct api_key key;
    enum err err = api_key_load(&req->task, req->gateway->state, once_made(req), &key);

    if (ok_or_reply(req, err))
        reply_created(req, &key, SLICE_NONE);
}

/* Each name once. */
static void take_scopes(struct arena *arena, const json_t *names, struct api_key *key)
{
    key->scopes = ARENA_ARRAY(arena, struct slice, json_array_size(names));
    for (size_t i = 0; i < json_array_size(names); i++) {
        const json_t *item = json_array_get(names, i);
        struct slice name = {json_string_value(item), json_string_length(item)};
        size_t at = 0;

        while (at < key->scope_count && !slice_eq(key->scopes[at], name))
            at++;
        if (at == key->scope_count)
            key->scopes[key->scope_count++] = name;
    }
}

void mediavault_api_keys_create(struct request *req)
{
    uint64_t most = config_number(req->gateway->config, "api_keys.per_account");
    const json_t *days = json_object_get(req->body, "expires_in_days");
    struct api_key key = {.owner = req->principal.user_id,
                          .name = json_get_slice(req->body, "name")};
    struct slice text;

    if (once_made(req).n) {
        reply_again(req);
        return;
    }
    take_scopes(req->task.arena, json_object_get(req->body, "scopes"), &key);
    if (json_is_integer(days))
        key.expires_ms = clock_unix_ms() + (uint64_t)json_integer_value(days) * DAY_MS;
    enum err err = api_key_create(&req->task, req->gateway->state, most, &key, &text, req->once);
    if (err == OK) {
        audit(req, "api_key_made", &key);
        reply_created(req, &key, text);
    } else if (err == ERR_QUOTA) {
        reply_error(
            req, err,
            arena_printf(req->task.arena, "An account can have %" PRIu64 " API keys.", most));
    } else if (once_overtaken_or_reply(req, err)) {
        reply_again(req);
    }
}

void mediavault_api_keys_list(struct request *req)
{
    struct page page = mediavault_page(req);
    struct api_key *keys;
    size_t n;
    enum err err = api_key_list(&req->task, req->gateway->state, req->principal.user_id,
                                req->principal.partition, (page.number - 1) * page.size, page.size,
                                &keys, &n, &page.total);

    if (!ok_or_reply(req, err))
        return;
    page.count = n;
    struct json_writer w = reply_json(req);
    jw_array(&w);
    for (size_t i = 0; i < n; i++)
        write_key(&w, &keys[i]);
    jw_array_end(&w);
    reply_written_page(req, &page);
}

/* The caller's, or anybody's for admins; others see that there is none. */
static bool load_or_reply(struct request *req, struct api_key *out)
{
    enum err err = api_key_load(&req->task, req->gateway->state, request_param(req, "id"), out);

    if (err == OK && !req->principal.admin && !slice_eq(out->owner, req->principal.user_id))
        err = ERR_NOT_FOUND;
    return ok_or_reply(req, err);
}

void mediavault_api_keys_get(struct request *req)
{
    struct api_key key;

    if (!load_or_reply(req, &key))
        return;
    struct json_writer w = reply_json(req);
    write_key(&w, &key);
    reply_written(req, 200);
}

void mediavault_api_keys_delete(struct request *req)
{
    struct api_key key;

    if (!load_or_reply(req, &key))
        return;
    enum err err = api_key_delete(&req->task, req->gateway->state, &key);
    if (!ok_or_reply(req, err))
        return;
    audit(req, "api_key_revoked", &key);
    reply_data(
        req, 200,
        arena_printf(req->task.arena, "{\"id\":\"%.*s\",\"deleted\":true}", SLICE_ARG(key.id)));
}
