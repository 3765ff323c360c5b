#include "realtime/hub.h"

#include <inttypes.h>

static void put(struct buf *out, const char *name, const char *labels, uint64_t value)
{
    buf_printf(out, "mediahub_realtime_%s%s %" PRIu64 "\n", name, labels, value);
}

static void put_typed(struct buf *out, const char *name, const char *type, uint64_t value)
{
    buf_printf(out, "# TYPE mediahub_realtime_%s %s\n", name, type);
    put(out, name, "", value);
}

static void put_lag(struct buf *out, const struct counters *count)
{
    uint64_t below = 0;

    buf_printf(out, "# TYPE mediahub_realtime_lag_seconds histogram\n");
    for (unsigned i = 0; i < LAG_BUCKETS; i++) {
        below += count->lag[i];
        buf_printf(out, "mediahub_realtime_lag_seconds_bucket{le=\"%.3f\"} %" PRIu64 "\n",
                   (double)((uint64_t)1 << i) / 1000, below);
    }
    put(out, "lag_seconds_bucket", "{le=\"+Inf\"}", count->lag_count);
    put(out, "lag_seconds_count", "", count->lag_count);
    buf_printf(out, "mediahub_realtime_lag_seconds_sum %.3f\n", (double)count->lag_sum_ms / 1000);
}

void realtime_metrics(const struct realtime *hub, struct buf *out)
{
    const struct counters *count = &hub->count;

    put_typed(out, "clients", "gauge", hub->client_count);
    put_typed(out, "users", "gauge", hub->users.n);
    put_typed(out, "subscriptions", "gauge", hub->subscription_count);
    put_typed(out, "opened_total", "counter", count->opened);
    put_typed(out, "events_total", "counter", count->events);
    put_typed(out, "encoded_total", "counter", count->encoded);
    put_typed(out, "frames_sent_total", "counter", count->frames);
    put_typed(out, "writes_total", "counter", count->writes);
    put_typed(out, "gathers_total", "counter", count->gathers);
    put_typed(out, "sent_bytes_total", "counter", count->bytes);
    put_typed(out, "commands_total", "counter", count->commands);
    put_typed(out, "paused_total", "counter", count->paused);
    put_typed(out, "left_out_total", "counter", count->dropped);
    put_typed(out, "gaps_total", "counter", count->gaps);
    put_typed(out, "refilled_events_total", "counter", count->filled);
    buf_printf(out, "# TYPE mediahub_realtime_recoveries_total counter\n");
    put(out, "recoveries_total", "{recovered=\"true\"}", count->recovered);
    put(out, "recoveries_total", "{recovered=\"false\"}", count->not_recovered);
    buf_printf(out, "# TYPE mediahub_realtime_closes_total counter\n");
    put(out, "closes_total", "{retry=\"never\"}", count->closed_never);
    put(out, "closes_total", "{retry=\"later\"}", count->closed_later);
    put(out, "closes_total", "{retry=\"now\"}", count->closed_now);
    put(out, "closes_total", "{retry=\"other\"}", count->closed_other);
    put_lag(out, count);
}
