/* redis_value.h: a reply of Redis as a value, in memory of our own. */
#pragma once

#include "base/arena.h"

enum redis_type { REDIS_NIL, REDIS_TEXT, REDIS_NUMBER, REDIS_LIST, REDIS_FAULT };

struct redis_value {
    enum redis_type type;
    int64_t number;
    struct slice text;         /* REDIS_TEXT (bulk or status) and REDIS_FAULT's message */
    struct redis_value *items; /* REDIS_LIST */
    size_t n;
};

/* The value of a field in an HGETALL-shaped list; empty when absent. */
struct slice redis_field(const struct redis_value *list, struct slice field);
