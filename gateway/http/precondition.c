#include "gateway/http/precondition.h"

#include "base/clock.h"

/* The next element of a list of entity tags: *text is it with its quotes, or whatever else stood
 * there. A comma may stand inside the quotes. */
static bool next_tag(struct slice *list, struct slice *text, bool *weak)
{
    bool quoted = false;
    size_t n = 0;

    *list = slice_trim(*list);
    while (list->n && list->p[0] == ',')
        *list = slice_trim(slice_from_offset(*list, 1));
    if (list->n == 0)
        return false;
    while (n < list->n && (quoted || list->p[n] != ','))
        quoted ^= list->p[n++] == '"';
    *text = slice_trim((struct slice){list->p, n});
    *list = slice_from_offset(*list, n);
    *weak = slice_starts_with(*text, SLICE("W/"));
    if (*weak)
        *text = slice_from_offset(*text, 2);
    return true;
}

static bool same_state(struct slice tag, const struct validators *now)
{
    size_t n = now->state_n;

    return slice_eq(tag, now->etag) ||
           (n && tag.n >= n && now->etag.n >= n &&
            slice_eq((struct slice){tag.p, n}, (struct slice){now->etag.p, n}));
}

/* Whatever there is; only alone. */
static bool is_any(struct slice list)
{
    return slice_eq(slice_trim(list), SLICE("*"));
}

/* Strong comparison: what is weak never matches. */
static bool matches(struct slice list, const struct validators *now)
{
    struct slice tag;
    bool weak;

    if (is_any(list))
        return true;
    while (next_tag(&list, &tag, &weak))
        if (!weak && now->etag.n && same_state(tag, now))
            return true;
    return false;
}

/* Weak comparison. */
static bool is_listed(struct slice list, struct slice etag)
{
    struct slice tag;
    bool weak;

    if (is_any(list))
        return true;
    while (next_tag(&list, &tag, &weak))
        if (etag.n && slice_eq(tag, etag))
            return true;
    return false;
}

/* The field says nothing where it is no date, or the resource has none: *modified is false then. */
static bool reads_date(struct slice field, const struct validators *now, bool *modified)
{
    uint64_t date_ms;

    *modified = false;
    if (!field.p || !now->modified_ms || !clock_parse_http_date(field, &date_ms))
        return false;
    *modified = now->modified_ms / 1000 > date_ms / 1000; /* a date has no milliseconds */
    return true;
}

enum precondition_verdict precondition_judge(const struct preconditions *given,
                                             const struct validators *now)
{
    bool modified;

    if (given->if_match.p) {
        if (!matches(given->if_match, now))
            return PRECONDITION_FAILED;
    } else if (reads_date(given->if_unmodified_since, now, &modified) && modified) {
        return PRECONDITION_FAILED;
    }
    if (given->if_none_match.p) {
        if (is_listed(given->if_none_match, now->etag))
            return given->reads ? PRECONDITION_NOT_MODIFIED : PRECONDITION_FAILED;
    } else if (given->reads && reads_date(given->if_modified_since, now, &modified) && !modified) {
        return PRECONDITION_NOT_MODIFIED;
    }
    return PRECONDITION_HOLDS;
}
