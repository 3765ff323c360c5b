/* transcode.h: one run of ffmpeg, by a fresh mediahub-decode that sandboxes itself and becomes it.
 * Watched by the progress it reports: a run that hangs is killed long before its deadline. */
#pragma once

#include "base/task.h"
#include "workers/reader.h"
#include "workers/recipe.h"

struct transcode {
    int input, output;                 /* descriptors, borrowed */
    const struct reader_user *user;    /* whom ffmpeg runs as */
    struct recipe recipe;              /* how it is made */
    uint64_t deadline_ms;              /* how long it may take at most */
    uint64_t memory_bytes;             /* likewise */
    const bool *cancelled, *paused;    /* read now and then; a pause does not count as time */
    unsigned *percent;                 /* of the whole job, written while it runs: this run leads */
    unsigned percent_from, percent_to; /* from the one to just before the other */
};

enum transcode_end {
    TRANSCODE_DONE,
    TRANSCODE_REFUSED, /* ffmpeg says no */
    TRANSCODE_CRASHED,
    TRANSCODE_STALLED, /* or past its deadline */
    TRANSCODE_OUT_OF_MEMORY,
    TRANSCODE_CANCELLED,
    TRANSCODE_UNAVAILABLE,
};

/* *words: ffmpeg's last ones (tail.h), which may be none. Suspends. */
enum transcode_end transcode_run(struct task *task, const struct transcode *transcode,
                                 struct slice *words);

/* What ffmpeg's -progress output has told so far. */
struct transcode_progress {
    uint64_t duration_ms; /* of the original; 0: unknown */
    unsigned percent;     /* 0 to 99 */
    uint64_t frames;      /* of the rendition */
};
void transcode_note_progress(struct transcode_progress *progress, struct slice line);
