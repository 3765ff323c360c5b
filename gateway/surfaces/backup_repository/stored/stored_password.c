#include "gateway/surfaces/backup_repository/stored/stored_password.h"

#include "base/text.h"

#include <assert.h>
#include <sodium.h>

enum { PHC_PARTS = 6 };

/* $argon2id$v=19$m=..,t=..,p=..$salt$hash: of the six parts between the signs the first is empty.
 */
static bool split_phc(struct slice phc, struct slice parts[PHC_PARTS])
{
    size_t n = 0;

    while (n < PHC_PARTS && slice_split(phc, '$', &parts[n], &phc))
        n++;
    return n == PHC_PARTS && !phc.p && parts[0].n == 0;
}

/* Line ends in base64 do not count: whoever wraps it in a YAML block has some. */
static struct slice without_line_ends(struct arena *arena, struct slice text)
{
    char *p = arena_alloc(arena, text.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != '\r' && text.p[i] != '\n')
            p[n++] = text.p[i];
    return (struct slice){p, n};
}

static bool strip_padding(struct arena *arena, struct slice *part)
{
    struct slice bytes;

    if (!text_unbase64(arena, *part, &bytes))
        return false;
    while (slice_ends_with(*part, SLICE("=")))
        part->n--;
    return true;
}

struct slice stored_password_phc(struct arena *arena, struct slice stored)
{
    struct slice padded, parts[PHC_PARTS];
    size_t at;

    if (!text_unbase64(arena, without_line_ends(arena, stored), &padded) ||
        slice_find(padded, '\0', &at) || !split_phc(padded, parts) ||
        !strip_padding(arena, &parts[4]) || !strip_padding(arena, &parts[5]))
        return SLICE_NONE;
    struct slice phc =
        arena_printf(arena, "$%.*s$%.*s$%.*s$%.*s$%.*s", SLICE_ARG(parts[1]), SLICE_ARG(parts[2]),
                     SLICE_ARG(parts[3]), SLICE_ARG(parts[4]), SLICE_ARG(parts[5]));
    return password_phc_acceptable(phc) ? phc : SLICE_NONE;
}

static const char *padding(struct slice unpadded)
{
    static const char *const missing[] = {"", "===", "==", "="};

    return missing[unpadded.n % 4];
}

struct slice stored_password_make(struct arena *arena, struct slice password)
{
    const struct password_kind kind = STORED_PASSWORD_KIND;
    struct slice parts[PHC_PARTS];
    char made[crypto_pwhash_STRBYTES];

    int failed = crypto_pwhash_str_alg(made, password.p ? password.p : "", password.n, kind.passes,
                                       (size_t)kind.memory_kib << 10, crypto_pwhash_ALG_ARGON2ID13);
    assert(!failed);
    bool split = split_phc(slice_from(made), parts);
    assert(split);
    return text_base64(arena,
                       arena_printf(arena, "$%.*s$%.*s$%.*s$%.*s%s$%.*s%s", SLICE_ARG(parts[1]),
                                    SLICE_ARG(parts[2]), SLICE_ARG(parts[3]), SLICE_ARG(parts[4]),
                                    padding(parts[4]), SLICE_ARG(parts[5]), padding(parts[5])));
}
