/* worker.h: asks gateways for jobs and does them, one at a time. A `ready` waits at every gateway
 * while there is nothing to do; as soon as one answers with a job the others are taken back. */
#pragma once

#include "base/slice.h"

struct worker;

/* urls: of the gateways' job servers, separated by commas; kinds: names of wire.yaml, likewise.
 * NULL with a line in *problem (mem_free).
 */
struct worker *worker_start(struct slice urls, struct slice store_folder, struct slice kinds,
                            char **problem);

/* Gives the job under way back, kills the children, and calls on_end(arg) when nothing is left. The
 * worker is freed. */
void worker_stop(struct worker *worker, void (*on_end)(void *arg), void *arg);
