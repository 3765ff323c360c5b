/* metrics.h: what realtime counts, as Prometheus text. */
#pragma once

#include "base/buf.h"

struct realtime;

void realtime_metrics(const struct realtime *hub, struct buf *out);
