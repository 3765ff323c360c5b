#include "catalogue/page.h"

#include <stdlib.h>

enum {
    /* What a row costs when it is fetched to be sorted, and when it is passed in its order. */
    FETCH_COST = 10,
    STEP_COST = 1,
};

/* -- Orders ----------------------------------------------------------------------------------- */

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    int order = (x->number > y->number) - (x->number < y->number);

    if (order == 0)
        order = slice_compare(x->text, y->text);
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

static int compare_keys_down(const void *a, const void *b)
{
    return compare_keys(b, a);
}

/* Drops what is not beyond the cursor, and puts the rest in order. */
static size_t arrange(const struct selection *s, struct key *keys, size_t n)
{
    const struct list_filter *filter = s->filter;
    const struct key after = {
        .row = s->after_row, .number = filter->after.number, .text = filter->after.text};
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        int order = filter->after.set ? compare_keys(&keys[i], &after) : filter->ascending ? 1 : -1;

        if (filter->ascending ? order > 0 : order < 0)
            keys[kept++] = keys[i];
    }
    if (kept)
        qsort(keys, kept, sizeof *keys, filter->ascending ? compare_keys : compare_keys_down);
    return kept;
}

/* Two orders that become one. */
struct merge {
    struct selection *s;
    roaring_bitmap_t *steady; /* not late */
    uint64_t next, left;      /* of them: the rank of the next one, and how many come */
    struct key *late;
    size_t late_next, late_n;
};

/* Where the rows that are not late begin. */
static bool begin_steady(struct merge *merge)
{
    struct selection *s = merge->s;
    const struct list_filter *filter = s->filter;
    uint64_t all = roaring_bitmap_get_cardinality(merge->steady), before = 0;
    uint32_t row;
    bool found;

    if (filter->after.set) {
        if (!selection_beyond(s, filter->after.number, s->after_row, filter->ascending, &row,
                              &found))
            return false;
        before = !found              ? all
                 : filter->ascending ? (row ? roaring_bitmap_rank(merge->steady, row - 1) : 0)
                                     : all - roaring_bitmap_rank(merge->steady, row);
    } else if (merge->late_n == 0) {
        before = filter->skip < all ? filter->skip : all;
    }
    merge->left = all - before;
    merge->next = filter->ascending ? before : all - 1 - before;
    return true;
}

static void take_steady(struct merge *merge)
{
    merge->left--;
    merge->next += merge->s->filter->ascending ? 1 : UINT64_MAX;
}

/* False: a fault. *any: there is one more. */
static bool merge_next(struct merge *merge, uint32_t *row, bool *any)
{
    struct selection *s = merge->s;
    bool has_late = merge->late_next < merge->late_n;
    uint32_t steady = 0;

    *any = merge->left > 0 || has_late;
    if (merge->left > 0)
        roaring_bitmap_select(merge->steady, (uint32_t)merge->next, &steady);
    if (has_late && merge->left > 0) {
        struct key key = {.row = steady};

        if (!selection_number(s, "created_ms", steady, &key.number))
            return false;
        int order = compare_keys(&key, &merge->late[merge->late_next]);
        has_late = s->filter->ascending ? order > 0 : order < 0;
    }
    if (has_late) {
        *row = (uint32_t)merge->late[merge->late_next++].row;
    } else if (merge->left > 0) {
        *row = steady;
        take_steady(merge);
    }
    return true;
}

/* One that is gone: what was made after it is behind its place. */
static bool find_place(struct selection *s)
{
    const struct list_filter *filter = s->filter;
    bool failed = false, found;
    uint32_t row;
    sqlite3_stmt *statement =
        sql_bind(s->sql, "SELECT row FROM media WHERE id = ?", "s", filter->after.id);

    if (!statement)
        return false;
    if (sql_step(s->sql, statement, &failed)) {
        s->after_row = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
        return true;
    }
    sqlite3_reset(statement);
    if (failed || !selection_beyond(s, filter->after.created_ms, INT64_MAX, true, &row, &found))
        return false;
    s->after_row = (found ? (int64_t)row : (int64_t)UINT32_MAX) - filter->ascending;
    return true;
}

/* -- A page ----------------------------------------------------------------------------------- */

static struct slice id_column(struct selection *s, sqlite3_stmt *statement, int column)
{
    return arena_dup(s->arena, sql_text(statement, column));
}

static const char *const key_columns = "row, id, created_ms";

/* Those, and what is sorted by. */
static void read_key(struct selection *s, sqlite3_stmt *statement, struct key *out)
{
    *out = (struct key){.row = sqlite3_column_int64(statement, 0),
                        .id = id_column(s, statement, 1),
                        .created_ms = sqlite3_column_int64(statement, 2)};
    if (sort_row(s->filter->sort)->text)
        out->text = id_column(s, statement, 3);
    else
        out->number = sqlite3_column_int64(statement, 3);
}

static bool load_key(struct selection *s, uint32_t row, struct key *out)
{
    bool failed = false;
    struct slice text = arena_printf(s->arena, "SELECT %s, %s FROM media WHERE row = ?",
                                     key_columns, sort_row(s->filter->sort)->column);
    sqlite3_stmt *statement = sql_bind(s->sql, text.p, "i", (int64_t)row);

    if (!statement || !sql_step(s->sql, statement, &failed))
        return false;
    read_key(s, statement, out);
    sqlite3_reset(statement);
    return true;
}

