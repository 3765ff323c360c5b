/* timer.h: all deadlines of a process on one hierarchical timer wheel with one uv timer behind it,
 * so arming and disarming are O(1) whatever the number of connections. Resolution 10 ms; a timer
 * never fires early. Embedded in its owner; zero-initialised means "not armed". */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct timer;
typedef void timer_fn(struct timer *timer);

struct timer {
    struct timer *next, **prev_next; /* armed: linked in a slot of the wheel */
    uint64_t due_ms;                 /* clock_ms() */
    timer_fn *fn;
};

void timer_wheel_init(uv_loop_t *loop);
void timer_wheel_fini(void); /* armed timers are forgotten */

void timer_start(struct timer *timer, uint64_t delay_ms, timer_fn *fn); /* re-arms if armed */
void timer_stop(struct timer *timer);                                   /* harmless if not armed */
bool timer_armed(const struct timer *timer);
