#include "state/job_kind.h"

#include "state/record_shape.h"

#include <assert.h>

static const struct job_kind_row rows[] = {
#define JOB_KIND(name, NAME, subject, media, runner, lane, outputs, result, next, loss, measure,   \
                 start_ms, per_s, most_ms)                                                         \
    [JOB_##NAME] = {subject, media, lane, next, loss, measure, {start_ms, per_s, most_ms}},
#include "jobs.def"
#undef JOB_KIND
};

static const struct record_shape *const subjects[] = {
#define JOB_SUBJECT(name, NAME) [SUBJECT_##NAME] = &name##_shape,
#include "jobs.def"
#undef JOB_SUBJECT
};

const struct job_kind_row *job_kind_row(enum job_kind kind)
{
    assert((unsigned)kind < JOB_KIND_COUNT);
    return &rows[kind];
}

enum job_kind job_kind_for(enum media_type type)
{
    unsigned kind = 0;

    while (kind < JOB_KIND_COUNT && !(rows[kind].media & 1u << type))
        kind++;
    assert(kind < JOB_KIND_COUNT); /* nothing looks into documents */
    return (enum job_kind)kind;
}

uint64_t job_kind_deadline_ms(enum job_kind kind, uint64_t bytes)
{
    const struct job_kind_row *row = job_kind_row(kind);

    return row->measure == MEASURE_BYTES ? budget_ms(&row->deadline, bytes) : row->deadline.most_ms;
}

struct slice job_subject_prefix(enum job_subject subject)
{
    assert((unsigned)subject < JOB_SUBJECT_COUNT);
    return subjects[subject]->id_prefix;
}
