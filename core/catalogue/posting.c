#include "catalogue/posting.h"

#include "base/memory.h"
#include "base/table.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { SUM_BYTES = 4 };

/* -- Bitmaps as bytes ------------------------------------------------------------------------- */

static uint32_t sum_of(const char *p, size_t n)
{
    return (uint32_t)crc32(crc32(0, NULL, 0), (const unsigned char *)p, (unsigned)n);
}

/* NULL: damaged. */
static roaring_bitmap_t *unpack(struct slice bytes)
{
    uint32_t sum;

    if (bytes.n < SUM_BYTES)
        return NULL;
    memcpy(&sum, bytes.p, SUM_BYTES);
    if (sum != sum_of(bytes.p + SUM_BYTES, bytes.n - SUM_BYTES))
        return NULL;
    return roaring_bitmap_portable_deserialize_safe(bytes.p + SUM_BYTES, bytes.n - SUM_BYTES);
}

static struct slice blob(sqlite3_stmt *statement, int column)
{
    const char *p = sqlite3_column_blob(statement, column);

    return (struct slice){p, (size_t)sqlite3_column_bytes(statement, column)};
}

/* -- Reading ---------------------------------------------------------------------------------- */

static sqlite3_stmt *select_range(struct sql *sql, uint32_t chunk,
                                  const struct posting_range *range)
{
    if (!range->before.n)
        return sql_bind(sql, "SELECT rows FROM posting WHERE chunk = ? AND term = ?", "ib",
                        (int64_t)chunk, range->from);
    return sql_bind(sql, "SELECT rows FROM posting WHERE chunk = ? AND term >= ? AND term < ?",
                    "ibb", (int64_t)chunk, range->from, range->before);
}

bool posting_read(struct sql *sql, uint32_t chunk, const struct posting_range *range,
                  roaring_bitmap_t *out)
{
    sqlite3_stmt *statement = select_range(sql, chunk, range);
    bool failed = statement == NULL;

    while (!failed && sql_step(sql, statement, &failed)) {
        roaring_bitmap_t *rows = unpack(blob(statement, 0));

        failed = rows == NULL;
        if (failed)
            break;
        roaring_bitmap_or_inplace(out, rows);
        roaring_bitmap_free(rows);
    }
    if (statement)
        sqlite3_reset(statement);
    return !failed;
}

struct posting_range posting_prefix(struct arena *arena, struct slice prefix)
{
    return (struct posting_range){prefix, arena_printf(arena, "%.*s\xff", SLICE_ARG(prefix))};
}

bool posting_check(struct sql *sql)
{
    sqlite3_stmt *statement = sql_prepare(sql, "SELECT rows FROM posting");
    bool failed = statement == NULL;

    while (!failed && sql_step(sql, statement, &failed)) {
        roaring_bitmap_t *rows = unpack(blob(statement, 0));

        failed = rows == NULL;
        if (rows)
            roaring_bitmap_free(rows);
    }
    if (statement)
        sqlite3_reset(statement);
    return !failed;
}

/* -- Changes ---------------------------------------------------------------------------------- */

struct change {
    struct table_entry entry;
    uint32_t chunk;
    roaring_bitmap_t *more, *less; /* no row is in both; NULL: none */
    size_t n;
    char key[]; /* the chunk, big end first, and the term: they are written in this order */
};

enum { KEY_CHUNK = 4 };

struct posting_changes {
    struct table table;
    struct change **all;
    size_t n, room;
};

struct posting_changes *posting_changes_new(void)
{
    struct posting_changes *changes = MEM_NEW(struct posting_changes);

    table_init(&changes->table);
    return changes;
}

static void forget(struct posting_changes *changes)
{
    for (size_t i = 0; i < changes->n; i++) {
        struct change *change = changes->all[i];

        table_remove(&changes->table, &change->entry);
        if (change->more)
            roaring_bitmap_free(change->more);
        if (change->less)
            roaring_bitmap_free(change->less);
        mem_free(change);
    }
    changes->n = 0;
}

void posting_changes_free(struct posting_changes *changes)
{
    forget(changes);
    table_fini(&changes->table);
    mem_free(changes->all);
    mem_free(changes);
}

