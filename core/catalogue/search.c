#include "catalogue/search.h"

#include "base/memory.h"
#include "catalogue/page.h"

enum { CACHE_KIB = 8192 };

struct search {
    struct sql sql;
    struct words words;
};

static enum err failure(const struct sql *sql)
{
    return sql->strained ? ERR_CATALOGUE_BEHIND : ERR_INTERNAL;
}

enum err search_open(const char *path, struct search **out)
{
    struct search *search = MEM_NEW(struct search);
    char pragma[64];

    *out = NULL;
    snprintf(pragma, sizeof pragma, "PRAGMA cache_size=-%d; PRAGMA query_only=ON;", CACHE_KIB);
    /* Whoever reads a file in WAL mode writes into its index; its content is not touched. */
    if (sql_open(&search->sql, path, SQLITE_OPEN_READONLY)) {
        if (sql_run(&search->sql, pragma) && words_open(&search->words, search->sql.db)) {
            *out = search;
            return OK;
        }
        words_close(&search->words);
        sql_close(&search->sql);
    }
    enum err err = failure(&search->sql);
    mem_free(search);
    return err;
}

void search_close(struct search *search)
{
    if (!search)
        return;
    words_close(&search->words);
    sql_close(&search->sql);
    mem_free(search);
}

/* -- Of one moment ---------------------------------------------------------------------------- */

static enum err has_come_so_far(struct sql *sql, const struct list_need *need)
{
    bool failed = false;
    sqlite3_stmt *statement =
        sql_bind(sql, "SELECT epoch, offset, hash FROM position WHERE partition = ?", "i",
                 (int64_t)need->partition);

    if (!statement)
        return failure(sql);
    bool found = sql_step(sql, statement, &failed);
    uint64_t offset = found ? (uint64_t)sqlite3_column_int64(statement, 1) : 0;
    bool fits = found && (uint64_t)sqlite3_column_int64(statement, 0) == need->head.epoch &&
                (offset > need->head.offset ||
                 (offset == need->head.offset &&
                  slice_eq(sql_text(statement, 2), slice_from(need->head.hash))));
    sqlite3_reset(statement);
    return failed ? failure(sql) : fits ? OK : ERR_CATALOGUE_BEHIND;
}

static bool find_original(struct selection *s, struct list_page *out)
{
    const struct list_filter *filter = s->filter;
    bool failed = false;
    sqlite3_stmt *statement =
        sql_bind(s->sql,
                 "SELECT id FROM media WHERE owner = (SELECT number FROM owner WHERE name = ?)"
                 " AND sha256 = ? ORDER BY row DESC LIMIT ?",
                 "ssi", filter->owner, filter->sha256, (int64_t)filter->limit);

    if (!statement)
        return false;
    out->ids = ARENA_ARRAY(s->arena, struct slice, filter->limit);
    while (out->n < filter->limit && sql_step(s->sql, statement, &failed))
        out->ids[out->n++] = arena_dup(s->arena, sql_text(statement, 0));
    sqlite3_reset(statement);
    out->total = out->n;
    return !failed;
}

static enum err answer(struct selection *s, const struct list_need *needs, size_t n,
                       struct list_page *out)
{
    for (size_t i = 0; i < n; i++) {
        enum err err = has_come_so_far(s->sql, &needs[i]);

        if (err != OK)
            return err;
    }
    if (s->filter->sha256.n)
        return find_original(s, out) ? OK : failure(s->sql);
    s->rows = roaring_bitmap_create();
    s->late = roaring_bitmap_create();
    bool fine = selection_gather(s);
    out->total = roaring_bitmap_get_cardinality(s->rows);
    fine = fine && page_take(s, out);
    roaring_bitmap_free(s->rows);
    roaring_bitmap_free(s->late);
    return fine ? OK : failure(s->sql);
}

enum err search_list(struct search *search, struct arena *arena, const struct list_filter *filter,
                     const struct list_need *needs, size_t n, struct list_page *out)
{
    struct selection s = {
        .sql = &search->sql, .words = &search->words, .arena = arena, .filter = filter};

    *out = (struct list_page){0};
    s.sql->strained = false;
    if (!sql_run(s.sql, "BEGIN"))
        return failure(s.sql);
    enum err err = answer(&s, needs, n, out);
    if (!sql_run(s.sql, "COMMIT") && err == OK)
        err = failure(s.sql);
    return err;
}
