/* job_outcome.h: what a job means for its media: what a worker is told to make, and what becomes of
 * the record when it is done or has failed. Knows records and events; must not know nng. All
 * functions suspend; ERR_CONFLICT from any of them: the lease is no longer valid, nothing was
 * changed. */
#pragma once

#include "state/job.h"
#include "wire/wire.h"

struct gateway;

/* A lease as the worker carries it: an opaque token that holds all a gateway must know of the job,
 * so that a result survives the gateway that gave the job away. */
struct slice job_token(struct arena *arena, const struct job *job);
bool job_token_parse(struct slice token, unsigned partitions, struct job *out);

/* ERR_NOT_FOUND: the media is gone, the job is over. */
enum err job_describe(struct task *task, struct gateway *gateway, const struct job *job,
                      struct wire_job *out);

enum err job_done(struct task *task, struct gateway *gateway, const struct job *job,
                  const struct wire_done *done);

/* Gives the job back for another try, or, if there is none left or none would help, marks what it
 * was for as failed. */
enum err job_failed(struct task *task, struct gateway *gateway, const struct job *job,
                    const struct wire_failed *failed);
