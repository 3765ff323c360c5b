/* job.h: units of work for the workers, durable as `job` in schemas/records.yaml and handed out by
 * claim. A job waits in the queue of its lane, kind and owner, short ones first; whose turn it is
 * goes by the time that the jobs of each take (jobs.lua), so neither one account's thousand files
 * nor its one long film stand before another's short ones. A lease is a fence: results commit only
 * while the job still carries it. Their deadlines are times of the Redis server. A job whose
 * subject (a record: its kind and id) is gone is dropped with it, or at its next claim or renewal.
 *
 *   queue:<lane>:<kind>:<owner>  ids, scored by when they came and what they cost (ms)
 *   turn:<lane>:<kind>           owners with a queue, scored by when their next job would end in
 *                                virtual time (ms); 0: to be judged
 *   late:<lane>:<kind>           ids, scored by when they have waited too long
 *   since:<lane>:<kind>          owner -> the earliest start of that job
 *   clock:<pool>, used:<pool>    virtual time, and owners who have used more than that
 *   spared:<pool>                the last turn was a late one's
 *   leases                       ids, scored by deadline (ms)
 *   jobs_all, jobs_of:<owner>    all ids, scored by creation (ms)
 *   jobs_parked, ..:<owner>      those that are parked, scored by when
 *   jobs_about:<subject id>      ids */
#pragma once

#include "records.h"

enum { JOB_ATTEMPTS = 3, JOB_OFFER_MS = 5000, JOB_LEASE_MS = 15000 };

/* Adds a new job's writes to a commit; fills in id and created_ms. */
void job_enqueue(struct commit *commit, struct job *job);
/* Adds the writes and the fence with which a job ends. */
void job_complete(struct commit *commit, const struct job *job);
/* Adds the writes with which all jobs about a subject end, in whatever state they are. */
void job_end_all(struct commit *commit, struct slice subject_id);

/* What somebody takes: kinds as bits 1 << JOB_*; of those that yield, only what costs no more than
 * brief_ms. */
struct job_wish {
    unsigned kinds;
    bool brief;
    uint64_t brief_ms;
};
/* Takes the next job, in any partition, for JOB_OFFER_MS. ERR_NOT_FOUND: none waits. */
enum err job_claim(struct task *task, struct state *state, const struct job_wish *wish,
                   struct job *out);
/* Prolongs the lease by JOB_LEASE_MS from now; ERR_CONFLICT: it is lost, stop. */
enum err job_renew(struct task *task, struct state *state, const struct job *job);
/* Gives the job back to its place in the queue; ERR_CONFLICT: the lease was lost anyway. counts: a
 * death or timeout of the decoder on this very job; at the JOB_ATTEMPTS-th of those nothing is done
 * and ERR_UNPROCESSABLE tells: media_park() then ends it. */
enum err job_release(struct task *task, struct state *state, const struct job *job, bool counts,
                     struct slice reason);
/* A run is over that took more than the job was thought to (below zero: less): its owner is charged
 * with that too. */
enum err job_charge(struct task *task, struct state *state, const struct job *job, int64_t more_ms);
/* The record of a job that is still leased to `job`, with its rev; ERR_CONFLICT: it is not. */
enum err job_load_held(struct task *task, struct state *state, const struct job *job,
                       struct job *out);
/* Adds the writes with which a job of job_load_held() is set aside as failed: it keeps its record,
 * with the word and the reason and the end of the log, until it is retried or its subject goes. */
void job_park(struct commit *commit, const struct job *held, struct slice code, struct slice reason,
              struct slice log);
/* Adds the writes with which a parked job is queued again, as if it had never been tried. */
void job_unpark(struct commit *commit, const struct job *parked);
/* Leases whose deadline has passed go back to their queues; run it now and then. */
enum err job_expire_leases(struct task *task, struct state *state);
/* Takes over what an older version has queued and parked, some at a time: *all is set with the
 * last. */
enum err job_adopt(struct task *task, struct state *state, bool *all);
