#include "catalogue/selection.h"

enum { FILTERS_MAX = 4 };

/* -- What is wanted ---------------------------------------------------------------------------- */

/* False: a fault. *number 0: nobody has this name. */
static bool find_owner(struct sql *sql, struct slice name, int64_t *number)
{
    bool failed = false;
    sqlite3_stmt *statement = sql_bind(sql, "SELECT number FROM owner WHERE name = ?", "s", name);

    *number = 0;
    if (!statement)
        return false;
    if (sql_step(sql, statement, &failed))
        *number = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return !failed;
}

static void want_term(struct selection *s, struct slice term)
{
    struct posting_range *range = ARENA_NEW(s->arena, struct posting_range);

    range->from = term;
    s->wants[s->want_n++] = (struct term_want){range, 1};
}

/* False: it cannot be met, as words without a letter cannot. */
static bool read_filter(struct selection *s)
{
    const struct list_filter *filter = s->filter;
    struct term_want *asked = NULL;
    size_t n = 0;

    if (filter->text.n)
        terms_asked(s->arena, s->words, filter->text, &asked, &n);
    s->wants = ARENA_ARRAY(s->arena, struct term_want, n + FILTERS_MAX);
    if (filter->tag.n)
        want_term(s, term_filter(s->arena, "tags", filter->tag));
    if (filter->collection.n)
        want_term(s, term_filter(s->arena, "collections", filter->collection));
    if (filter->by_type)
        want_term(s, term_filter_number(s->arena, "type", filter->type));
    for (size_t i = 0; i < n; i++)
        s->wants[s->want_n++] = asked[i];
    if (filter->by_taken)
        s->wants[s->want_n++] =
            terms_span(s->arena, "taken_ms", filter->taken_from, filter->taken_before, s->edges);
    return n > 0 || !filter->text.n;
}

static bool meet(struct selection *s, uint32_t chunk, const struct term_want *want,
                 roaring_bitmap_t *rows)
{
    roaring_bitmap_t *set = roaring_bitmap_create();
    bool fine = true;

    for (size_t i = 0; i < want->n && fine; i++)
        fine = posting_read(s->sql, chunk, &want->ranges[i], set);
    roaring_bitmap_and_inplace(rows, set);
    roaring_bitmap_free(set);
    return fine;
}

bool selection_number(struct selection *s, const char *column, uint32_t row, int64_t *out)
{
    bool failed = false;
    sqlite3_stmt *statement =
        sql_bind(s->sql, arena_printf(s->arena, "SELECT %s FROM media WHERE row = ?", column).p,
                 "i", (int64_t)row);

    if (!statement || !sql_step(s->sql, statement, &failed))
        return false;
    *out = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return true;
}

uint32_t *selection_members(struct selection *s, const roaring_bitmap_t *rows, size_t *n)
{
    *n = (size_t)roaring_bitmap_get_cardinality(rows);
    uint32_t *out = ARENA_ARRAY(s->arena, uint32_t, *n + 1);

    roaring_bitmap_to_uint32_array(rows, out);
    return out;
}

/* Those of the span's first and last day that are outside of it go. */
static bool trim_edge(struct selection *s, uint32_t chunk, struct slice day, roaring_bitmap_t *rows)
{
    const struct list_filter *filter = s->filter;
    const struct posting_range range = {.from = day};
    roaring_bitmap_t *edge = roaring_bitmap_create();
    bool fine = posting_read(s->sql, chunk, &range, edge);
    size_t n;

    roaring_bitmap_and_inplace(edge, rows);
    uint32_t *row = selection_members(s, edge, &n);
    roaring_bitmap_free(edge);
    for (size_t i = 0; i < n && fine; i++) {
        int64_t taken_ms;

        fine = selection_number(s, "taken_ms", row[i], &taken_ms);
        if (fine && (taken_ms < filter->taken_from || taken_ms >= filter->taken_before))
            roaring_bitmap_remove(rows, row[i]);
    }
    return fine;
}

static bool gather_chunk(struct selection *s, uint32_t chunk)
{
    roaring_bitmap_t *rows = roaring_bitmap_create();
    bool fine = posting_read(s->sql, chunk, &s->scope, rows);

    s->scope_n += roaring_bitmap_get_cardinality(rows);
    for (size_t i = 0; i < s->want_n && fine && !roaring_bitmap_is_empty(rows); i++)
        fine = meet(s, chunk, &s->wants[i], rows);
    for (size_t i = 0; i < 2 && fine && s->edges[i].n && !roaring_bitmap_is_empty(rows); i++)
        fine = trim_edge(s, chunk, s->edges[i], rows);
    roaring_bitmap_or_inplace(s->rows, rows);
    roaring_bitmap_free(rows);
    return fine;
}

