#include "state/record.h"

#include <string.h>

enum { UNIT_SEPARATOR = 0x1f };

struct slice record_number(struct arena *arena, uint64_t number)
{
    return arena_printf(arena, "%llu", (unsigned long long)number);
}

struct slice record_flag(bool flag)
{
    return flag ? SLICE("1") : SLICE("0");
}

uint64_t record_get_number(const struct redis_value *fields, struct slice field)
{
    uint64_t number;

    return slice_to_u64(redis_field(fields, field), &number) ? number : 0;
}

bool record_get_flag(const struct redis_value *fields, struct slice field)
{
    return slice_eq(redis_field(fields, field), SLICE("1"));
}

struct slice record_join(struct arena *arena, const struct slice *texts, size_t n)
{
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += texts[i].n + 1;
    if (!bytes)
        return SLICE_NONE;
    char *joined = arena_alloc(arena, bytes), *at = joined;
    for (size_t i = 0; i < n; i++) {
        if (i)
            *at++ = UNIT_SEPARATOR;
        if (texts[i].n)
            memcpy(at, texts[i].p, texts[i].n);
        at += texts[i].n;
    }
    return (struct slice){joined, bytes - 1};
}

struct slice *record_split(struct arena *arena, struct slice joined, size_t *n)
{
    struct slice rest = joined.n ? joined : SLICE_NONE, one;
    size_t count = 0;

    while (slice_split(rest, UNIT_SEPARATOR, &one, &rest))
        count++;
    struct slice *texts = ARENA_ARRAY(arena, struct slice, count);
    rest = joined.n ? joined : SLICE_NONE;
    for (size_t i = 0; i < count; i++)
        slice_split(rest, UNIT_SEPARATOR, &texts[i], &rest);
    *n = count;
    return texts;
}
