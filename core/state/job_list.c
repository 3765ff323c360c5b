#include "state/job_list.h"

#include "state/id.h"
#include "state/record.h"

#include <assert.h>
#include <stdlib.h>

enum { CHUNK = 500 };

struct selection {
    struct task *task;
    struct state *state;
    const struct job_filter *filter;
    unsigned first_partition, partitions; /* where to look */
    struct job *jobs;
    size_t n, room;
};

/* Those parked have an index of their own, and those at work are few, whoever they belong to. */
static struct slice index_key(const struct selection *selection, unsigned partition)
{
    const struct job_filter *filter = selection->filter;
    bool parked = filter->by_state && filter->state == JOB_PARKED;
    struct arena *arena = selection->task->arena;

    if (filter->by_state && filter->state == JOB_LEASED)
        return state_key(arena, partition, "leases");
    if (filter->owner.n)
        return state_key(arena, partition, "%s:%.*s", parked ? "jobs_parked" : "jobs_of",
                         SLICE_ARG(filter->owner));
    return state_key(arena, partition, parked ? "jobs_parked" : "jobs_all");
}

/* Whose records tell the state have to be looked at. */
static bool is_range(const struct selection *selection)
{
    const struct job_filter *filter = selection->filter;

    return selection->partitions == 1 && (!filter->by_state || filter->state == JOB_PARKED);
}

static enum err count(const struct selection *selection, uint64_t *total)
{
    struct redis_value reply;
    enum err err = state_command(selection->task, selection->state->durable, &reply, SLICE("ZCARD"),
                                 index_key(selection, selection->first_partition));

    *total = err == OK ? (uint64_t)reply.number : 0;
    return err;
}

/* Appends places [from, to) of a partition's index, the newest first. */
static enum err gather(struct selection *selection, unsigned partition, uint64_t from, uint64_t to)
{
    struct arena *arena = selection->task->arena;

    while (from < to && selection->n < selection->room) {
        uint64_t until = to - from > CHUNK ? from + CHUNK : to;
        struct redis_value reply;
        enum err err = state_command(selection->task, selection->state->durable, &reply,
                                     SLICE("ZREVRANGE"), index_key(selection, partition),
                                     record_number(arena, from), record_number(arena, until - 1));

        if (err != OK)
            return err;
        for (size_t i = 0; i < reply.n && selection->n < selection->room; i++)
            selection->jobs[selection->n++] =
                (struct job){.partition = partition, .id = reply.items[i].text};
        if (reply.n < until - from)
            break;
        from = until;
    }
    return OK;
}

static enum err load(struct selection *selection)
{
    return record_load_many(selection->task, selection->state, selection->jobs, &selection->n);
}

static bool matches(const struct job_filter *filter, const struct job *job)
{
    return (!filter->by_state || job->state == filter->state) &&
           (!filter->owner.n || slice_eq(job->owner, filter->owner));
}

static int compare(const void *left, const void *right)
{
    const struct job *a = left, *b = right;

    if (a->created_ms != b->created_ms)
        return a->created_ms < b->created_ms ? 1 : -1;
    return slice_compare(b->id, a->id);
}

/* All that the indexes have, up to a bound, and of those what is asked for. */
static enum err scan(struct selection *selection)
{
    const struct job_filter *filter = selection->filter;
    size_t kept = 0;
    enum err err = OK;

    for (unsigned i = 0; i < selection->partitions && err == OK; i++)
        err = gather(selection, selection->first_partition + i, 0, JOB_SCAN_MAX);
    if (err == OK)
        err = load(selection);
    for (size_t i = 0; i < selection->n && err == OK; i++)
        if (matches(filter, &selection->jobs[i]))
            selection->jobs[kept++] = selection->jobs[i];
    selection->n = kept;
    if (kept)
        qsort(selection->jobs, kept, sizeof *selection->jobs, compare);
    return err;
}

static void cut(struct selection *selection)
{
    uint64_t skip = selection->filter->skip, limit = selection->filter->limit;
    size_t from = skip < selection->n ? (size_t)skip : selection->n;

    selection->jobs += from;
    selection->n -= from;
    if (selection->n > limit)
        selection->n = (size_t)limit;
}

static enum err list_range(struct selection *selection, uint64_t *total)
{
    uint64_t skip = selection->filter->skip;
    enum err err = count(selection, total);

    if (err == OK && skip < *total)
        err = gather(selection, selection->first_partition, skip, skip + selection->filter->limit);
    return err == OK ? load(selection) : err;
}

static enum err list_scan(struct selection *selection, uint64_t *total)
{
    enum err err = scan(selection);

    *total = selection->n;
    cut(selection);
    return err;
}

enum err job_list(struct task *task, struct state *state, const struct job_filter *filter,
                  struct job **out, size_t *n, uint64_t *total)
{
    struct selection selection = {
        .task = task, .state = state, .filter = filter, .partitions = state->partitions};

    assert(filter->limit <= JOB_PAGE_MAX);
    *n = 0;
    *total = 0;
    if (filter->owner.n) {
        if (!id_parse(filter->owner, SLICE("user_"), state->partitions, &selection.first_partition))
            return OK;
        selection.partitions = 1;
    }
    bool range = is_range(&selection);
    selection.room = range ? filter->limit : JOB_SCAN_MAX * (size_t)selection.partitions;
    selection.jobs = ARENA_ARRAY(task->arena, struct job, selection.room);
    enum err err = range ? list_range(&selection, total) : list_scan(&selection, total);
    *out = selection.jobs;
    *n = selection.n;
    return err;
}
