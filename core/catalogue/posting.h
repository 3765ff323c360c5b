/* posting.h: which rows of the catalogue have a term, as compressed bitmaps (CRoaring) in a table
 * of SQLite: one for each chunk of rows and each term that occurs there, with a checksum. Exact
 * numbers and any page of what has several terms at once take one pass over the bitmaps of these,
 * however many rows they are. */
#pragma once

#include "catalogue/sql.h"

#include <roaring/roaring.h>

enum { POSTING_CHUNK_BITS = 16, POSTING_TERM_MAX = 255 /* bytes; the rest is left off */ };

#define POSTING_LAYOUT                                                                             \
    "CREATE TABLE posting(chunk INTEGER NOT NULL, term BLOB NOT NULL, rows BLOB NOT NULL,"         \
    " PRIMARY KEY(chunk, term)) WITHOUT ROWID;"

/* Terms from <= t < before; before empty: `from` alone. */
struct posting_range {
    struct slice from, before;
};

/* Adds the rows of a chunk that have a term of the range to out. False: a fault. */
bool posting_read(struct sql *sql, uint32_t chunk, const struct posting_range *range,
                  roaring_bitmap_t *out);
/* Terms that begin with this one. */
struct posting_range posting_prefix(struct arena *arena, struct slice prefix);
/* Each bitmap is looked at. */
bool posting_check(struct sql *sql);

/* Changes, gathered until they are written. */
struct posting_changes;

struct posting_changes *posting_changes_new(void);
void posting_changes_free(struct posting_changes *changes);
void posting_change(struct posting_changes *changes, uint32_t row, struct slice term, bool has);
/* fresh: from this chunk on there is nothing yet; UINT32_MAX: nobody knows. */
bool posting_write(struct posting_changes *changes, struct sql *sql, uint32_t fresh);
