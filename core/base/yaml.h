/* yaml.h: one YAML document as a tree of jansson's, for files that people write. By libyaml.
 *
 * Plain scalars are what YAML 1.2's core schema says (null, true, 12, 0x1f, 1.5), everything quoted
 * is text. Keys are texts as they are written. Refused, because a file is either understood or not
 * used at all: duplicate keys, keys that are no scalars or have an anchor, merge keys (<<), tags
 * other than the core schema's, numbers that JSON or 64 bits cannot hold, NUL, a second document,
 * and a text without any.
 *
 * An alias stands for the same value, not for a copy, so a tree is for reading. It counts as often
 * as it is used: for nodes, for bytes of texts (together at most as many as a text may have) and
 * for depth, and is refused inside of what it names. */
#pragma once

#include "base/json.h"

enum {
    YAML_MAX_BYTES = 256 << 10,
    YAML_MAX_DEPTH = JSON_MAX_DEPTH,
    YAML_MAX_NODES = 10000,
    YAML_MAX_ANCHORS = 64,
};

/* The tree is released with the arena. NULL: *problem is one line for people, "line 3, column 5:
 * ...". */
json_t *yaml_parse(struct arena *arena, struct slice text, struct slice *problem);
