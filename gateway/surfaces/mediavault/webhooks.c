/* Endpoints of webhooks and what was sent to them (contracts/mediavault.md section 11). The events
 * become deliveries in another process; here are only its records. */
#include "base/clock.h"
#include "gateway/gateway.h"
#include "gateway/once_gate.h"
#include "gateway/surfaces/mediavault/surface.h"
#include "handlers.h"
#include "state/delivery.h"
#include "state/endpoint.h"
#include "state/id.h"
#include "state/target.h"

#include <inttypes.h>

/* JSON */

static void write_webhook(struct json_writer *w, const struct endpoint *endpoint, bool with_secret)
{
    jw_object(w);
    jw_str(w, "id", endpoint->id);
    jw_str(w, "url", endpoint->url);
    jw_key(w, "events");
    jw_array(w);
    for (size_t i = 0; i < endpoint->event_count; i++)
        jw_slice(w, endpoint->events[i]);
    jw_array_end(w);
    jw_str_or_null(w, "description", endpoint->description);
    jw_flag(w, "active", endpoint->active);
    jw_str_or_null(w, "disabled_reason", endpoint->disabled_reason);
    jw_time(w, "created_at", endpoint->created_ms);
    jw_time(w, "updated_at", endpoint->updated_ms);
    if (with_secret)
        jw_str(w, "secret", endpoint->secret);
    jw_object_end(w);
}

static void reply_webhook(struct request *req, int status, const struct endpoint *endpoint,
                          bool with_secret)
{
    struct json_writer w = reply_json(req);

    write_webhook(&w, endpoint, with_secret);
    reply_written(req, status);
}

static void write_attempt(struct json_writer *w, const struct delivery_attempt *attempt)
{
    jw_object(w);
    jw_time(w, "at", attempt->at_ms);
    jw_key(w, "status");
    if (attempt->status)
        jw_i64(w, attempt->status);
    else
        jw_null(w);
    jw_str_or_null(w, "error", attempt->error);
    jw_int(w, "duration_ms", (int64_t)attempt->duration_ms);
    jw_object_end(w);
}

static void write_delivery(struct json_writer *w, const struct delivery *delivery)
{
    jw_object(w);
    jw_str(w, "id", delivery->event_id);
    jw_str(w, "event", delivery->type);
    jw_str(w, "state", delivery_state_name(delivery->state));
    jw_time(w, "next_attempt_at", delivery->next_ms);
    jw_key(w, "attempts");
    jw_array(w);
    for (size_t i = 0; i < delivery->attempt_count; i++)
        write_attempt(w, &delivery->attempts[i]);
    jw_array_end(w);
    jw_object_end(w);
}

static void reply_queued(struct request *req, struct slice event_id)
{
    reply_data(req, 202,
               arena_printf(req->task.arena, "{\"id\":\"%.*s\",\"state\":\"pending\"}",
                            SLICE_ARG(event_id)));
}

/* What comes in */

static void reply_field(struct request *req, const char *field, struct slice message)
{
    reply_field_errors(req, ERR_VALIDATION, &(struct field_error){slice_from(field), message}, 1);
}

static bool url_or_reply(struct request *req, struct slice url)
{
    struct target_policy policy;
    struct target target;
    struct slice setting = config_text(req->gateway->config, "webhooks.allow_private");

    if (!target_policy_parse(req->task.arena, setting, &policy))
        policy = (struct target_policy){0};
    enum target_verdict verdict = target_judge(&policy, url, &target);
    if (verdict != TARGET_OK)
        reply_field(req, "url", target_explain(verdict));
    return verdict == TARGET_OK;
}

static bool is_among(struct slice name, const struct slice *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq(name, names[i]))
            return true;
    return false;
}

/* Each name once. */
static void take_events(struct arena *arena, const json_t *names, struct endpoint *endpoint)
{
    endpoint->events = ARENA_ARRAY(arena, struct slice, json_array_size(names));
    endpoint->event_count = 0;
    for (size_t i = 0; i < json_array_size(names); i++) {
        const json_t *item = json_array_get(names, i);
        struct slice name = {json_string_value(item), json_string_length(item)};

        if (!is_among(name, endpoint->events, endpoint->event_count))
            endpoint->events[endpoint->event_count++] = name;
    }
}

/* Reads what the body gives; the schema has checked its shape. */
static bool body_or_reply(struct request *req, struct endpoint *out)
{
    const json_t *events = json_object_get(req->body, "events");

    out->url = json_get_slice(req->body, "url");
    out->description = json_get_slice(req->body, "description");
    out->active = json_is_true(json_object_get(req->body, "active"));
    if (json_object_get(req->body, "url") && !url_or_reply(req, out->url))
        return false;
    if (events)
        take_events(req->task.arena, events, out);
    return true;
}

