#include "catalogue/list.h"

#include "base/text.h"

#include <inttypes.h>

static const struct sort_row sorts[SORT_COUNT] = {
#define IS_TEXT_TEXT true
#define IS_TEXT_NUMBER false
#define IS_TEXT_INTEGER false
#define ORDER(name, NAME, type, value) [SORT_##NAME] = {#name, IS_TEXT_##type},
#define SORT(name, NAME, type, value) [SORT_##NAME] = {#name, IS_TEXT_##type},
#include "catalogue.def"
};

const struct sort_row *sort_row(enum catalogue_sort sort)
{
    return &sorts[sort];
}

/* -- Cursors ---------------------------------------------------------------------------------- */

struct slice list_cursor_format(struct arena *arena, const struct list_filter *filter,
                                const struct list_cursor *cursor)
{
    const struct sort_row *sort = sort_row(filter->sort);
    struct slice key = sort->text ? cursor->text : arena_printf(arena, "%" PRId64, cursor->number);
    struct slice rest =
        arena_printf(arena, "%s %d %" PRId64 " %.*s %.*s", sort->column, filter->ascending,
                     cursor->created_ms, SLICE_ARG(cursor->id), SLICE_ARG(key));

    return text_base64url(
        arena, arena_printf(arena, "%" PRIu32 " %.*s", text_crc32(rest), SLICE_ARG(rest)));
}

static bool parse_checked(struct slice rest, const struct list_filter *filter,
                          struct list_cursor *out)
{
    const struct sort_row *sort = sort_row(filter->sort);
    struct slice column, ascending, created;

    if (!slice_split(rest, ' ', &column, &rest) || !slice_eq(column, slice_from(sort->column)) ||
        !slice_split(rest, ' ', &ascending, &rest) ||
        !slice_eq(ascending, filter->ascending ? SLICE("1") : SLICE("0")) ||
        !slice_split(rest, ' ', &created, &rest) || !slice_to_i64(created, &out->created_ms) ||
        !slice_split(rest, ' ', &out->id, &rest))
        return false;
    if (!sort->text)
        return slice_to_i64(rest, &out->number);
    out->text = rest;
    return rest.p != NULL;
}

bool list_cursor_parse(struct arena *arena, struct slice text, const struct list_filter *filter,
                       struct list_cursor *out)
{
    struct slice rest, check;
    uint64_t sum;

    *out = (struct list_cursor){.set = true};
    return text_unbase64url(arena, text, &rest) && slice_split(rest, ' ', &check, &rest) &&
           slice_to_u64(check, &sum) && sum == text_crc32(rest) && parse_checked(rest, filter, out);
}
