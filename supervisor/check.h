/* check.h: does the store hold what the records promise, unharmed, and nothing else? Reads every
 * blob, so it takes as long as the disk does. A finding is a line on standard output:
 *   missing blob SHA256 ID               a media item or a backup version without its content
 *   flipped blob SHA256                  the content is no longer what its name says
 *   orphaned blob SHA256                 no record refers to it; the collector's work
 *   orphaned variants SHA256             of a blob that is gone
 *   missing variant SHA256/FILE MEDIA    a record promises it
 *   broken variant SHA256/FILE MEDIA     it is not what the record says of it
 *   orphaned variant SHA256/FILE         no record of that original names it (any more)
 *   wrong usage USER: ...                what an account's quota counts is not what is there
 * Works beside a running hub, and while uploads come in. */
#pragma once

#include "state/state.h"
#include "store/store.h"

struct check {
    struct state *state;
    struct store *store;
    /* Counts usage anew, makes missing and broken variants anew, by jobs, and removes orphaned
     * ones. */
    bool repair;
    uint64_t started_ms; /* Unix; check_run() sets it, and what follows */
    struct named *named; /* files of variants */
    uint64_t media, backups, blobs, findings, queued; /* counted */
};

/* Anything but OK: it could not be finished. */
enum err check_run(struct task *task, struct check *check);
