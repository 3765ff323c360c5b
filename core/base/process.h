/* process.h: what every program of the hub does at its start and end. */
#pragma once

#include "base/config.h"

#include <uv.h>

/* Log, crypto, ignored SIGPIPE, an alternate stack so that a fault on a guard page is reported,
 * and, under a supervisor (MEDIAHUB_SUPERVISED=1), death with the parent (PR_SET_PDEATHSIG). */
void process_init(const char *name);

/* config_load() for a program without commands: prints help or the problem and exits when it must.
 */
struct config *process_config(int argc, char **argv);

/* Tells the supervisor (one byte on the descriptor in MEDIAHUB_READY_FD, then closes it). */
void process_ready(void);

/* fn runs on the loop at the first SIGTERM or SIGINT; a second signal ends the process at once. */
void process_on_stop(uv_loop_t *loop, void (*fn)(void *arg), void *arg);
/* fn runs just before the second signal ends the process. */
void process_on_second_signal(void (*fn)(void));
void process_stop_watching(void); /* closes the signal handles: the loop can end */

/* "Cannot listen on ...": one line on standard error, exit status 1. */
_Noreturn void process_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
