/* job_results.h: what a job is told to make, and what its outcome means for the media. Between the
 * wire's messages and the records; must not know sockets. All changes go under the fence of the
 * job's lease: ERR_CONFLICT means that it was lost and nothing was changed. */
#pragma once

#include "state/job.h"
#include "wire/wire.h"

/* The message for a claimed job: outputs, limits, deadline. ERR_NOT_FOUND: its media is gone. */
enum err job_describe(struct task *task, struct state *state, const struct job *job,
                      struct wire_job *out);

enum err job_succeeded(struct task *task, struct state *state, const struct job *job,
                       const struct wire_results *results);

/* The job goes back to its queue where another try may help, else the media has failed. */
enum err job_failed(struct task *task, struct state *state, const struct job *job,
                    const struct wire_failed *failure);
