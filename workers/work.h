/* work.h: does one job on this machine: opens its files, has them decoded or transcoded, keeps what
 * came out. Knows the store and the children; must not know who gave the job or hears the result.
 */
#pragma once

#include "base/task.h"
#include "store/store.h"
#include "wire/wire.h"
#include "workers/decoders.h"
#include "workers/lane.h"

struct work {
    const struct wire_job *job;
    struct store *store;
    struct decoders *decoders;
    struct lane *lane;
    const struct reader_user *user;
    bool sandbox_off; /* transcodes also where the kernel has no Landlock */
    bool cancelled;   /* set by who no longer wants it, see work_cancel() */
    bool paused;      /* set by who has something more urgent to do; of a conversion alone */
    bool decoding;    /* a decoder is at this work */
    /* Called once, when no decoder is needed any more and a conversion begins; or NULL. */
    void (*on_converting)(struct work *work);
    unsigned percent;
    /* The outcome, in the task's arena: */
    struct wire_results results;
    const struct wire_output *written; /* those of the job's that hold something ... */
    size_t written_count;
    struct wire_made *made; /* ... and are in the store */
    size_t made_count;
    enum wire_reason reason;
    struct slice message, log;
    bool retryable, counts; /* see wire.yaml, failed */
};

/* True: the outputs are in the store, durably, and results says what was made. */
bool work_run(struct task *task, struct work *work);
void work_cancel(struct work *work);
