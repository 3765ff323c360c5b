/* sql.h: one connection to an SQLite file, with its statements prepared once. Blocking, so for the
 * disk threads; one thread at a time. What fails is logged with SQLite's words. */
#pragma once

#include "base/arena.h"

#include <sqlite3.h>

enum { SQL_STATEMENTS_MAX = 96 };

struct sql {
    sqlite3 *db;
    struct {
        char *text;
        sqlite3_stmt *statement;
    } cache[SQL_STATEMENTS_MAX];
    size_t n;
    bool strained; /* what failed may go well again; else the file is damaged. Set, never cleared */
};

/* flags: SQLITE_OPEN_*. False: it cannot be opened; then there is nothing to close. */
bool sql_open(struct sql *sql, const char *path, int flags);
void sql_close(struct sql *sql);

bool sql_run(struct sql *sql, const char *statements); /* without results; several, by ';' */

/* Reset, without bound values; NULL: there is no such statement. Past SQL_STATEMENTS_MAX texts the
 * older ones are forgotten, so a caller is through with one before it asks for the next. */
sqlite3_stmt *sql_prepare(struct sql *sql, const char *text);
/* Binds by the letters of `types`: 'i' an int64_t, 's' a struct slice as text, 'b' one as bytes;
 * slices live until the reset. */
sqlite3_stmt *sql_bind(struct sql *sql, const char *text, const char *types, ...);
/* sql_bind() and a step to the end: for statements without results. */
bool sql_do(struct sql *sql, const char *text, const char *types, ...);

/* True: a row. False: no (further) row, and *failed is set where that is an error. */
bool sql_step(struct sql *sql, sqlite3_stmt *statement, bool *failed);
struct slice sql_text(sqlite3_stmt *statement, int column); /* until the next step */
