/* job_kind.h: what holds for every job of a kind, from schemas/jobs.yaml. Who does its work and
 * what becomes of it stand where that is done: they take their columns of jobs.def themselves. */
#pragma once

#include "base/budget.h"
#include "records.h"

enum job_loss { LOSS_MEDIA, LOSS_RENDITION };
enum job_measure { MEASURE_BYTES, MEASURE_PIXELS };

struct job_kind_row {
    enum job_subject subject;
    unsigned media; /* types that it is for: 1 << MEDIA_* */
    enum job_lane lane;
    unsigned next; /* JOB_* of what may follow; JOB_KIND_COUNT: nothing */
    enum job_loss loss;
    bool yields;       /* to a much shorter one of its kind */
    struct slice pool; /* whose work it is: the runner's name */
    enum job_measure measure;
    struct budget cost, deadline;
};

const struct job_kind_row *job_kind_row(enum job_kind kind);
/* The kind that looks into a new original of this type. */
enum job_kind job_kind_for(enum media_type type);
/* What a job for this media is thought to take. */
uint64_t job_kind_cost_ms(enum job_kind kind, const struct media *media);
/* How long a run may take that begins now. What only the worker can measure may take the most that
 * a job of this kind ever may, and the worker keeps to its own measure. */
uint64_t job_kind_deadline_ms(enum job_kind kind, uint64_t bytes);
/* "queued", "running" or "parked": as people are told. */
struct slice job_status_name(enum job_state state);
bool job_status_parse(struct slice name, enum job_state *out);
/* "media_": ids of the subjects of this kind. */
struct slice job_subject_prefix(enum job_subject subject);