static void take_given(const json_t *body, const struct endpoint *given, struct endpoint *now)
{
    if (json_object_get(body, "url"))
        now->url = given->url;
    if (json_object_get(body, "events")) {
        now->events = given->events;
        now->event_count = given->event_count;
    }
    if (json_object_get(body, "description"))
        now->description = given->description;
    if (json_object_get(body, "active")) {
        now->active = given->active;
        now->disabled_reason = SLICE_NONE;
    }
}

/* The caller's, or anybody's for admins; others see that there is none. What tells of everybody's
 * events is an admin's affair: his API keys are no admins. */
static bool load_or_reply(struct request *req, struct endpoint *out)
{
    enum err err = endpoint_load(&req->task, req->gateway->state, request_param(req, "id"), out);

    if (err == OK && !req->principal.admin && !slice_eq(out->owner, req->principal.user_id))
        err = ERR_NOT_FOUND;
    else if (err == OK && !req->principal.admin && out->owner_is_admin)
        err = ERR_FORBIDDEN;
    return ok_or_reply(req, err);
}

static bool active_or_reply(struct request *req, const struct endpoint *endpoint)
{
    if (!endpoint->active)
        reply_error(req, ERR_CONFLICT, SLICE("This webhook is not active."));
    return endpoint->active;
}

static void reply_not_queued(struct request *req, enum err err)
{
    reply_error(req, err,
                err == ERR_CONFLICT
                    ? SLICE("This webhook has as many deliveries pending as it may have.")
                    : SLICE_NONE);
}

/* Handlers */

static bool list_or_reply(struct request *req, struct endpoint **list, size_t *n)
{
    enum err err = endpoint_list(&req->task, req->gateway->state, req->principal.partition,
                                 req->principal.user_id, list, n);

    return ok_or_reply(req, err);
}

static void reply_created(struct request *req, const struct endpoint *endpoint)
{
    reply_header(req, "Location",
                 arena_printf(req->task.arena, "%.*s/webhooks/%.*s",
                              SLICE_ARG(req->surface->prefixes[0]), SLICE_ARG(endpoint->id)));
    reply_webhook(req, 201, endpoint, true);
}

static void reply_again(struct request *req)
{
    struct endpoint endpoint;
    enum err err = endpoint_load(&req->task, req->gateway->state, once_made(req), &endpoint);

    if (ok_or_reply(req, err))
        reply_created(req, &endpoint);
}

void mediavault_webhooks_create(struct request *req)
{
    struct endpoint endpoint = {
        .owner = req->principal.user_id, .owner_is_admin = req->principal.admin, .active = true};
    struct endpoint given = {0};
    uint64_t most = config_number(req->gateway->config, "webhooks.per_account");

    if (once_made(req).n) {
        reply_again(req);
        return;
    }
    if (!body_or_reply(req, &given))
        return;
    take_given(req->body, &given, &endpoint);
    enum err err = endpoint_create(&req->task, req->gateway->state, most, &endpoint, req->once);
    if (err == OK)
        reply_created(req, &endpoint);
    else if (err == ERR_QUOTA)
        reply_error(
            req, err,
            arena_printf(req->task.arena, "An account can have %" PRIu64 " webhooks.", most));
    else if (once_overtaken_or_reply(req, err))
        reply_again(req);
}

void mediavault_webhooks_list(struct request *req)
{
    struct page page = mediavault_page(req);
    struct endpoint *list;
    size_t n;

    if (!list_or_reply(req, &list, &n))
        return;
    struct json_writer w = reply_json(req);
    jw_array(&w);
    for (uint64_t i = (page.number - 1) * page.size; i < n && page.count < page.size; i++) {
        write_webhook(&w, &list[i], false);
        page.count++;
    }
    jw_array_end(&w);
    page.total = n;
    reply_written_page(req, &page);
}

void mediavault_webhooks_get(struct request *req)
{
    struct endpoint endpoint;

    if (load_or_reply(req, &endpoint))
        reply_webhook(req, 200, &endpoint, false);
}

static void reply_changed(struct request *req, enum err err, const struct endpoint *endpoint,
                          bool with_secret)
{
    if (ok_or_reply(req, err))
        reply_webhook(req, 200, endpoint, with_secret);
}

/* What waits because the receiver asked for it need not, when it is another receiver now. */
static enum err let_go(struct request *req, const struct endpoint *endpoint)
{
    struct state *state = req->gateway->state;
    enum err err = OK;

    if (!json_object_get(req->body, "url") && !json_object_get(req->body, "active"))
        return OK;
    for (unsigned p = 0; p < state->partitions && err == OK; p++)
        if (p == endpoint->partition || endpoint->owner_is_admin)
            err = delivery_release(&req->task, state, p, endpoint->id);
    return err;
}

struct wanted {
    const json_t *body;
    struct endpoint endpoint; /* with all that the body gives */
};

static enum err take_wanted(struct endpoint *now, void *arg)
{
    const struct wanted *wanted = arg;

