/* state.h: a process's connections to the two Redis servers and what it must know of them.
 * `durable` holds what a 2xx promises; `fleeting` holds what may be lost (rate windows, presence,
 * progress, last use). `streams` carries only blocking reads. All may be one server. */
#pragma once

#include "state/redis.h"

struct state {
    struct redis *durable, *fleeting, *streams;
    unsigned partitions; /* fixed at creation of the data */
};

/* Opens the connections; the first moment when state_ready() holds has loaded our functions. */
struct state *state_open(struct slice durable_url, struct slice fleeting_url);
void state_close(struct state *state);
bool state_ready(const struct state *state);

/* Suspends until state_ready(), at most limit_ms; ERR_STATE_UNAVAILABLE past it. Reads or, in an
 * empty store, fixes `partitions` ("hub:partitions"). */
enum err state_wait(struct task *task, struct state *state, unsigned partitions_if_new,
                    uint64_t limit_ms);

/* FCALL on the durable server of a function in core/state/functions.lua. */
enum err state_fcall(struct task *task, struct state *state, struct slice function,
                     struct slice key, const struct slice *argv, size_t argc,
                     struct redis_value *out);

/* "{pN}:" and the rest; the one place that spells keys' partitions. */
struct slice state_key(struct arena *arena, unsigned partition, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
