#include "catalogue/catalogue.h"

#include "base/crypto.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "catalogue/sql.h"
#include "catalogue/terms.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Of what stands in the columns: to be raised where they get another meaning and keep their names.
 */
#define LAYOUT "2 "

#define SQL_TYPE_TEXT "TEXT"
#define SQL_TYPE_NUMBER "INTEGER"
#define SQL_TYPE_INTEGER "INTEGER"

/* media: rows are numbered as they come, which is the order of creation but for the late ones:
 * those that are older than a row before them, of their owner or of all, and say so among their
 * terms. terms: what terms_of() says, and that; sum: what is to be found out about rev and terms.
 * position: changes with every transaction, so whatever a write-ahead log holds, it holds that. Its
 * build is the number that the file has in its own head: a log beside a file that is not its own
 * would lay its pages over that one's. */
static const char *const tables =
    "CREATE TABLE owner(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE media(row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, rev INTEGER NOT NULL,"
    " owner INTEGER NOT NULL, terms TEXT NOT NULL, sum INTEGER NOT NULL"
#define ORDER(name, NAME, type, value) ", " #name " " SQL_TYPE_##type " NOT NULL"
#define SORT(name, NAME, type, value) ", " #name " " SQL_TYPE_##type " NOT NULL"
#define KEY(name, NAME, type, value) ", " #name " " SQL_TYPE_##type " NOT NULL"
#include "catalogue.def"
    ");" POSTING_LAYOUT
    "CREATE TABLE position(partition INTEGER PRIMARY KEY, epoch INTEGER NOT NULL,"
    " offset INTEGER NOT NULL, hash TEXT NOT NULL, build INTEGER NOT NULL);";

/* Made when all is there: sorting is faster than putting in one by one. */
static const char *const indexes = ""
#define INDEX(name) "CREATE INDEX media_by_" #name " ON media(owner, " #name ");"
#define ORDER(name, NAME, type, value)                                                             \
    INDEX(name) "CREATE INDEX media_of_all_by_" #name " ON media(" #name ");"
#define SORT(name, NAME, type, value) INDEX(name)
#define KEY(name, NAME, type, value) INDEX(name)
#include "catalogue.def"
    ;

struct catalogue {
    struct sql sql;
    struct words words;
    struct posting_changes *changes;
    int64_t build;
    int64_t next;      /* row */
    bool building;     /* all come in order, as no file that is open knows */
    int64_t newest_ms; /* of what was built */
    uint32_t written;  /* chunks of it whose bitmaps are */
};

/* -- Files ------------------------------------------------------------------------------------ */

static int layout_number(void)
{
    uint32_t sum = text_crc32(slice_from(tables)) ^ text_crc32(slice_from(indexes)) ^
                   text_crc32(SLICE(LAYOUT));

    return (int)(sum >> 1);
}

static struct catalogue *open_file(const char *path, int flags)
{
    struct catalogue *catalogue = MEM_NEW(struct catalogue);

    if (!sql_open(&catalogue->sql, path, flags)) {
        mem_free(catalogue);
        return NULL;
    }
    catalogue->changes = posting_changes_new();
    if (words_open(&catalogue->words, catalogue->sql.db))
        return catalogue;
    catalogue_close(catalogue);
    return NULL;
}

void catalogue_close(struct catalogue *catalogue)
{
    if (!catalogue)
        return;
    posting_changes_free(catalogue->changes);
    words_close(&catalogue->words);
    sql_close(&catalogue->sql);
    mem_free(catalogue);
}

static int64_t draw_build(void)
{
    uint32_t random;

    random_bytes(&random, sizeof random);
    return random >> 1;
}