    take_given(wanted->body, &wanted->endpoint, now);
    return OK;
}

void mediavault_webhooks_update(struct request *req)
{
    struct wanted wanted = {.body = req->body};
    struct endpoint endpoint;

    if (!load_or_reply(req, &endpoint) || !body_or_reply(req, &wanted.endpoint))
        return;
    enum err err = endpoint_change(&req->task, req->gateway->state, request_param(req, "id"),
                                   take_wanted, &wanted, &endpoint);
    if (err == OK)
        err = let_go(req, &endpoint);
    reply_changed(req, err, &endpoint, false);
}

static enum err rotate_secret(struct endpoint *now, void *arg)
{
    endpoint_rotate_secret(arg, now);
    return OK;
}

void mediavault_webhooks_rotate_secret(struct request *req)
{
    struct endpoint endpoint;

    if (!load_or_reply(req, &endpoint))
        return;
    enum err err = endpoint_change(&req->task, req->gateway->state, request_param(req, "id"),
                                   rotate_secret, req->task.arena, &endpoint);
    reply_changed(req, err, &endpoint, true);
}

void mediavault_webhooks_delete(struct request *req)
{
    struct endpoint endpoint;

    if (!load_or_reply(req, &endpoint))
        return;
    enum err err = endpoint_delete(&req->task, req->gateway->state, &endpoint);
    if (ok_or_reply(req, err))
        reply_data(req, 200,
                   arena_printf(req->task.arena, "{\"id\":\"%.*s\",\"deleted\":true}",
                                SLICE_ARG(endpoint.id)));
}

/* The body has the keys of every other message. */
static struct slice trial_body(struct request *req, const struct endpoint *endpoint,
                               uint64_t now_ms)
{
    struct slice now = clock_rfc3339(req->task.arena, now_ms);

    return arena_printf(req->task.arena,
                        "{\"event\":\"webhook.test\",\"data\":{\"id\":\"%.*s\",\"type\":"
                        "\"webhook\",\"user_id\":\"%.*s\"},\"timestamp\":\"%.*s\"}",
                        SLICE_ARG(endpoint->id), SLICE_ARG(endpoint->owner), SLICE_ARG(now));
}

void mediavault_webhooks_test(struct request *req)
{
    uint64_t now_ms = clock_unix_ms();
    struct endpoint endpoint;

    if (once_made(req).n) {
        reply_queued(req, once_made(req));
        return;
    }
    if (!load_or_reply(req, &endpoint) || !active_or_reply(req, &endpoint))
        return;
    struct acceptance message = {
        .event_id = id_new(req->task.arena, SLICE("evt_"), endpoint.partition),
        .type = SLICE("webhook.test"),
        .body = trial_body(req, &endpoint, now_ms),
        .owner = endpoint.owner,
    };
    struct delivery_bounds bounds = delivery_bounds_from(req->gateway->config);
    enum err err =
        delivery_send(&req->task, req->gateway->state, endpoint.id, &message, now_ms, &bounds);
    if (err != OK) {
        reply_not_queued(req, err);
        return;
    }
    once_note(&req->task, req->gateway->state, req->once, message.event_id, SLICE_NONE);
    reply_queued(req, message.event_id);
}

void mediavault_webhooks_deliveries(struct request *req)
{
    struct page page = mediavault_page(req);
    uint64_t kept_ms = delivery_bounds_from(req->gateway->config).retention_s * 1000;
    uint64_t since_ms = clock_unix_ms() - kept_ms;
    struct endpoint endpoint;
    struct delivery *list;
    size_t n;

    if (!load_or_reply(req, &endpoint))
        return;
    enum err err = delivery_list(&req->task, req->gateway->state, endpoint.id, endpoint.partition,
                                 endpoint.owner_is_admin, since_ms, (page.number - 1) * page.size,
                                 page.size, &list, &n, &page.total);
    if (!ok_or_reply(req, err))
        return;
    struct json_writer w = reply_json(req);
    jw_array(&w);
    for (size_t i = 0; i < n; i++)
        write_delivery(&w, &list[i]);
    jw_array_end(&w);
    page.count = n;
    reply_written_page(req, &page);
}

void mediavault_webhooks_retry(struct request *req)
{
    struct slice event_id = request_param(req, "evt");
    struct endpoint endpoint;

    if (!load_or_reply(req, &endpoint) || !active_or_reply(req, &endpoint))
        return;
    struct delivery_bounds bounds = delivery_bounds_from(req->gateway->config);
    enum err err = delivery_retry(&req->task, req->gateway->state, endpoint.id, event_id,
                                  endpoint.owner_is_admin ? SLICE_NONE : endpoint.owner,
                                  clock_unix_ms(), &bounds);
    if (err != OK)
        reply_not_queued(req, err);
    else
        reply_queued(req, event_id);
}
