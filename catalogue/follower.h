/* follower.h: keeps a catalogue as new as the event streams are: reads them from where it stands,
 * loads the records that the events name, and writes them with the new positions in one
 * transaction. It ends at the first thing that it cannot follow. */
#pragma once

#include "base/fiber.h"
#include "base/table.h"
#include "catalogue/applied.h"
#include "catalogue/catalogue.h"
#include "state/state.h"

struct follower {
    struct state *state;
    struct applied *applied;
    struct catalogue *catalogue;
    uint64_t database;
    struct head *heads; /* [partitions]: what is in it */
    /* The follower's own: */
    bool busy, ending, over;
    struct fiber_wait ended;
    struct stream *stream;
    struct arena *arena; /* of pending ones */
    struct pending **pending;
    struct table named; /* by id */
    size_t n, room;
};

/* Suspends until the history is another one (or was trimmed), the file takes nothing more, or
 * follower_end(). The catalogue stays the caller's. */
void follower_run(struct follower *follower);
void follower_end(struct follower *follower); /* as soon as nothing is being written */
