/* api_key_text.h: what an API key looks like: "mvk_", two characters for the partition of its owner
 * (id.h), 35 random ones of base62 (208 bits), and six of base62 for the CRC-32 of all before them.
 * The sum tells a mistyped or invented key from one of ours without asking anybody; it proves
 * nothing. Pure, but for the randomness. */
#pragma once

#include "base/arena.h"

#define API_KEY_PREFIX "mvk_"
enum { API_KEY_CHARS = 47 };

struct slice api_key_text_new(struct arena *arena, unsigned partition);
/* Is this one, of a partition below `partitions`? */
bool api_key_text_parse(struct slice text, unsigned partitions, unsigned *partition);
