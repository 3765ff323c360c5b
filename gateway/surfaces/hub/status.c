/* Whether this gateway lives, can serve, and how it fares. */
#include "base/crypto.h"
#include "base/password.h"
#include "gateway/access/authentication.h"
#include "gateway/catalogue_gate.h"
#include "gateway/gateway.h"
#include "gateway/http/connection.h"
#include "gateway/http/exchange.h"
#include "gateway/jobs/jobserver.h"
#include "gateway/metrics.h"
#include "gateway/realtime_gate.h"
#include "gateway/surfaces/backup_repository/ready.h"
#include "gateway/surroundings.h"
#include "handlers.h"
#include "realtime/metrics.h"
#include "state/delivery.h"

void hub_root(struct request *req)
{
    reply_data(req, 200, SLICE("{\"message\":\"Mediahub is running.\"}"));
}

void hub_health(struct request *req)
{
    reply_data(req, 200,
               SLICE("{\"status\":\"ok\",\"components\":{\"gateway\":\"ok\"},"
                     "\"is_weak_key\":false,\"data\":{\"msg\":\"alive\"}}"));
}

struct component {
    const char *name;
    bool ok;
};

static void write_components(struct json_writer *w, const char *name,
                             const struct component *components, size_t n)
{
    jw_key(w, name);
    jw_object(w);
    for (size_t i = 0; i < n; i++)
        jw_str(w, components[i].name, components[i].ok ? SLICE("ok") : SLICE("failing"));
    jw_object_end(w);
}

void hub_ready(struct request *req)
{
    const struct gateway *gateway = req->gateway;

    if (backup_ready_is_asked(req)) {
        backup_ready_reply(req);
        return;
    }
    bool store_fine = store_works(&req->task, gateway->store);
    bool has_memory = state_has_memory(&req->task, gateway->state);
    struct catalogue_standing catalogue;
    bool folders_there = surroundings_has_folders(&req->task, gateway);
    catalogue_gate_standing(req->gateway, &catalogue);
    const struct component components[] = {
        {"state", state_ready(gateway->state)},
        {"memory", has_memory},
        {"events", realtime_gate_hears(gateway)},
        {"catalogue", catalogue.follows},
        {"store", store_fine},
        {"folders", folders_there},
        {"dispatcher", surroundings_has_dispatcher(gateway->surroundings)},
        {"worker", !gateway->jobs || jobserver_has_worker(gateway->jobs)},
        {"draining", !gateway->draining},
    };
    struct json_writer w = reply_json(req);
    bool ready = true;

    for (size_t i = 0; i < sizeof components / sizeof components[0]; i++)
        ready = ready && components[i].ok;
    jw_object(&w);
    jw_str(&w, "status", ready ? SLICE("ready") : SLICE("not ready"));
    write_components(&w, "components", components, sizeof components / sizeof components[0]);
    write_components(&w, "checks", components,
                     sizeof components / sizeof components[0]); /* its older name */
    jw_key(&w, "catalogue");
    jw_object(&w);
    jw_int(&w, "events_behind", (int64_t)catalogue.behind);
    jw_int(&w, "items_built", (int64_t)catalogue.done);
    jw_int(&w, "items_to_build", (int64_t)catalogue.total);
    jw_object_end(&w);
    jw_object_end(&w);
    if (!ready)
        reply_header(req, "Retry-After", SLICE("1"));
    reply_written(req, ready ? 200 : 503);
}

/* Of all dispatchers; left out while Redis is away. */
static void write_deliveries(struct request *req, struct buf *out)
{
    struct delivery_counts counts;

    if (delivery_count(&req->task, req->gateway->state, &counts) != OK)
        return;
    metrics_write(out, "mediahub_webhook_backlogs_full_total", "counter",
                  "Times that an endpoint of a webhook had no room for more.", counts.full);
    metrics_write(out, "mediahub_webhook_deliveries_refused_total", "counter",
                  "Deliveries that an endpoint had no room for.", counts.refused);
}

static bool may_read_metrics_or_reply(struct request *req)
{
    struct slice wanted = config_text(req->gateway->config, "metrics.token"), token;

    if (!wanted.n)
        return true;
    if (authentication_bearer(request_header(req, "Authorization"), &token) &&
        crypto_equal(sha256_hex(req->task.arena, token), sha256_hex(req->task.arena, wanted)))
        return true;
    reply_header(req, "WWW-Authenticate", SLICE("Bearer"));
    reply_error(req, ERR_UNAUTHORIZED, SLICE_NONE);
    return false;
}

static void write_workers(const struct gateway *gateway, struct buf *out)
{
    uint64_t hold;

    if (gateway->jobs && jobserver_hold(gateway->jobs, &hold))
        metrics_write(out, "mediahub_sandbox_level", "gauge",
                      "What holds the decoders, the least of all workers: 0 none, 1 part, 2 whole.",
                      hold);
}

static void write_catalogue(struct gateway *gateway, struct buf *out)
{
    struct catalogue_standing standing;

    catalogue_gate_standing(gateway, &standing);
    metrics_write(out, "mediahub_catalogue_follows", "gauge",
                  "1 while the catalogue follows the events, 0 while it is built or away.",
                  standing.follows);
    metrics_write(out, "mediahub_catalogue_lag_events", "gauge",
                  "Events that are not in the catalogue yet.", standing.behind);
    metrics_write(out, "mediahub_catalogue_build_items", "gauge",
                  "Items that its last build was to take in.", standing.total);
    metrics_write(out, "mediahub_catalogue_build_done", "gauge",
                  "Items of them that it has taken in.", standing.done);
}

void hub_metrics(struct request *req)
{
    const struct gateway *gateway = req->gateway;
    struct buf *out;

    if (!may_read_metrics_or_reply(req))
        return;
    out = reply_writer(req);
    metrics_write_requests(out);
    metrics_write(out, "mediahub_connections", "gauge", "Open connections.",
                  connection_count(gateway->connections));
    metrics_write(out, "mediahub_uploads", "gauge", "Uploads under way.", exchange_uploads());
    metrics_write(out, "mediahub_fibers", "gauge", "Requests and other work under way.",
                  fiber_count());
    metrics_write(out, "mediahub_state_connects_total", "counter",
                  "Connections made to the state server.", redis_connects(gateway->state->durable));
    metrics_write(out, "mediahub_password_work_kib_total", "counter",
                  "Memory that password hashing has gone through.",
                  password_work_kib(gateway->passwords));
    metrics_write(out, "mediahub_password_waiting", "gauge",
                  "Logins that wait for their password to be hashed.",
                  password_waiting(gateway->passwords));
    write_workers(gateway, out);
    write_catalogue(req->gateway, out);
    realtime_metrics(gateway->realtime, out);
    write_deliveries(req, out);
    reply_raw(req, 200, "text/plain; version=0.0.4; charset=utf-8", buf_slice(out));
}
