#include "base/fold.h"

#include "base/utf8.h"

#include <assert.h>
#include <string.h>

struct fold {
    uint32_t code;
    uint16_t at, n; /* of its folded form in fold_text */
};

#include "folds.def"

/* Syllables of Hangul, by arithmetic (The Unicode Standard, section 3.12). */
enum {
    HANGUL_FIRST = 0xac00,
    HANGUL_LAST = 0xd7a3,
    LEADING = 0x1100,
    VOWEL = 0x1161,
    TRAILING = 0x11a7,
    TRAILINGS = 28,
    SYLLABLES_OF_LEADING = 588,
    FOLDED_MAX = 40, /* bytes of one character's folded form */
};

static const struct fold *find(uint32_t code)
{
    size_t low = 0, high = sizeof folds / sizeof folds[0];

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (folds[middle].code == code)
            return &folds[middle];
        if (folds[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static size_t put_hangul(char *out, uint32_t code)
{
    uint32_t syllable = code - HANGUL_FIRST;
    size_t n = utf8_put(out, LEADING + syllable / SYLLABLES_OF_LEADING);

    n += utf8_put(out + n, VOWEL + syllable % SYLLABLES_OF_LEADING / TRAILINGS);
    if (syllable % TRAILINGS)
        n += utf8_put(out + n, TRAILING + syllable % TRAILINGS);
    return n;
}

/* Takes a character off the front; gives how many bytes its folded form has. */
static size_t fold_one(struct slice *text, char out[FOLDED_MAX])
{
    uint32_t code = (unsigned char)text->p[0];
    size_t taken = code < 0x80 ? 1 : utf8_take(*text, &code);
    const struct fold *fold;

    out[0] = (char)(code >= 'A' && code <= 'Z' ? code + 'a' - 'A' : code);
    *text = slice_from_offset(*text, taken ? taken : 1);
    if (taken == 0 || code < 0x80)
        return 1;
    if (code >= HANGUL_FIRST && code <= HANGUL_LAST)
        return put_hangul(out, code);
    if (!(fold = find(code)))
        return utf8_put(out, code);
    assert(fold->n <= FOLDED_MAX);
    memcpy(out, fold_text + fold->at, fold->n);
    return fold->n;
}

static size_t folded_bytes(struct slice text)
{
    char one[FOLDED_MAX];
    size_t n = 0;

    while (text.n)
        n += fold_one(&text, one);
    return n;
}

struct slice text_fold(struct arena *arena, struct slice text)
{
    size_t bytes = folded_bytes(text), n = 0;
    char *out = arena_alloc(arena, bytes + FOLDED_MAX);

    while (text.n)
        n += fold_one(&text, out + n);
    return (struct slice){out, n};
}
