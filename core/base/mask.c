#include "base/mask.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 64 };

void mask_init(struct mask *mask, struct arena *arena)
{
    *mask = (struct mask){.arena = arena};
}

static void grow(struct mask *mask)
{
    size_t room = mask->room ? mask->room * 2 : FIRST_ROOM;
    struct mask_range *ranges = ARENA_ARRAY(mask->arena, struct mask_range, room);

    if (mask->n)
        memcpy(ranges, mask->ranges, mask->n * sizeof *ranges);
    mask->ranges = ranges;
    mask->room = room;
}

void mask_add(struct mask *mask, uint64_t offset, uint64_t length, unsigned char fill)
{
    if (length == 0 || mask->overflow)
        return;
    if (mask->n == MASK_MAX_RANGES) {
        mask->overflow = true;
        return;
    }
    if (mask->n == mask->room)
        grow(mask);
    mask->ranges[mask->n++] = (struct mask_range){offset, length, fill};
}

void mask_put(struct mask *mask, uint64_t offset, struct slice bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        mask_add(mask, offset + i, 1, (unsigned char)bytes.p[i]);
}

/* Of the same array, so that the address tells who was added first. */
static int by_offset(const void *left, const void *right)
{
    const struct mask_range *const *a = left, *const *b = right;

    if ((*a)->offset != (*b)->offset)
        return (*a)->offset < (*b)->offset ? -1 : 1;
    return *a < *b ? -1 : *a > *b;
}

static struct mask_range **sorted(const struct mask *mask)
{
    struct mask_range **order = ARENA_ARRAY(mask->arena, struct mask_range *, mask->n);

    for (size_t i = 0; i < mask->n; i++)
        order[i] = &mask->ranges[i];
    qsort(order, mask->n, sizeof(struct mask_range *), by_offset);
    return order;
}

void mask_finish(struct mask *mask)
{
    if (mask->n == 0)
        return;
    struct mask_range **order = sorted(mask);
    struct mask_range *kept = ARENA_ARRAY(mask->arena, struct mask_range, mask->n);
    uint64_t end = 0;
    size_t n = 0;

    for (size_t i = 0; i < mask->n; i++) {
        struct mask_range range = *order[i];
        uint64_t cut = end > range.offset ? end - range.offset : 0;

        if (cut >= range.length)
            continue;
        range.offset += cut;
        range.length -= cut;
        end = range.offset + range.length;
        kept[n++] = range;
    }
    mask->ranges = kept;
    mask->n = mask->room = n;
}

static void put_number(char *out, uint64_t number)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (char)(number >> (8 * i) & 0xff);
}

static uint64_t get_number(const char *in)
{
    uint64_t number = 0;

    for (unsigned i = 8; i-- > 0;)
        number = number << 8 | (unsigned char)in[i];
    return number;
}

bool mask_format(const struct mask *mask, struct buf *out)
{
    buf_add(out, SLICE(MASK_HEAD));
    for (size_t i = 0; i < mask->n; i++) {
        char bytes[MASK_RANGE_BYTES];

        put_number(bytes, mask->ranges[i].offset);
        put_number(bytes + 8, mask->ranges[i].length);
        bytes[16] = (char)mask->ranges[i].fill;
        buf_add(out, (struct slice){bytes, sizeof bytes});
    }
    return !out->overflow;
}

bool mask_parse(struct arena *arena, struct slice file, struct mask *out)
{
    uint64_t end = 0;

    mask_init(out, arena);
    if (!slice_starts_with(file, SLICE(MASK_HEAD)))
        return false;
    file = slice_from_offset(file, sizeof MASK_HEAD - 1);
    if (file.n % MASK_RANGE_BYTES != 0 || file.n / MASK_RANGE_BYTES > MASK_MAX_RANGES)
        return false;
    out->n = out->room = file.n / MASK_RANGE_BYTES;
    out->ranges = ARENA_ARRAY(arena, struct mask_range, out->n + 1);
    for (size_t i = 0; i < out->n; i++, file = slice_from_offset(file, MASK_RANGE_BYTES)) {
        struct mask_range range = {get_number(file.p), get_number(file.p + 8),
                                   (unsigned char)file.p[16]};

        if (range.offset < end || range.length == 0 || range.length > UINT64_MAX - range.offset)
            return false;
        end = range.offset + range.length;
        out->ranges[i] = range;
    }
    return true;
}

/* The first range that ends behind `offset`. */
static size_t find(const struct mask *mask, uint64_t offset)
{
    size_t low = 0, high = mask->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (mask->ranges[middle].offset + mask->ranges[middle].length > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void mask_apply(const struct mask *mask, uint64_t offset, char *bytes, size_t n)
{
    for (size_t i = find(mask, offset); i < mask->n && mask->ranges[i].offset < offset + n; i++) {
        const struct mask_range *range = &mask->ranges[i];
        uint64_t from = range->offset > offset ? range->offset - offset : 0;
        uint64_t to = range->offset + range->length - offset;

        memset(bytes + from, range->fill, (size_t)((to < n ? to : n) - from));
    }
}
