/* words.h: texts as words to be searched by: folded (base/fold.h), split by the rules of SQLite's
 * tokenizer unicode61 into runs of letters, digits and symbols. Scripts without gaps (ideographs,
 * kana) give a word for each letter and, where two stand side by side, one more for the pair. */
#pragma once

#include "base/arena.h"

#include <sqlite3.h>

struct words { /* of one connection, and gone with it */
    Fts5Tokenizer *tokenizer;
    fts5_tokenizer methods;
};

/* False: this SQLite has no FTS5. */
bool words_open(struct words *words, sqlite3 *db);
void words_close(struct words *words); /* before its connection; zeroed is allowed */

/* As titles are ordered by; lives in the arena. */
struct slice words_fold(struct arena *arena, struct slice text);

/* In the arena, in the order of the text. */
void words_split(const struct words *words, struct arena *arena, struct slice text,
                 struct slice **out, size_t *n);
