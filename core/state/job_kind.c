#include "state/job_kind.h"

#include "state/record_shape.h"

#include <assert.h>

/* Frames a second of a clip that nobody has counted yet. */
enum { USUAL_RATE = 30, MS_PER_S = 1000 };

static const struct job_kind_row rows[] = {
#define JOB_KIND(name, NAME, subject, media, runner, lane, outputs, result, next, loss, yields,    \
                 measure, cost, deadline)                                                          \
    [JOB_##NAME] = {subject, media, lane,    next, loss, yields, SLICE_INIT(#runner),              \
                    measure, cost,  deadline},
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

/* Pixels of all frames, as far as a record tells; what is not known is nothing. */
static uint64_t pixels_of(const struct media *media)
{
    uint64_t frames = media->duration_ms / MS_PER_S * USUAL_RATE + 1, pixels, all;

    if (__builtin_mul_overflow(media->width, media->height, &pixels) ||
        __builtin_mul_overflow(pixels, frames, &all))
        return UINT64_MAX;
    return all;
}

uint64_t job_kind_cost_ms(enum job_kind kind, const struct media *media)
{
    const struct job_kind_row *row = job_kind_row(kind);

    return budget_ms(&row->cost, row->measure == MEASURE_BYTES ? media->size : pixels_of(media));
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

static const struct slice statuses[JOB_STATE_COUNT] = {
    [JOB_QUEUED] = SLICE_INIT("queued"),
    [JOB_LEASED] = SLICE_INIT("running"),
    [JOB_PARKED] = SLICE_INIT("parked"),
};

struct slice job_status_name(enum job_state state)
{
    return record_enum_name(statuses, JOB_STATE_COUNT, state);
}

bool job_status_parse(struct slice name, enum job_state *out)
{
    unsigned value;

    if (!record_enum_parse(statuses, JOB_STATE_COUNT, name, &value))
        return false;
    *out = (enum job_state)value;
    return true;
}