static struct change *add_change(struct posting_changes *changes, uint32_t chunk, struct slice key)
{
    struct change *change = mem_alloc(sizeof *change + key.n);

    change->chunk = chunk;
    change->n = key.n;
    memcpy(change->key, key.p, key.n);
    if (changes->n == changes->room) {
        changes->room = changes->room ? 2 * changes->room : 1024;
        changes->all = mem_realloc(changes->all, changes->room * sizeof(struct change *));
    }
    changes->all[changes->n++] = change;
    table_add(&changes->table, &change->entry, (struct slice){change->key, key.n});
    return change;
}

static void move(uint32_t row, roaring_bitmap_t **to, roaring_bitmap_t *from)
{
    if (!*to)
        *to = roaring_bitmap_create();
    roaring_bitmap_add(*to, row);
    if (from)
        roaring_bitmap_remove(from, row);
}

void posting_change(struct posting_changes *changes, uint32_t row, struct slice term, bool has)
{
    uint32_t chunk = row >> POSTING_CHUNK_BITS;
    char bytes[KEY_CHUNK + POSTING_TERM_MAX] = {(char)(chunk >> 24), (char)(chunk >> 16),
                                                (char)(chunk >> 8), (char)chunk};
    size_t n = term.n < POSTING_TERM_MAX ? term.n : POSTING_TERM_MAX;

    memcpy(bytes + KEY_CHUNK, term.p, n);
    struct slice key = {bytes, KEY_CHUNK + n};
    struct table_entry *entry = table_find(&changes->table, key);
    struct change *change =
        entry ? CONTAINER_OF(entry, struct change, entry) : add_change(changes, chunk, key);
    move(row, has ? &change->more : &change->less, has ? change->less : change->more);
}

/* -- Writing ---------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const struct change *x = *(struct change *const *)a, *y = *(struct change *const *)b;

    return slice_compare((struct slice){x->key, x->n}, (struct slice){y->key, y->n});
}

static struct slice term_of(const struct change *change)
{
    return (struct slice){change->key + KEY_CHUNK, change->n - KEY_CHUNK};
}

static bool store(struct sql *sql, const struct change *change, roaring_bitmap_t *rows)
{
    roaring_bitmap_run_optimize(rows);
    size_t n = roaring_bitmap_portable_size_in_bytes(rows);
    char *bytes = mem_alloc_raw(SUM_BYTES + n);

    roaring_bitmap_portable_serialize(rows, bytes + SUM_BYTES);
    uint32_t sum = sum_of(bytes + SUM_BYTES, n);
    memcpy(bytes, &sum, SUM_BYTES);
    bool fine = sql_do(sql, "REPLACE INTO posting VALUES(?, ?, ?)", "ibb", (int64_t)change->chunk,
                       term_of(change), (struct slice){bytes, SUM_BYTES + n});
    mem_free(bytes);
    return fine;
}

static bool apply(struct sql *sql, const struct change *change)
{
    const struct posting_range range = {.from = term_of(change)};
    roaring_bitmap_t *rows = roaring_bitmap_create();
    bool fine = posting_read(sql, change->chunk, &range, rows);

    if (change->less)
        roaring_bitmap_andnot_inplace(rows, change->less);
    if (change->more)
        roaring_bitmap_or_inplace(rows, change->more);
    if (fine && roaring_bitmap_is_empty(rows))
        fine = sql_do(sql, "DELETE FROM posting WHERE chunk = ? AND term = ?", "ib",
                      (int64_t)change->chunk, range.from);
    else if (fine)
        fine = store(sql, change, rows);
    roaring_bitmap_free(rows);
    return fine;
}

static bool add(struct sql *sql, const struct change *change)
{
    return !change->more || roaring_bitmap_is_empty(change->more) ||
           store(sql, change, change->more);
}

bool posting_write(struct posting_changes *changes, struct sql *sql, uint32_t fresh)
{
    bool fine = true;

    if (changes->n)
        qsort(changes->all, changes->n, sizeof(struct change *), compare);
    for (size_t i = 0; i < changes->n && fine; i++)
        fine = changes->all[i]->chunk >= fresh ? add(sql, changes->all[i])
                                               : apply(sql, changes->all[i]);
    forget(changes);
    return fine;
}
