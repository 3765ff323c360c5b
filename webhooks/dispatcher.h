/* dispatcher.h: turns events into deliveries and delivers them, in every partition, until told to
 * stop. All that must survive is in Redis: a dispatcher that dies loses nothing, what it had in
 * flight is sent again; several may run side by side; while Redis is away everything waits. */
#pragma once

#include "state/delivery.h"
#include "state/target.h"

struct dispatcher;

struct dispatcher_settings {
    struct state *state;                /* after state_wait() */
    const struct target_policy *policy; /* borrowed for life */
    struct delivery_bounds bounds;
    uint64_t grace_ms; /* see dispatcher_stop() */
};

/* on_stopped runs once, after dispatcher_stop(), when nothing of it is running any more: free it
 * there. */
struct dispatcher *dispatcher_start(const struct dispatcher_settings *settings,
                                    void (*on_stopped)(void *arg), void *arg);
void dispatcher_free(struct dispatcher *dispatcher);

/* Claims nothing more; what is in flight has grace_ms to end, then it is given back. All is over
 * within DISPATCHER_FLUSH_MS more; what could not be recorded by then comes back as its leases
 * expire. */
enum { DISPATCHER_FLUSH_MS = 1000 };
void dispatcher_stop(struct dispatcher *dispatcher);

/* Is the accept cursor of every partition known? */
bool dispatcher_ready(const struct dispatcher *dispatcher);
