/* worker.h: asks gateways for jobs and does them, one at a time, and beside it one long conversion.
 * A `ready` waits at every gateway while there is nothing to do; as soon as one answers with a job
 * the others are taken back. Who converts goes on asking, for thumbnails and for much shorter
 * conversions: those the long one lets pass, as long as it has half of the time. */
#pragma once

#include "base/slice.h"

struct worker;

struct worker_settings {
    struct slice urls;     /* of the gateways' job servers, separated by commas */
    struct slice store;    /* its folder */
    struct slice kinds;    /* names of wire.yaml, separated by commas */
    struct slice data;     /* folder, in which the workers of a host share their memory */
    uint64_t memory_bytes; /* of them all; 0: half of the machine's */
    struct slice user;     /* whom strangers' files are read as, if we are root (reader.h) */
    bool sandbox_off;      /* transcodes also where the kernel has no Landlock */
};

/* NULL with a line in *problem (mem_free). */
struct worker *worker_start(const struct worker_settings *settings, char **problem);

/* Gives the job under way back, kills the children, and calls on_end(arg) when nothing is left. The
 * worker is freed. */
void worker_stop(struct worker *worker, void (*on_end)(void *arg), void *arg);
