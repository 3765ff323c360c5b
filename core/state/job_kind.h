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
    enum job_measure measure; /* of the work, for the deadline */
    struct budget deadline;
};

const struct job_kind_row *job_kind_row(enum job_kind kind);
/* The kind that looks into a new original of this type. */
enum job_kind job_kind_for(enum media_type type);
/* How long a run may take that begins now. What only the worker can measure may take the most that
 * a job of this kind ever may, and the worker keeps to its own measure. */
uint64_t job_kind_deadline_ms(enum job_kind kind, uint64_t bytes);
/* "media_": ids of the subjects of this kind. */
struct slice job_subject_prefix(enum job_subject subject);
