#include "gateway/http/range.h"

/* Digits, however many: what does not fit is past the end of anything. */
static bool parse_position(struct slice text, uint64_t *out)
{
    if (text.n == 0)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
    if (!slice_to_u64(text, out))
        *out = UINT64_MAX;
    return true;
}

static enum range_kind resolve_suffix(struct slice count, uint64_t size, struct range *out)
{
    uint64_t n;

    if (!parse_position(count, &n))
        return RANGE_WHOLE;
    if (n == 0 || size == 0)
        return RANGE_UNSATISFIABLE;
    out->length = n < size ? n : size;
    out->offset = size - out->length;
    return RANGE_PART;
}

enum range_kind range_resolve(struct slice header, uint64_t size, struct range *out)
{
    struct slice unit, set, first_text, last_text;
    uint64_t first, last = UINT64_MAX;
    size_t dash;

    *out = (struct range){0, size};
    if (!slice_split(header, '=', &unit, &set) || !set.p || !slice_eq_nocase(unit, SLICE("bytes")))
        return RANGE_WHOLE;
    set = slice_trim(set);
    if (!slice_find(set, '-', &dash))
        return RANGE_WHOLE;
    first_text = (struct slice){set.p, dash};
    last_text = slice_from_offset(set, dash + 1);
    if (first_text.n == 0)
        return resolve_suffix(last_text, size, out);
    if (!parse_position(first_text, &first) || (last_text.n && !parse_position(last_text, &last)) ||
        last < first)
        return RANGE_WHOLE;
    if (first >= size)
        return RANGE_UNSATISFIABLE;
    out->offset = first;
    out->length = (last < size - 1 ? last : size - 1) - first + 1;
    return RANGE_PART;
}

bool range_condition_holds(struct slice if_range, struct slice etag, struct slice modified)
{
    if (if_range.n == 0)
        return true;
    if (if_range.p[0] == '"')
        return slice_eq(if_range, etag);
    return modified.n > 0 && slice_eq(if_range, modified);
}
