/* loop.h: the process's one event loop and what comes home to it from other threads. */
#pragma once

#include "base/slice.h"

#include <uv.h>

/* Sets up the default loop: signals that would kill us are ignored (SIGPIPE), the timer wheel and
 * the fibers are started. Call once, before anything else of the base. */
uv_loop_t *loop_init(size_t max_fibers);
uv_loop_t *loop_get(void);

/* Stops wheel and fibers, closes the handle of loop_post() and runs the loop until it is empty.
 * Everything else must have been closed; returns false, and tells the log of which type, when some
 * handle was left open. */
bool loop_fini(void);

/* Any thread: runs fn(arg) on the loop thread, in order of posting. */
void loop_post(void (*fn)(void *arg), void *arg);
