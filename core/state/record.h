/* record.h: fields of a record as Redis keeps them: everything is text. For the modules of this
 * folder. `fields` is the answer to HGETALL. */
#pragma once

#include "base/arena.h"
#include "state/redis.h"

struct slice record_number(struct arena *arena, uint64_t number);
struct slice record_flag(bool flag); /* "1" or "0" */

uint64_t record_get_number(const struct redis_value *fields, struct slice field); /* absent: 0 */
bool record_get_flag(const struct redis_value *fields, struct slice field);

/* Several texts in one, between unit separators, which must not stand in them. */
struct slice record_join(struct arena *arena, const struct slice *texts, size_t n);
struct slice *record_split(struct arena *arena, struct slice joined, size_t *n);
