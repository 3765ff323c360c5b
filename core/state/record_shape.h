/* record_shape.h: how record.c sees a record: rows of fields, generated from schemas/records.yaml.
 * For record.c and the generated tables only. */
#pragma once

#include "base/arena.h"

#include <stddef.h>

enum record_type {
    RECORD_TEXT,
    RECORD_SECRET,
    RECORD_NUMBER,
    RECORD_INTEGER,
    RECORD_FLAG,
    RECORD_ENUM,
    RECORD_LIST,
    RECORD_MAP,
};

struct record_field {
    struct slice name; /* in the hash */
    enum record_type type;
    bool stored; /* in the hash */
    bool in_key; /* known before the record is loaded */
    size_t offset, count_offset;
    uint64_t max;
    struct slice prefix;       /* of a map's names */
    const struct slice *names; /* of an enum */
    size_t names_n;
};

struct record_shape {
    struct slice name;
    size_t size;
    const struct record_field *fields;
    size_t n;
    struct slice (*key)(struct arena *arena, const void *record);
    size_t partition_offset, rev_offset;
    struct slice id_prefix; /* empty: the caller knows the partition */
    size_t id_offset;
};

struct slice record_enum_name(const struct slice *names, size_t n, unsigned value);
bool record_enum_parse(const struct slice *names, size_t n, struct slice name, unsigned *out);