/* Whether there is room on the page; the one behind it only says that there is a next page. */
static bool put_on_page(struct selection *s, struct list_page *out, const struct key *key)
{
    if (out->n == s->filter->limit) {
        out->next.set = true;
        return false;
    }
    out->ids[out->n++] = key->id;
    out->next = (struct list_cursor){false, key->id, key->created_ms, key->number, key->text};
    return true;
}

static bool merge_page(struct merge *merge, struct list_page *out)
{
    struct selection *s = merge->s;
    uint64_t skip = s->filter->after.set || merge->late_n == 0 ? 0 : s->filter->skip;
    bool any = true;
    struct key key;
    uint32_t row;

    for (; skip > 0 && any; skip--)
        if (!merge_next(merge, &row, &any))
            return false;
    for (;;) {
        if (!merge_next(merge, &row, &any))
            return false;
        if (!any)
            return true;
        if (!load_key(s, row, &key))
            return false;
        if (!put_on_page(s, out, &key))
            return true;
    }
}

static bool page_by_creation(struct selection *s, struct list_page *out)
{
    struct merge merge = {.s = s, .steady = roaring_bitmap_andnot(s->rows, s->late)};
    bool fine = selection_late(s, &merge.late, &merge.late_n);

    merge.late_n = arrange(s, merge.late, merge.late_n);
    fine = fine && begin_steady(&merge) && merge_page(&merge, out);
    roaring_bitmap_free(merge.steady);
    return fine;
}

/* All that is meant is fetched and sorted. */
static bool page_by_sorting(struct selection *s, struct list_page *out)
{
    uint64_t skip = s->filter->after.set ? 0 : s->filter->skip;
    size_t n;
    uint32_t *row = selection_members(s, s->rows, &n);
    struct key *keys = ARENA_ARRAY(s->arena, struct key, n + 1);

    for (size_t i = 0; i < n; i++)
        if (!load_key(s, row[i], &keys[i]))
            return false;
    n = arrange(s, keys, n);
    for (size_t i = skip < n ? (size_t)skip : n; i < n; i++)
        if (!put_on_page(s, out, &keys[i]))
            break;
    return true;
}

static sqlite3_stmt *walk(struct selection *s, int64_t offset)
{
    const struct list_filter *filter = s->filter;
    const char *column = sort_row(filter->sort)->column, *way = filter->ascending ? "ASC" : "DESC";
    struct slice index =
        s->owner ? arena_printf(s->arena, "INDEXED BY media_by_%s", column) : SLICE("NOT INDEXED");
    struct slice beyond = SLICE("");

    if (filter->after.set)
        beyond = arena_printf(s->arena, "AND (%s, row) %s (?3, ?4)", column,
                              filter->ascending ? ">" : "<");
    struct slice text = arena_printf(
        s->arena,
        "SELECT %s, %s FROM media %.*s WHERE %s %.*s ORDER BY %s %s, row %s"
        " LIMIT -1 OFFSET ?2",
        key_columns, column, SLICE_ARG(index), s->owner ? "owner = ?1" : "?1 IS NOT NULL",
        SLICE_ARG(beyond), column, way, way);
    if (!filter->after.set)
        return sql_bind(s->sql, text.p, "ii", s->owner, offset);
    return sort_row(filter->sort)->text ? sql_bind(s->sql, text.p, "iisi", s->owner, offset,
                                                   filter->after.text, s->after_row)
                                        : sql_bind(s->sql, text.p, "iiii", s->owner, offset,
                                                   filter->after.number, s->after_row);
}

/* All of the scope are passed in their order, and those that are meant are taken. */
static bool page_by_walking(struct selection *s, struct list_page *out)
{
    uint64_t skip = s->filter->after.set ? 0 : s->filter->skip;
    bool all = roaring_bitmap_get_cardinality(s->rows) == s->scope_n, failed = false;
    sqlite3_stmt *statement = walk(s, all ? (int64_t)skip : 0);
    struct key key;

    if (!statement)
        return false;
    if (all)
        skip = 0;
    while (sql_step(s->sql, statement, &failed)) {
        if (!roaring_bitmap_contains(s->rows, (uint32_t)sqlite3_column_int64(statement, 0)))
            continue;
        if (skip > 0) {
            skip--;
            continue;
        }
        read_key(s, statement, &key);
        if (!put_on_page(s, out, &key))
            break;
    }
    sqlite3_reset(statement);
    return !failed;
}

bool page_take(struct selection *s, struct list_page *out)
{
    const struct list_filter *filter = s->filter;
    double wanted = (double)(filter->after.set ? 0 : filter->skip) + (double)filter->limit;
    double n = (double)out->total, passed = wanted * (double)s->scope_n / (n > 0 ? n : 1);

    if (n == 0 || (!filter->after.set && filter->skip >= out->total))
        return true;
    if (filter->after.set && !find_place(s))
        return false;
    out->ids = ARENA_ARRAY(s->arena, struct slice, filter->limit);
    if (filter->sort == SORT_CREATED_MS)
        return page_by_creation(s, out);
    return n * FETCH_COST < passed * STEP_COST ? page_by_sorting(s, out) : page_by_walking(s, out);
}
