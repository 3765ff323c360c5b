/* named.h: which files of variants some record has named: eight bytes for each, so that the
 * millions of a large hub fit in memory. Two different ones pass for one with a chance of one in
 * 2^64. */
#pragma once

#include "base/slice.h"

struct named;

struct named *named_new(void);
void named_free(struct named *named);
void named_add(struct named *named, struct slice sha256_hex, struct slice file);
bool named_has(struct named *named, struct slice sha256_hex, struct slice file);
