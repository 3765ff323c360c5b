/* position.h: where a reader stands in all partitions, as one opaque text that any gateway
 * accepts. Per partition: epoch (of the history's life), offset, hash of the chain at the offset.
 * Text form: base64url of a compact binary; about 24 bytes of content at one partition. */
#pragma once

#include "base/arena.h"

struct head {
    uint64_t epoch;
    uint64_t offset;
    char hash[17]; /* 16 hex digits */
};

struct position {
    unsigned partitions;
    struct head *heads; /* [partitions] */
};

struct slice position_format(struct arena *arena, const struct position *position);
bool position_parse(struct arena *arena, struct slice text, unsigned partitions,
                    struct position *out); /* false: not one of ours, or of other partitions */
