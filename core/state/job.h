/* job.h: units of work for the workers, durable as `job` in schemas/records.yaml and handed out by
 * claim. A job waits in the queue of its lane, kind and owner; owners of a lane take turns, so one
 * account's thousand files do not stand before another's one. A lease is a fence: results commit
 * only while the job still carries it. Their deadlines are times of the Redis server. A job whose
 * subject (a record: its kind and id) is gone is dropped at its next claim or renewal.
 *
 *   jobs:<lane>:<kind>:<owner>  list of ids
 *   ring:<lane>:<kind>          owners with a queue, scored by when they were last served (us)
 *   leases                      ids, scored by deadline (ms) */
#pragma once

#include "records.h"

enum { JOB_ATTEMPTS = 3, JOB_OFFER_MS = 5000, JOB_LEASE_MS = 15000 };

/* Adds a new job's writes to a commit; fills in id and created_ms. */
void job_enqueue(struct commit *commit, struct job *job);
/* Adds the writes and the fence with which a job ends. */
void job_complete(struct commit *commit, const struct job *job);

/* Takes the next job of these kinds (bits 1 << JOB_*), in any partition, for JOB_OFFER_MS.
 * ERR_NOT_FOUND: none waits. */
enum err job_claim(struct task *task, struct state *state, unsigned kinds, struct job *out);
/* Prolongs the lease by JOB_LEASE_MS from now; ERR_CONFLICT: it is lost, stop. */
enum err job_renew(struct task *task, struct state *state, const struct job *job);
/* Gives the job back to the head of its queue; ERR_CONFLICT: the lease was lost anyway. counts: a
 * death or timeout of the decoder on this very job; at the JOB_ATTEMPTS-th of those nothing is done
 * and ERR_UNPROCESSABLE tells: media_park() then ends it. */
enum err job_release(struct task *task, struct state *state, const struct job *job, bool counts,
                     struct slice reason);
/* The record of a job that is still leased to `job`, with its rev; ERR_CONFLICT: it is not. */
enum err job_load_held(struct task *task, struct state *state, const struct job *job,
                       struct job *out);
/* Adds the writes with which a job of job_load_held() is set aside as failed: it keeps its record,
 * with the reason, and stands in "{pN}:jobs_parked". */
void job_park(struct commit *commit, const struct job *held, struct slice reason);
/* Leases whose deadline has passed go back to their queues; run it now and then. */
enum err job_expire_leases(struct task *task, struct state *state);
