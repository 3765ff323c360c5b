#include "gateway/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { OPERATIONS_MAX = 256, STATUS_CLASSES = 6 };

static const uint64_t bounds_us[] = {500,   1000,   2500,   5000,    10000,   25000,
                                     50000, 100000, 250000, 1000000, 5000000, 30000000};
enum { BUCKETS = sizeof bounds_us / sizeof bounds_us[0] };

static struct {
    struct {
        const char *operation;
        uint64_t by_class[STATUS_CLASSES]; /* [2]: 2xx */
    } rows[OPERATIONS_MAX];
    size_t n;
    uint64_t buckets[BUCKETS + 1]; /* the last: above all bounds */
    uint64_t total, total_us;
} counts;

static uint64_t *counter(const char *operation, int status)
{
    size_t i = 0;

    assert(status >= 100 && status < 600);
    while (i < counts.n && strcmp(counts.rows[i].operation, operation) != 0)
        i++;
    if (i == counts.n) {
        assert(counts.n < OPERATIONS_MAX);
        counts.rows[counts.n++].operation = operation;
    }
    return &counts.rows[i].by_class[status / 100];
}

void metrics_request(const char *operation, int status, uint64_t duration_us)
{
    size_t bucket = 0;

    ++*counter(operation ? operation : "none", status);
    while (bucket < BUCKETS && duration_us > bounds_us[bucket])
        bucket++;
    counts.buckets[bucket]++;
    counts.total++;
    counts.total_us += duration_us;
}

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_write(struct buf *out, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    head(out, name, type, help);
    buf_printf(out, "%s %" PRIu64 "\n", name, value);
}

void metrics_write_requests(struct buf *out)
{
    uint64_t so_far = 0;

    head(out, "mediahub_requests_total", "counter", "Requests answered, by operation and status.");
    for (size_t i = 0; i < counts.n; i++)
        for (int class = 1; class < STATUS_CLASSES; class ++)
            if (counts.rows[i].by_class[class])
                buf_printf(
                    out, "mediahub_requests_total{operation=\"%s\",status=\"%dxx\"} %" PRIu64 "\n",
                    counts.rows[i].operation, class, counts.rows[i].by_class[class]);
    head(out, "mediahub_request_seconds", "histogram", "Time from a head to its answer.");
    for (size_t i = 0; i < BUCKETS; i++) {
        so_far += counts.buckets[i];
        buf_printf(out, "mediahub_request_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
                   (double)bounds_us[i] / 1e6, so_far);
    }
    buf_printf(out,
               "mediahub_request_seconds_bucket{le=\"+Inf\"} %" PRIu64
               "\nmediahub_request_seconds_sum %g\nmediahub_request_seconds_count %" PRIu64 "\n",
               counts.total, (double)counts.total_us / 1e6, counts.total);
}
