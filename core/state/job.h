/* job.h: units of work for the workers, durable in "{pN}:job:<id>" and handed out by claim. A job
 * waits in the queue of its lane, kind and owner; owners of a lane take turns, so one account's
 * thousand files do not stand before another's one. A lease is a fence: results commit only while
 * the job still carries it. Their deadlines are times of the Redis server. A job whose media is
 * gone is dropped at its next claim or renewal.
 *
 *   job:<id>                    the record; state: queued, leased, parked
 *   jobs:<lane>:<kind>:<owner>  list of ids
 *   ring:<lane>:<kind>          owners with a queue, scored by when they were last served (us)
 *   leases                      ids, scored by deadline (ms) */
#pragma once

#include "state/commit.h"

enum job_kind { JOB_IMAGE, JOB_VIDEO, JOB_TRANSCODE, JOB_KIND_COUNT };
enum job_lane { LANE_FRESH, LANE_ON_DEMAND, LANE_REGENERATION, LANE_COUNT };

enum { JOB_ATTEMPTS = 3, JOB_OFFER_MS = 5000, JOB_LEASE_MS = 15000 };

struct job {
    struct slice id; /* "job_" + ULID */
    unsigned partition;
    enum job_kind kind;
    enum job_lane lane;
    struct slice media_id, owner, sha256;
    uint64_t attempt;   /* 1 at the first run; counts only deaths on this very job */
    struct slice lease; /* "" while queued */
    uint64_t created_ms;
};

struct slice job_kind_name(enum job_kind kind);
bool job_kind_parse(struct slice name, enum job_kind *out);

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
/* Adds the fence and the writes with which a job is set aside as failed: it keeps its record, with
 * the reason, and stands in "{pN}:jobs_parked". */
void job_park(struct commit *commit, const struct job *job, struct slice reason);
/* Leases whose deadline has passed go back to their queues; run it now and then. */
enum err job_expire_leases(struct task *task, struct state *state);
