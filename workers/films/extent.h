/* extent.h: how long a clip really is, and how many frames it has. What the headers promise is
 * believed only of files that are whole; of the others the packets tell. */
#pragma once

#include "films/container.h"

struct extent {
    uint64_t duration_ms; /* 0: unknown */
    uint64_t frames;      /* of the video; 0: not counted, or there is none */
    bool cut;             /* the file ends before it should */
};

/* With `count` the frames are counted too, for which most kinds of files are read to their end.
 * The container is as after container_open(). False after decoding_fail(). */
bool extent_measure(struct decoding *decoding, struct container *container, bool count,
                    struct extent *out);

/* What is missing, for people; empty: nothing. */
struct slice extent_damage(struct arena *arena, const struct extent *extent);
