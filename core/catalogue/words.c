#include "catalogue/words.h"

#include "base/buf.h"
#include "base/fold.h"
#include "base/utf8.h"

#include <string.h>

static bool stands_alone(uint32_t code)
{
    return (code >= 0x3040 && code <= 0x30ff) || /* Hiragana, Katakana */
           (code >= 0x3400 && code <= 0x9fff) || /* ideographs */
           (code >= 0xf900 && code <= 0xfaff) || (code >= 0x20000 && code <= 0x3ffff);
}

static struct slice taken(struct arena *arena, struct buf *buf)
{
    struct slice text = arena_dup(arena, buf_slice(buf));

    buf_fini(buf);
    return text;
}

struct slice words_fold(struct arena *arena, struct slice text)
{
    struct slice rest = text_fold(arena, text);
    struct buf out;

    buf_init(&out, SIZE_MAX);
    while (rest.n) {
        uint32_t code = 0;
        size_t n = utf8_take(rest, &code);
        struct slice one = {rest.p, n ? n : 1};

        /* A NUL would end the text for SQLite; what is no UTF-8 is a gap between words. */
        buf_add(&out, n && code ? one : SLICE(" "));
        if (stands_alone(code))
            buf_add(&out, SLICE(" "));
        rest = slice_from_offset(rest, one.n);
    }
    return taken(arena, &out);
}

/* -- Splitting -------------------------------------------------------------------------------- */

static fts5_api *find_api(sqlite3 *db)
{
    sqlite3_stmt *statement;
    fts5_api *api = NULL;

    if (sqlite3_prepare_v2(db, "SELECT fts5(?)", -1, &statement, NULL) != SQLITE_OK)
        return NULL;
    sqlite3_bind_pointer(statement, 1, (void *)&api, "fts5_api_ptr", NULL);
    sqlite3_step(statement);
    sqlite3_finalize(statement);
    return api;
}

bool words_open(struct words *words, sqlite3 *db)
{
    static const char *arguments[] = {"remove_diacritics", "2", "categories", "L* N* Co So"};
    fts5_api *api = find_api(db);
    void *context;

    *words = (struct words){0};
    return api && api->xFindTokenizer(api, "unicode61", &context, &words->methods) == SQLITE_OK &&
           words->methods.xCreate(context, arguments, sizeof arguments / sizeof *arguments,
                                  &words->tokenizer) == SQLITE_OK;
}

void words_close(struct words *words)
{
    if (words->tokenizer)
        words->methods.xDelete(words->tokenizer);
    words->tokenizer = NULL;
}

struct splitting {
    struct arena *arena;
    struct slice *words;
    size_t n, room;
    struct slice last; /* the word before, if it stands alone */
    int last_end;
};

static void add_word(struct splitting *splitting, struct slice word)
{
    if (splitting->n == splitting->room) {
        size_t room = splitting->room ? 2 * splitting->room : 16;
        struct slice *more = ARENA_ARRAY(splitting->arena, struct slice, room);

        if (splitting->n)
            memcpy(more, splitting->words, splitting->n * sizeof *more);
        splitting->words = more;
        splitting->room = room;
    }
    splitting->words[splitting->n++] = word;
}

/* words_fold() has put one blank behind each letter that stands alone. */
static int on_token(void *arg, int flags, const char *token, int n, int start, int end)
{
    struct splitting *splitting = arg;
    struct slice word = arena_dup(splitting->arena, (struct slice){token, (size_t)n});
    uint32_t code = 0;
    bool alone = utf8_take(word, &code) == word.n && stands_alone(code);

    add_word(splitting, word);
    if (alone && splitting->last.n && start == splitting->last_end + 1)
        add_word(splitting, arena_printf(splitting->arena, "%.*s%.*s", SLICE_ARG(splitting->last),
                                         SLICE_ARG(word)));
    splitting->last = alone ? word : SLICE_NONE;
    splitting->last_end = end;
    return SQLITE_OK;
}

void words_split(const struct words *words, struct arena *arena, struct slice text,
                 struct slice **out, size_t *n)
{
    struct splitting splitting = {.arena = arena};
    struct slice folded = words_fold(arena, text);

    words->methods.xTokenize(words->tokenizer, &splitting, FTS5_TOKENIZE_DOCUMENT, folded.p,
                             (int)folded.n, on_token);
    *out = splitting.words;
    *n = splitting.n;
}