static bool gather_late(struct selection *s, uint32_t chunk)
{
    const struct posting_range late = {.from = s->owner ? TERM_LATE : TERM_LATE_ALL};

    return posting_read(s->sql, chunk, &late, s->late);
}

static bool gather(struct selection *s)
{
    const struct list_filter *filter = s->filter;
    bool failed = false,
         by_creation = filter->sort == SORT_CREATED_MS || filter->by_created || filter->after.set;
    sqlite3_stmt *statement = sql_prepare(s->sql, "SELECT coalesce(max(row) + 1, 0) FROM media");

    if (!statement || !sql_step(s->sql, statement, &failed))
        return false;
    s->row_end = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    for (uint32_t chunk = 0; (uint64_t)chunk << POSTING_CHUNK_BITS < s->row_end; chunk++)
        if (!gather_chunk(s, chunk) || (by_creation && !gather_late(s, chunk)))
            return false;
    return true;
}

/* -- By creation ------------------------------------------------------------------------------ */

/* Rows that are not late are in the order of creation; the late ones come in between. */

bool selection_beyond(struct selection *s, int64_t created_ms, int64_t row, bool ascending,
                      uint32_t *out, bool *found)
{
    const char *way = ascending ? "ASC" : "DESC";
    struct slice text = arena_printf(
        s->arena,
        "SELECT row FROM media INDEXED BY %s WHERE %s AND (created_ms, row) %s (?2, ?3)"
        " ORDER BY created_ms %s, row %s",
        s->owner ? "media_by_created_ms" : "media_of_all_by_created_ms",
        s->owner ? "owner = ?1" : "?1 IS NOT NULL", ascending ? ">" : "<", way, way);
    bool failed = false;
    sqlite3_stmt *statement = sql_bind(s->sql, text.p, "iii", s->owner, created_ms, row);

    *found = false;
    if (!statement)
        return false;
    while (!*found && sql_step(s->sql, statement, &failed)) {
        *out = (uint32_t)sqlite3_column_int64(statement, 0);
        *found = !roaring_bitmap_contains(s->late, *out);
    }
    sqlite3_reset(statement);
    return !failed;
}

bool selection_late(struct selection *s, struct key **out, size_t *n)
{
    roaring_bitmap_t *late = roaring_bitmap_and(s->rows, s->late);
    uint32_t *row = selection_members(s, late, n);
    bool fine = true;

    roaring_bitmap_free(late);
    *out = ARENA_ARRAY(s->arena, struct key, *n + 1);
    for (size_t i = 0; i < *n && fine; i++) {
        (*out)[i].row = row[i];
        fine = selection_number(s, "created_ms", row[i], &(*out)[i].number);
    }
    return fine;
}

/* Leaves those that were made from <= t < before. */
static bool narrow_to_created(struct selection *s)
{
    const struct list_filter *filter = s->filter;
    uint32_t first = 0, end = 0;
    bool any, more;
    struct key *late;
    size_t n;

    if (!selection_late(s, &late, &n) ||
        !selection_beyond(s, filter->created_from, -1, true, &first, &any) ||
        !selection_beyond(s, filter->created_before, -1, true, &end, &more))
        return false;
    roaring_bitmap_t *kept = any ? roaring_bitmap_from_range(first, more ? end : s->row_end, 1)
                                 : roaring_bitmap_create();
    if (!kept) /* of an empty range */
        kept = roaring_bitmap_create();
    roaring_bitmap_andnot_inplace(kept, s->late);
    for (size_t i = 0; i < n; i++)
        if (late[i].number >= filter->created_from && late[i].number < filter->created_before)
            roaring_bitmap_add(kept, (uint32_t)late[i].row);
    roaring_bitmap_and_inplace(s->rows, kept);
    roaring_bitmap_free(kept);
    return true;
}

/* -- All of it -------------------------------------------------------------------------------- */

bool selection_gather(struct selection *s)
{
    const struct list_filter *filter = s->filter;

    if (filter->owner.n && !find_owner(s->sql, filter->owner, &s->owner))
        return false;
    if (filter->owner.n && !s->owner)
        return true;
    s->scope.from = s->owner ? term_scope(s->arena, s->owner) : TERM_ALL;
    if (!read_filter(s))
        return true;
    return gather(s) && (!filter->by_created || narrow_to_created(s));
}