struct catalogue *catalogue_create(const char *path)
{
    unlink(path);
    struct catalogue *catalogue = open_file(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    char pragma[64];

    if (!catalogue)
        return NULL;
    catalogue->building = true;
    catalogue->newest_ms = INT64_MIN;
    catalogue->build = draw_build();
    snprintf(pragma, sizeof pragma, "PRAGMA application_id=%d;", (int)catalogue->build);
    /* What a crash leaves of it is thrown away, so it needs no journal. */
    if (sql_run(&catalogue->sql, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
                                 "PRAGMA cache_size=-65536; PRAGMA locking_mode=EXCLUSIVE;") &&
        sql_run(&catalogue->sql, pragma) && sql_run(&catalogue->sql, tables))
        return catalogue;
    catalogue_close(catalogue);
    return NULL;
}

static uint32_t chunk_of(int64_t row)
{
    return (uint32_t)row >> POSTING_CHUNK_BITS;
}

static bool write_postings(struct catalogue *catalogue)
{
    uint32_t fresh = catalogue->building ? catalogue->written : UINT32_MAX;

    catalogue->written = chunk_of(catalogue->next);
    return posting_write(catalogue->changes, &catalogue->sql, fresh);
}

bool catalogue_complete(struct catalogue *catalogue)
{
    char text[64];

    snprintf(text, sizeof text, "PRAGMA user_version=%d;", layout_number());
    return write_postings(catalogue) && sql_run(&catalogue->sql, indexes) &&
           sql_run(&catalogue->sql, text);
}

static bool read_number(struct sql *sql, const char *text, int64_t *out)
{
    bool failed = false;
    sqlite3_stmt *statement = sql_prepare(sql, text);

    if (!statement || !sql_step(sql, statement, &failed))
        return false;
    *out = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return true;
}

static bool number_is(struct sql *sql, const char *text, int64_t wanted)
{
    int64_t found;

    return read_number(sql, text, &found) && found == wanted;
}

/* What SQLite cannot know to be wrong. */
static int64_t sum_of(int64_t rev, struct slice terms)
{
    return (int64_t)text_crc32(terms) ^ rev;
}

static bool sums_are_right(struct sql *sql)
{
    bool failed = false, right = true;
    sqlite3_stmt *statement = sql_prepare(sql, "SELECT rev, terms, sum FROM media");

    while (statement && right && sql_step(sql, statement, &failed))
        right = sqlite3_column_int64(statement, 2) ==
                sum_of(sqlite3_column_int64(statement, 0), sql_text(statement, 1));
    if (statement)
        sqlite3_reset(statement);
    return statement && right && !failed;
}

static bool is_whole(struct sql *sql)
{
    bool failed = false;
    sqlite3_stmt *statement = sql_prepare(sql, "PRAGMA integrity_check(1)");

    if (!statement || !sql_step(sql, statement, &failed))
        return false;
    bool fine = slice_eq(sql_text(statement, 0), SLICE("ok"));
    sqlite3_reset(statement);
    return fine && sums_are_right(sql) && posting_check(sql);
}

static bool read_heads(struct sql *sql, unsigned partitions, struct head *heads)
{
    bool failed = false;

    for (unsigned i = 0; i < partitions; i++) {
        sqlite3_stmt *statement = sql_bind(
            sql, "SELECT epoch, offset, hash FROM position WHERE partition = ?", "i", (int64_t)i);

        if (!statement || !sql_step(sql, statement, &failed))
            return false;
        struct slice hash = sql_text(statement, 2);
        heads[i] = (struct head){.epoch = (uint64_t)sqlite3_column_int64(statement, 0),
                                 .offset = (uint64_t)sqlite3_column_int64(statement, 1)};
        if (hash.n != sizeof heads[i].hash - 1)
            return false;
        memcpy(heads[i].hash, hash.p, hash.n);
        sqlite3_reset(statement);
    }
    return number_is(sql, "SELECT count(*) FROM position", partitions);
}

/* As the file itself says, whatever its log does. Source: SQLite's file format, section 1.3. */
static int64_t build_of(const char *path)
{
    enum { APPLICATION_ID_AT = 68 };
    unsigned char id[4] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool whole = fd >= 0 && pread(fd, id, sizeof id, APPLICATION_ID_AT) == sizeof id;

    if (fd >= 0)
        close(fd);
    return whole ? (int64_t)((uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 |
                             id[3])
                 : -1;
}

struct catalogue *catalogue_open(const char *path, unsigned partitions, struct head *heads)
{
    struct catalogue *catalogue = open_file(path, SQLITE_OPEN_READWRITE);

    if (!catalogue)
        return NULL;
    struct sql *sql = &catalogue->sql;
    catalogue->build = build_of(path);
    if (number_is(sql, "PRAGMA user_version", layout_number()) &&
        number_is(sql, "SELECT max(build) FROM position", catalogue->build) &&
        sql_run(sql,
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA cache_size=-16384;") &&
        is_whole(sql) && read_heads(sql, partitions, heads) &&
        read_number(sql, "SELECT coalesce(max(row) + 1, 0) FROM media", &catalogue->next))
        return catalogue;
    catalogue_close(catalogue);
    return NULL;
}

bool catalogue_begin(struct catalogue *catalogue)
{
    return sql_run(&catalogue->sql, "BEGIN IMMEDIATE");
}

bool catalogue_commit(struct catalogue *catalogue)
{
    return (catalogue->building || write_postings(catalogue)) && sql_run(&catalogue->sql, "COMMIT");
}

bool catalogue_place(struct catalogue *catalogue, unsigned partition, const struct head *head)
{
    return sql_do(&catalogue->sql, "REPLACE INTO position VALUES(?, ?, ?, ?, ?)", "iiisi",
                  (int64_t)partition, (int64_t)head->epoch, (int64_t)head->offset,
                  slice_from(head->hash), catalogue->build);
}

/* -- Terms ------------------------------------------------------------------------------------ */

/* Both are sorted: what is in one of them alone has changed. */
static void change_terms(struct catalogue *catalogue, struct arena *arena, int64_t row,
                         struct slice was, struct slice now)
{
    struct slice *old, *new;
    size_t old_n, new_n, i = 0, k = 0;

    terms_expand(arena, was, &old, &old_n);
    terms_expand(arena, now, &new, &new_n);
    old_n = was.n ? old_n : 0;
    new_n = now.n ? new_n : 0;
    while (i < old_n || k < new_n) {
        int order = i == old_n ? 1 : k == new_n ? -1 : slice_compare(old[i], new[k]);

        if (order < 0)
            posting_change(catalogue->changes, (uint32_t)row, old[i], false);
        else if (order > 0)
            posting_change(catalogue->changes, (uint32_t)row, new[k], true);
        i += order <= 0;
        k += order >= 0;
    }
}

/* -- Rows ------------------------------------------------------------------------------------- */

struct row {
    int64_t number, rev, owner, created_ms;
    struct slice terms;
};

/* 0: a fault. */
static int64_t owner_number(struct sql *sql, struct slice name)
{
    bool failed = false;
    int64_t number = 0;
    sqlite3_stmt *statement = sql_bind(sql, "SELECT number FROM owner WHERE name = ?", "s", name);

    if (!statement)
        return 0;
    if (sql_step(sql, statement, &failed))
        number = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    if (number || failed || !sql_do(sql, "INSERT INTO owner(name) VALUES(?)", "s", name))
        return number;
    return sqlite3_last_insert_rowid(sql->db);
}

/* *found: it is there. */
static bool find_row(struct sql *sql, struct arena *arena, struct slice id, struct row *out,
                     bool *found)
{
    bool failed = false;
    sqlite3_stmt *statement = sql_bind(
        sql, "SELECT row, rev, owner, created_ms, terms, sum FROM media WHERE id = ?", "s", id);

    if (!statement)
        return false;
    *found = sql_step(sql, statement, &failed);
    if (*found) {
        *out = (struct row){.number = sqlite3_column_int64(statement, 0),
                            .rev = sqlite3_column_int64(statement, 1),
                            .owner = sqlite3_column_int64(statement, 2),
                            .created_ms = sqlite3_column_int64(statement, 3),
                            .terms = arena_dup(arena, sql_text(statement, 4))};
        failed = sqlite3_column_int64(statement, 5) != sum_of(out->rev, out->terms);
    }
    sqlite3_reset(statement);
    return !failed;
}

static bool newest(struct sql *sql, const char *text, int64_t owner, int64_t *out)
{
    bool failed = false;
    sqlite3_stmt *statement = sql_bind(sql, text, "i", owner);

    if (!statement || !sql_step(sql, statement, &failed))
        return false;
    *out = sqlite3_column_type(statement, 0) == SQLITE_NULL ? INT64_MIN
                                                            : sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return true;
}

/* What is built comes in order, but for one partition after the other. */
static bool mark_late(struct catalogue *catalogue, struct arena *arena, struct row *row)
{
    int64_t own = INT64_MIN, all = catalogue->newest_ms;

    if (!catalogue->building &&
        (!newest(&catalogue->sql, "SELECT max(created_ms) FROM media WHERE owner = ?", row->owner,
                 &own) ||
         !newest(&catalogue->sql, "SELECT max(created_ms) FROM media WHERE ? IS NOT NULL",
                 row->owner, &all)))
        return false;
    if (row->created_ms < own)
        row->terms = arena_printf(arena, "%.*s\n%.*s", SLICE_ARG(row->terms), SLICE_ARG(TERM_LATE));
    if (row->created_ms < all)
        row->terms =
            arena_printf(arena, "%.*s\n%.*s", SLICE_ARG(row->terms), SLICE_ARG(TERM_LATE_ALL));
    if (row->created_ms > catalogue->newest_ms)
        catalogue->newest_ms = row->created_ms;
    return true;
}

static bool take_out(struct catalogue *catalogue, struct arena *arena, const struct row *row)
{
    change_terms(catalogue, arena, row->number, row->terms, SLICE_NONE);
    return sql_do(&catalogue->sql, "DELETE FROM media WHERE row = ?", "i", row->number);
}

#define VALUE_TEXT(value) words_fold(arena, value)
#define VALUE_NUMBER(value) (value)
#define VALUE_INTEGER(value) (value)
#define LETTER_TEXT "s"
#define LETTER_NUMBER "i"
#define LETTER_INTEGER "i"

static bool put_in(struct catalogue *catalogue, struct arena *arena, const struct media *media,
                   struct row *row)
{
    bool chunk_is_full = catalogue->building && chunk_of(catalogue->next) > catalogue->written;

    if (catalogue->next > UINT32_MAX || !mark_late(catalogue, arena, row) ||
        (chunk_is_full && !write_postings(catalogue)))
        return false;
    row->number = catalogue->next++;
    change_terms(catalogue, arena, row->number, SLICE_NONE, row->terms);
    return sql_do(&catalogue->sql,
                  "INSERT INTO media(row, id, rev, owner, terms, sum, created_ms"
#define SORT(name, NAME, type, value) ", " #name
#define KEY(name, NAME, type, value) ", " #name
#include "catalogue.def"
                  ") VALUES(?, ?, ?, ?, ?, ?, ?"
#define SORT(name, NAME, type, value) ", ?"
#define KEY(name, NAME, type, value) ", ?"
#include "catalogue.def"
                  ")",
                  "isiisii"
#define SORT(name, NAME, type, value) LETTER_##type
#define KEY(name, NAME, type, value) LETTER_##type
#include "catalogue.def"
                  ,
                  row->number, media->id, row->rev, row->owner, row->terms,
                  sum_of(row->rev, row->terms), row->created_ms
#define SORT(name, NAME, type, value) , VALUE_##type(value)
#define KEY(name, NAME, type, value) , value
#include "catalogue.def"
    );
}

/* Its place, and whether it was late, stay. */
static bool update(struct catalogue *catalogue, struct arena *arena, const struct media *media,
                   const struct row *was, struct row *now)
{
    struct slice line;

    for (struct slice rest = was->terms; slice_split(rest, '\n', &line, &rest);)
        if (slice_starts_with(line, TERM_LATE))
            now->terms = arena_printf(arena, "%.*s\n%.*s", SLICE_ARG(now->terms), SLICE_ARG(line));
    if (!slice_eq(was->terms, now->terms))
        change_terms(catalogue, arena, was->number, was->terms, now->terms);
    return sql_do(&catalogue->sql,
                  "UPDATE media SET rev = ?, terms = ?, sum = ?"
#define SORT(name, NAME, type, value) ", " #name " = ?"
#define KEY(name, NAME, type, value) ", " #name " = ?"
#include "catalogue.def"
                  " WHERE row = ?",
                  "isi"
#define SORT(name, NAME, type, value) LETTER_##type
#define KEY(name, NAME, type, value) LETTER_##type
#include "catalogue.def"
                  "i",
                  now->rev, now->terms, sum_of(now->rev, now->terms),
#define SORT(name, NAME, type, value) VALUE_##type(value),
#define KEY(name, NAME, type, value) value,
#include "catalogue.def"
                  was->number);
}

bool catalogue_put(struct catalogue *catalogue, struct arena *arena, const struct media *media)
{
    struct sql *sql = &catalogue->sql;
    struct row was = {0},
               now = {.rev = (int64_t)media->rev, .created_ms = (int64_t)media->created_ms};
    bool found;

    if (!find_row(sql, arena, media->id, &was, &found))
        return false;
    /* Records from before there were revs have 0, whatever becomes of them. */
    if (found && was.rev == now.rev && now.rev)
        return true;
    now.owner = owner_number(sql, media->owner);
    if (!now.owner)
        return false;
    now.terms = terms_of(arena, &catalogue->words, media, now.owner);
    if (found && was.owner == now.owner && was.created_ms == now.created_ms)
        return update(catalogue, arena, media, &was, &now);
    return (!found || take_out(catalogue, arena, &was)) && put_in(catalogue, arena, media, &now);
}

bool catalogue_remove(struct catalogue *catalogue, struct arena *arena, struct slice id)
{
    struct row was;
    bool found;

    if (!find_row(&catalogue->sql, arena, id, &was, &found))
        return false;
    return !found || take_out(catalogue, arena, &was);
}
