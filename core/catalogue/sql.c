#include "catalogue/sql.h"

#include "base/log.h"
#include "base/memory.h"

#include <stdarg.h>
#include <string.h>

enum { BUSY_MS = 5000 };

/* Neither a wrong page nor a missing table, but want of memory or descriptors, somebody's lock, or
 * a log that its writer has not looked at yet. */
static bool may_go_well_again(int code)
{
    return code != SQLITE_CORRUPT && code != SQLITE_NOTADB && code != SQLITE_ERROR;
}

static void complain(struct sql *sql, const char *what)
{
    sql->strained = sql->strained || may_go_well_again(sqlite3_errcode(sql->db));
    log_event(LOG_WARN, "catalogue_error", F("doing", what), F("code", sqlite3_errcode(sql->db)),
              F("text", sqlite3_errmsg(sql->db)));
}

bool sql_open(struct sql *sql, const char *path, int flags)
{
    *sql = (struct sql){0};
    if (sqlite3_open_v2(path, &sql->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        if (sqlite3_errcode(sql->db) != SQLITE_CANTOPEN)
            complain(sql, "open");
        else
            sql->strained = true;
        sqlite3_close(sql->db);
        sql->db = NULL;
        return false;
    }
    sqlite3_busy_timeout(sql->db, BUSY_MS);
    return true;
}

static void forget_statements(struct sql *sql)
{
    for (size_t i = 0; i < sql->n; i++) {
        sqlite3_finalize(sql->cache[i].statement);
        mem_free(sql->cache[i].text);
    }
    sql->n = 0;
}

void sql_close(struct sql *sql)
{
    forget_statements(sql);
    sqlite3_close(sql->db);
    sql->db = NULL;
}

bool sql_run(struct sql *sql, const char *statements)
{
    if (sqlite3_exec(sql->db, statements, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    complain(sql, statements);
    return false;
}

sqlite3_stmt *sql_prepare(struct sql *sql, const char *text)
{
    size_t bytes = strlen(text) + 1;

    for (size_t i = 0; i < sql->n; i++)
        if (strcmp(sql->cache[i].text, text) == 0) {
            sqlite3_reset(sql->cache[i].statement);
            sqlite3_clear_bindings(sql->cache[i].statement);
            return sql->cache[i].statement;
        }
    if (sql->n == SQL_STATEMENTS_MAX)
        forget_statements(sql);
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v3(sql->db, text, (int)bytes, SQLITE_PREPARE_PERSISTENT, &statement,
                           NULL) != SQLITE_OK) {
        complain(sql, text);
        return NULL;
    }
    sql->cache[sql->n].text = mem_alloc_raw(bytes);
    memcpy(sql->cache[sql->n].text, text, bytes);
    sql->cache[sql->n++].statement = statement;
    return statement;
}

static sqlite3_stmt *bind_list(struct sql *sql, const char *text, const char *types, va_list values)
{
    sqlite3_stmt *statement = sql_prepare(sql, text);

    for (int i = 0; statement && types[i]; i++) {
        if (types[i] == 'i') {
            sqlite3_bind_int64(statement, i + 1, va_arg(values, int64_t));
            continue;
        }
        struct slice s = va_arg(values, struct slice);
        if (types[i] == 'b')
            sqlite3_bind_blob64(statement, i + 1, s.n ? s.p : "", s.n, SQLITE_STATIC);
        else
            sqlite3_bind_text64(statement, i + 1, s.n ? s.p : "", s.n, SQLITE_STATIC, SQLITE_UTF8);
    }
    return statement;
}

sqlite3_stmt *sql_bind(struct sql *sql, const char *text, const char *types, ...)
{
    va_list values;

    va_start(values, types);
    sqlite3_stmt *statement = bind_list(sql, text, types, values);
    va_end(values);
    return statement;
}

bool sql_do(struct sql *sql, const char *text, const char *types, ...)
{
    bool failed = false;
    va_list values;

    va_start(values, types);
    sqlite3_stmt *statement = bind_list(sql, text, types, values);
    va_end(values);
    if (!statement)
        return false;
    while (sql_step(sql, statement, &failed))
        ;
    sqlite3_reset(statement);
    return !failed;
}

bool sql_step(struct sql *sql, sqlite3_stmt *statement, bool *failed)
{
    int found = sqlite3_step(statement);

    if (found == SQLITE_ROW)
        return true;
    if (found != SQLITE_DONE) {
        complain(sql, sqlite3_sql(statement));
        *failed = true;
    }
    return false;
}

struct slice sql_text(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);

    return (struct slice){(const char *)text, (size_t)sqlite3_column_bytes(statement, column)};
}
