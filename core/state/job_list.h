/* job_list.h: which jobs there are: pages of them by owner and state. Reads the indexes of job.h.
 */
#pragma once

#include "state/job.h"

enum { JOB_PAGE_MAX = 100, JOB_SCAN_MAX = 2000 };

struct job_filter {
    struct slice owner; /* empty: everybody's */
    bool by_state;
    enum job_state state;
    uint64_t skip, limit; /* limit <= JOB_PAGE_MAX */
};
/* A page of them, newest first. Of those queued alone, only what is among the newest JOB_SCAN_MAX
 * of a partition is found and counted; without an owner, with several partitions, that holds for
 * all. */
enum err job_list(struct task *task, struct state *state, const struct job_filter *filter,
                  struct job **out, size_t *n, uint64_t *total);
