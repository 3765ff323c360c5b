/* builder.h: a catalogue anew, out of all records there are. */
#pragma once

#include "base/err.h"
#include "base/task.h"
#include "catalogue/applied.h"
#include "state/state.h"

struct build {
    struct state *state;
    struct applied *applied; /* hears how far it is */
    struct slice folder;
    const bool *stopping; /* ends it: ERR_DRAINING */
    uint64_t database;    /* the new one's number, by builder_run() */
    struct head *heads;   /* [partitions], likewise */
};

/* Stands beside the old one until it is whole. Waits for the state server as long as it takes;
 * ERR_STORAGE_FULL: the folder takes nothing. Suspends. */
enum err builder_run(struct task *task, struct build *build);
