/* shape.h: how the codec sees a message: rows of fields with their bounds, generated from
 * schemas/wire.yaml. For wire.c and the generated tables only. */
#pragma once

#include "wire_messages.h"

enum wire_field_type {
    WIRE_TOKEN,
    WIRE_TEXT,
    WIRE_NUMBER,
    WIRE_INTEGER,
    WIRE_REAL,
    WIRE_FLAG,
    WIRE_ENUM,
    WIRE_SET,
    WIRE_STRUCT,
    WIRE_LIST,
};

struct wire_field {
    struct slice name;
    enum wire_field_type type;
    bool optional;
    size_t offset; /* in the C struct; of the has_ and _count members likewise */
    size_t has_offset;
    size_t count_offset;
    uint64_t min, max;
    int64_t int_min, int_max;
    double real_min, real_max;
    const struct slice *names; /* of an enum */
    size_t names_n;
    const struct wire_shape *shape;
};

struct wire_shape {
    struct slice name;
    size_t size;
    const struct wire_field *fields;
    size_t n;
};

extern const struct wire_shape *const wire_shapes[WIRE_TYPE_COUNT];
