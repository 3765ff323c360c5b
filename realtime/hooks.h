/* hooks.h: what realtime asks of whoever it is built into, and its bounds. */
#pragma once

#include "base/err.h"
#include "base/task.h"
#include "state/principal.h"
#include "state/state.h"

struct head; /* state/position.h */

struct realtime_hooks {
    void *arg;
    /* Verifies a bearer token or API key; suspends. The principal lives in the task's arena and has
     * asked_us. */
    enum err (*authenticate)(void *arg, struct task *task, struct slice token,
                             struct principal *out);
    /* May this principal hear of this resource? Suspends. ERR_NOT_FOUND also for "may not". */
    enum err (*may_see)(void *arg, struct task *task, const struct principal *principal,
                        struct slice channel, struct slice resource_id);
    /* Where the stream's reader stands; false while it does not know yet. */
    bool (*head)(void *arg, unsigned partition, struct head *out);
};

struct realtime_limits {
    size_t queue_bytes;        /* per client, past it the channel's policy decides: 64 KiB */
    unsigned messages_per_s;   /* 20 */
    unsigned subscriptions;    /* 100 per client */
    unsigned sockets_per_user; /* 20 */
    size_t ring_events;        /* recent events kept in memory per partition: 10,000 */
};
