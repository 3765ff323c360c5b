/* window.h: fixed-window counters on the volatile server, exact over all gateways:
 * "rate:<policy>:<partition key>:<window number>", INCR + EXPIRE NX, no script. */
#pragma once

#include "state/state.h"

struct window {
    uint64_t limit; /* 0: counts, never refuses */
    uint64_t used;
    uint64_t seconds; /* its length */
    uint64_t reset_s; /* Unix seconds at which the window ends */
};

uint64_t window_left(const struct window *window);
uint64_t window_seconds_to_reset(const struct window *window,
                                 uint64_t now_ms); /* 0: it has ended */

struct redis_call *window_send(struct state *state, struct arena *arena, struct slice policy,
                               struct slice key, uint64_t seconds, uint64_t now_ms);
/* Asks without counting. */
struct redis_call *window_look(struct state *state, struct arena *arena, struct slice policy,
                               struct slice key, uint64_t seconds, uint64_t now_ms);
/* Of either. Waits WINDOW_WAIT_MS at most. ERR_STATE_UNAVAILABLE: nobody has counted; *out is then
 * an empty window, for callers that rather let pass than refuse. */
enum { WINDOW_WAIT_MS = 500 };
enum err window_take(struct task *task, struct redis_call *call, uint64_t limit, uint64_t seconds,
                     uint64_t now_ms, struct window *out);
void window_give_back(struct state *state, struct arena *arena, struct slice policy,
                      struct slice key, uint64_t seconds, uint64_t now_ms); /* un-awaited DECR */
