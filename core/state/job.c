#include "state/job.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/fault.h"
#include "base/text.h"
#include "state/id.h"
#include "state/job_kind.h"

#include <assert.h>
#include <inttypes.h>

enum { LEASE_BYTES = 12 };

/* -- In commits ------------------------------------------------------------------------------- */

static void write_by_record(struct commit *commit, const char *write, const struct job *job)
{
    commit_write(commit, slice_from(write), record_key(commit_arena(commit), job));
}

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
    write_by_record(commit, "JOB_ENTER", job);
}

void job_complete(struct commit *commit, const struct job *job)
{
    assert(job->lease.n && job->partition == commit_partition(commit));
    commit_require_field(commit, record_key(commit_arena(commit), job), SLICE("lease"), job->lease);
    write_by_record(commit, "JOB_END", job);
}

void job_end_all(struct commit *commit, struct slice subject_id)
{
    commit_write(commit, SLICE("JOBS_END"),
                 state_key(commit_arena(commit), commit_partition(commit), "jobs_about:%.*s",
                           SLICE_ARG(subject_id)));
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

void job_park(struct commit *commit, const struct job *held, struct slice code, struct slice reason,
              struct slice log)
{
    struct job parked = *held;

    parked.state = JOB_PARKED;
    parked.lease = SLICE_NONE;
    parked.deaths = held->attempt;
    parked.reason = reason;
    parked.code = code;
    parked.log = log;
    parked.parked_ms = clock_unix_ms();
    record_save(commit, held, &parked);
    write_by_record(commit, "JOB_PARK", held);
}

void job_unpark(struct commit *commit, const struct job *parked)
{
    struct job queued = *parked;

    queued.state = JOB_QUEUED;
    queued.deaths = 0;
    queued.reason = queued.code = queued.log = SLICE_NONE;
    queued.parked_ms = 0;
    queued.announced = false;
    record_save(commit, parked, &queued);
    write_by_record(commit, "JOB_ENTER", parked);
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

/* lanes, then kind, pool and bound of each kind that is wished for. */
static size_t claim_arguments(struct arena *arena, const struct job_wish *wish, struct slice *argv)
{
    size_t n = 0;

    argv[n++] = new_lease(arena);
    argv[n++] = record_number(arena, JOB_OFFER_MS);
    argv[n++] = record_number(arena, JOB_LANE_COUNT);
    for (unsigned i = 0; i < JOB_LANE_COUNT; i++)
        argv[n++] = job_lane_name((enum job_lane)i);
    for (unsigned i = 0; i < JOB_KIND_COUNT; i++) {
        const struct job_kind_row *row = job_kind_row((enum job_kind)i);

        if (!(wish->kinds & 1u << i))
            continue;
        argv[n++] = job_kind_name((enum job_kind)i);
        argv[n++] = row->pool;
        argv[n++] = wish->brief && row->yields ? record_number(arena, wish->brief_ms) : SLICE("");
    }
    return n;
}

enum err job_claim(struct task *task, struct state *state, const struct job_wish *wish,
                   struct job *out)
{
    struct slice argv[3 + JOB_LANE_COUNT + 3 * JOB_KIND_COUNT];
    unsigned first = (unsigned)random_below(state->partitions);
    size_t argc = claim_arguments(task->arena, wish, argv);

    assert(wish->kinds && wish->kinds < 1u << JOB_KIND_COUNT);
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

/* All places where the owner may wait for the same pool. */
enum err job_charge(struct task *task, struct state *state, const struct job *job, int64_t more_ms)
{
    struct slice argv[3 + JOB_LANE_COUNT * JOB_KIND_COUNT], pool = job_kind_row(job->kind)->pool;
    struct redis_value reply;
    size_t argc = 0;

    argv[argc++] = pool;
    argv[argc++] = job->owner;
    argv[argc++] = arena_printf(task->arena, "%" PRId64, more_ms);
    for (unsigned kind = 0; kind < JOB_KIND_COUNT; kind++)
        for (unsigned lane = 0;
             lane < JOB_LANE_COUNT && slice_eq(job_kind_row((enum job_kind)kind)->pool, pool);
             lane++)
            argv[argc++] = arena_printf(task->arena, "%.*s:%.*s",
                                        SLICE_ARG(job_lane_name((enum job_lane)lane)),
                                        SLICE_ARG(job_kind_name((enum job_kind)kind)));
    return job_call(task, state, "job_charge", job->partition, argv, argc, &reply);
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

enum err job_adopt(struct task *task, struct state *state, bool *all)
{
    *all = true;
    for (unsigned i = 0; i < state->partitions; i++) {
        struct redis_value reply;
        enum err err = job_call(task, state, "job_adopt", i, NULL, 0, &reply);

        if (err != OK)
            return err;
        *all = *all && reply.number == 1;
    }
    return OK;
}
