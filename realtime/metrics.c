#include "realtime/metrics.h"

#include "realtime/hub.h"

#include <inttypes.h>

static void put(struct buf *out, const char *name, const char *labels, uint64_t value)
{
    buf_printf(out, "mediahub_realtime_%s%s %" PRIu64 "\n", name, labels, value);
}

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP mediahub_realtime_%s %s\n# TYPE mediahub_realtime_%s %s\n", name, help,
               name, type);
}

static void put_typed(struct buf *out, const char *name, const char *type, const char *help,
                      uint64_t value)
{
    head(out, name, type, help);
    put(out, name, "", value);
}

static void put_lag(struct buf *out, const struct counters *count)
{
    uint64_t below = 0;

    head(out, "lag_seconds", "histogram", "From an event's commit to its frames.");
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

    put_typed(out, "clients", "gauge", "Open sockets.", hub->client_count);
    put_typed(out, "streams", "gauge", "Of these, streams of server-sent events.",
              hub->stream_count);
    put_typed(out, "users", "gauge", "Users with an open socket.", hub->users.n);
    put_typed(out, "subscriptions", "gauge", "Subscriptions of all sockets.",
              hub->subscription_count);
    put_typed(out, "opened_total", "counter", "Sockets opened.", count->opened);
    put_typed(out, "events_total", "counter", "Events read from the streams.", count->events);
    put_typed(out, "encoded_total", "counter", "Frames made of events.", count->encoded);
    put_typed(out, "frames_sent_total", "counter", "Frames given to sockets.", hub->flush.messages);
    put_typed(out, "writes_total", "counter", "Writes to sockets.", hub->flush.writes);
    put_typed(out, "gathers_total", "counter", "Writes that carried several frames.",
              hub->flush.gathers);
    put_typed(out, "sent_bytes_total", "counter", "Bytes given to sockets.", hub->flush.bytes);
    put_typed(out, "commands_total", "counter", "Messages taken from clients.", count->commands);
    put_typed(out, "paused_total", "counter", "Times that a client was read more slowly.",
              count->paused);
    put_typed(out, "left_out_total", "counter", "Frames left out for slow clients.",
              count->dropped);
    put_typed(out, "gaps_total", "counter", "Gaps told to clients.", count->gaps);
    put_typed(out, "refilled_events_total", "counter",
              "Events read again for clients that came back.", count->filled);
    head(out, "recoveries_total", "counter", "Clients that came back with a position.");
    put(out, "recoveries_total", "{recovered=\"true\"}", count->recovered);
    put(out, "recoveries_total", "{recovered=\"false\"}", count->not_recovered);
    head(out, "closes_total", "counter", "Sockets closed by us, by when to come back.");
    put(out, "closes_total", "{retry=\"never\"}", count->closed_never);
    put(out, "closes_total", "{retry=\"later\"}", count->closed_later);
    put(out, "closes_total", "{retry=\"now\"}", count->closed_now);
    put(out, "closes_total", "{retry=\"other\"}", count->closed_other);
    put_lag(out, count);
}
