/* metrics.h: what this gateway counts about requests, for /metrics (Prometheus text format 0.0.4).
 * Counters are per operation and class of status; durations fall into one histogram. */
#pragma once

#include "base/buf.h"

/* operation: of the route, a static string; NULL for what no route matched. */
void metrics_request(const char *operation, int status, uint64_t duration_us);
void metrics_write_requests(struct buf *out);

/* One gauge or counter with its lines of help and type. */
void metrics_write(struct buf *out, const char *name, const char *type, const char *help,
                   uint64_t value);
