#include "store/layout.h"

#include "base/crypto.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool layout_is_hash(struct slice name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!is_hex(name.p[i]))
            return false;
    return name.n == SHA256_HEX;
}

void layout_blob(char out[LAYOUT_PATH_MAX], struct slice sha256_hex)
{
    assert(layout_is_hash(sha256_hex));
    snprintf(out, LAYOUT_PATH_MAX, "blobs/%.2s/%.2s/%.*s", sha256_hex.p, sha256_hex.p + 2,
             SLICE_ARG(sha256_hex));
}

void layout_variants(char out[LAYOUT_PATH_MAX], struct slice sha256_hex)
{
    assert(layout_is_hash(sha256_hex));
    snprintf(out, LAYOUT_PATH_MAX, "variants/%.*s", SLICE_ARG(sha256_hex));
}

void layout_variant(char out[LAYOUT_PATH_MAX], struct slice sha256_hex, struct slice file)
{
    size_t at;

    assert(layout_is_hash(sha256_hex));
    assert(file.n > 0 && file.n < 64 && file.p[0] != '.' && !slice_find(file, '/', &at));
    snprintf(out, LAYOUT_PATH_MAX, "variants/%.*s/%.*s", SLICE_ARG(sha256_hex), SLICE_ARG(file));
}

void layout_trashed_blob(char out[LAYOUT_PATH_MAX], struct slice sha256_hex)
{
    assert(layout_is_hash(sha256_hex));
    snprintf(out, LAYOUT_PATH_MAX, "trash/%.*s", SLICE_ARG(sha256_hex));
}

void layout_trashed_variants(char out[LAYOUT_PATH_MAX], struct slice sha256_hex)
{
    assert(layout_is_hash(sha256_hex));
    snprintf(out, LAYOUT_PATH_MAX, "trash/%.*s" LAYOUT_TRASHED_VARIANTS, SLICE_ARG(sha256_hex));
}

bool layout_is_id(struct slice name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              c == '_'))
            return false;
    }
    return name.n > 0 && name.n <= 64;
}

void layout_partial(char out[LAYOUT_PATH_MAX], struct slice name)
{
    assert(layout_is_id(name));
    snprintf(out, LAYOUT_PATH_MAX, LAYOUT_PARTIAL "/%.*s", SLICE_ARG(name));
}

void layout_partial_hash(char out[LAYOUT_PATH_MAX], struct slice name)
{
    assert(layout_is_id(name));
    snprintf(out, LAYOUT_PATH_MAX, LAYOUT_PARTIAL "/%.*s.hash", SLICE_ARG(name));
}
