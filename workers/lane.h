/* lane.h: the memory that the workers of a host have together, in shares. What needs little takes
 * its share at once where there is one; what needs more waits until it has gathered enough, while
 * nobody new goes past it; and of pictures that need very much one is decoded at a time.
 * The shares are locks on the bytes of a file in the data folder, so that a process that dies gives
 * its own back, and nobody has to count. */
#pragma once

#include "base/task.h"

#include <stdbool.h>

struct lane;

enum lane_kind {
    LANE_PICTURE,
    LANE_TRANSCODE, /* lasts, so that nobody waits behind it while it waits */
};

/* What every decoding has. */
static const uint64_t LANE_LEAST_BYTES = 256ULL << 20;

/* bytes: of all workers; 0: half of the machine's. folder: of the data; where no file can be made
 * in it, the bytes are this worker's alone. */
struct lane *lane_open(struct slice folder, uint64_t bytes);
void lane_close(struct lane *lane);

/* The most that one can have. */
uint64_t lane_most_bytes(const struct lane *lane);

/* Suspends until they are free; false: not within patience_ms, or *cancelled. One at a time;
 * lane_leave() gives them back. */
bool lane_enter(struct lane *lane, enum lane_kind kind, uint64_t bytes, const bool *cancelled,
                uint64_t patience_ms);
void lane_leave(struct lane *lane);
