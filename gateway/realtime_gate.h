/* realtime_gate.h: the door between HTTP and realtime: the handler of /realtime (hub_realtime, see
 * schemas/hub.yaml), what realtime asks about tokens and records, and its feed from the event
 * streams. */
#pragma once

#include "base/task.h"

struct gateway;

/* Makes gateway->realtime and gateway->stream and writes the canary every second. After
 * state_wait(), once. False: no fiber is left. */
bool realtime_gate_start(struct gateway *gateway);

/* Do events come through: was one of our own heard within the last 2 s? */
bool realtime_gate_hears(const struct gateway *gateway);
/* Until they do, and progress of jobs as well, at most ms. Suspends. */
void realtime_gate_await(const struct gateway *gateway, uint64_t ms);

/* After every connection is gone, before the state is closed: frees both. */
void realtime_gate_stop(struct gateway *gateway);
