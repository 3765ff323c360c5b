/* transcode.h: one run of ffmpeg, by a fresh mediahub-decode that sandboxes itself and becomes it.
 * Watched by the progress it reports: a run that hangs is killed long before its deadline. */
#pragma once

#include "base/task.h"
#include "wire/wire.h"

struct transcode {
    int input, output;                 /* descriptors, borrowed */
    uint64_t pixels;                   /* of the shorter side */
    uint64_t duration_ms;              /* of the original, for the percentage; 0: unknown */
    uint64_t deadline_ms;              /* how long it may take at most */
    const bool *cancelled;             /* read now and then */
    unsigned *percent;                 /* of the whole job, written while it runs: this run leads */
    unsigned percent_from, percent_to; /* from the one to just before the other */
};

enum transcode_end {
    TRANSCODE_DONE,
    TRANSCODE_REFUSED, /* ffmpeg says no; *message is its last line */
    TRANSCODE_CRASHED,
    TRANSCODE_STALLED, /* or past its deadline */
    TRANSCODE_OUT_OF_MEMORY,
    TRANSCODE_CANCELLED,
    TRANSCODE_UNAVAILABLE,
};

enum transcode_end transcode_run(struct task *task, const struct transcode *transcode,
                                 struct slice *message);

/* What a line of ffmpeg's -progress output tells: 0 to 99 of an original of this length; false: the
 * line is about something else. */
bool transcode_progress(struct slice line, uint64_t duration_ms, unsigned *percent);
