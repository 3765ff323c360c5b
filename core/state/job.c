#include "state/job.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/fault.h"
#include "base/text.h"
#include "state/id.h"

#include <assert.h>

enum { LEASE_BYTES = 12, US_PER_MS = 1000 };

static struct slice place_key(struct arena *arena, const struct job *job, const char *what,
                              struct slice owner)
{
    return state_key(arena, job->partition, "%s:%.*s:%.*s%s%.*s", what,
                     SLICE_ARG(job_lane_name(job->lane)), SLICE_ARG(job_kind_name(job->kind)),
                     owner.n ? ":" : "", SLICE_ARG(owner));
}

/* -- In commits ------------------------------------------------------------------------------- */

void job_enqueue(struct commit *commit, struct job *job)
{
    struct arena *arena = commit_arena(commit);

    assert(job->owner.n && job->subject_id.n);
    job->partition = commit_partition(commit);
    job->id = id_new(arena, SLICE("job_"), job->partition);
    job->created_ms = clock_unix_ms();
    job->attempt = 1;
    job->lease = SLICE_NONE;
    job->state = JOB_QUEUED;
    record_create(commit, job);
    commit_write(commit, SLICE("RPUSH"), place_key(arena, job, "jobs", job->owner), job->id);
    commit_write(commit, SLICE("ZADDNX"), place_key(arena, job, "ring", SLICE_NONE),
                 record_number(arena, job->created_ms * US_PER_MS), job->owner);
}

static void require_lease(struct commit *commit, const struct job *job)
{
    assert(job->lease.n && job->partition == commit_partition(commit));
    commit_require_field(commit, record_key(commit_arena(commit), job), SLICE("lease"), job->lease);
}

static void end_lease(struct commit *commit, const struct job *job)
{
    commit_write(commit, SLICE("ZREM"), state_key(commit_arena(commit), job->partition, "leases"),
                 job->id);
}

void job_complete(struct commit *commit, const struct job *job)
{
    require_lease(commit, job);
    commit_write(commit, SLICE("DEL"), record_key(commit_arena(commit), job));
    end_lease(commit, job);
}

enum err job_load_held(struct task *task, struct state *state, const struct job *job,
                       struct job *out)
{
    *out = (struct job){.id = job->id};
    enum err err = record_load(task, state, out);

    if (err == ERR_NOT_FOUND || (err == OK && !slice_eq(out->lease, job->lease)))
        return ERR_CONFLICT;
    out->attempt = out->deaths + 1;
    return err;
}

void job_park(struct commit *commit, const struct job *held, struct slice reason)
{
    struct arena *arena = commit_arena(commit);
    struct job parked = *held;

    parked.state = JOB_PARKED;
    parked.lease = SLICE_NONE;
    parked.deaths = held->attempt;
    parked.reason = reason;
    record_save(commit, held, &parked);
    commit_write(commit, SLICE("ZADD"), state_key(arena, held->partition, "jobs_parked"),
                 record_number(arena, clock_unix_ms()), held->id);
    end_lease(commit, held);
}

/* -- By functions ----------------------------------------------------------------------------- */

static enum err job_call(struct task *task, struct state *state, const char *function,
                         unsigned partition, const struct slice *argv, size_t argc,
                         struct redis_value *out)
{
    return state_fcall(task, state, slice_from(function), state_key(task->arena, partition, "head"),
                       argv, argc, out);
}

static struct slice new_lease(struct arena *arena)
{
    char random[LEASE_BYTES];

    random_bytes(random, sizeof random);
    return text_base64url(arena, (struct slice){random, sizeof random});
}

enum err job_claim(struct task *task, struct state *state, unsigned kinds, struct job *out)
{
    struct slice argv[2 + JOB_KIND_COUNT];
    unsigned first = (unsigned)random_below(state->partitions);
    size_t argc = 0;

    assert(kinds && kinds < 1u << JOB_KIND_COUNT);
    argv[argc++] = new_lease(task->arena);
    argv[argc++] = record_number(task->arena, JOB_OFFER_MS);
    for (unsigned i = 0; i < JOB_KIND_COUNT; i++)
        if (kinds & 1u << i)
            argv[argc++] = job_kind_name((enum job_kind)i);
    for (unsigned i = 0; i < state->partitions; i++) {
        unsigned partition = (first + i) % state->partitions;
        struct redis_value fields;

        FAULT_POINT(JOB_BEFORE_CLAIM);
        enum err err = job_call(task, state, "job_claim", partition, argv, argc, &fields);
        if (err == OK && fields.n)
            FAULT_POINT(JOB_AFTER_CLAIM);
        if (err != OK)
            return err;
        if (!fields.n)
            continue;
        *out = (struct job){.partition = partition};
        err = record_read(task->arena, &fields, out);
        out->attempt = out->deaths + 1;
        return err;
    }
    return ERR_NOT_FOUND;
}

enum err job_renew(struct task *task, struct state *state, const struct job *job)
{
    struct redis_value reply;
    enum err err = job_call(
        task, state, "job_renew", job->partition,
        REDIS_ARGV(job->id, job->lease, record_number(task->arena, JOB_LEASE_MS)), 3, &reply);

    return err == OK && reply.number != 1 ? ERR_CONFLICT : err;
}

enum err job_release(struct task *task, struct state *state, const struct job *job, bool counts,
                     struct slice reason)
{
    struct redis_value reply;
    enum err err =
        job_call(task, state, "job_release", job->partition,
                 REDIS_ARGV(job->id, job->lease,
                            record_number(task->arena, counts ? JOB_ATTEMPTS : 0), reason),
                 4, &reply);

    if (err == OK && reply.number == 2)
        return ERR_UNPROCESSABLE;
    return err == OK && reply.number != 1 ? ERR_CONFLICT : err;
}

enum err job_expire_leases(struct task *task, struct state *state)
{
    for (unsigned i = 0; i < state->partitions; i++) {
        struct redis_value reply;
        enum err err = job_call(task, state, "job_expire", i, NULL, 0, &reply);

        if (err != OK)
            return err;
    }
    return OK;
}
