/* variant.h: the files derived from an original, from schemas/variants.yaml: thumbnails in a few
 * sizes, renditions of videos, and the mask (core/base/mask.h) of what strangers do not see of it.
 *
 * A media record has a row for each that was made, a text of words:
 *     small image/jpeg 10233 3f2a9c0148e19b0d5c6f7a8b9c0d1e2f
 *     name  type       bytes ETag: the first digits of the SHA-256 of its bytes
 * "asked" behind them: it is of another type than today's, and a job was queued once to make it
 * anew. The file's name has the ETag in it, "small-3f2a....jpg", so a file once kept never changes,
 * and a row tells of nothing but the bytes that it names, whoever else has the same original.
 *
 * Records from before there were rows hold a number instead, a bit for each file; their files have
 * plain names, and size and ETag ("-" in rows made of them) are not known. */
#pragma once

#include "base/arena.h"

enum { VARIANT_ETAG_HEX = 32, VARIANT_FILE_BYTES = 64 };

enum variant_kind { VARIANT_THUMBNAIL, VARIANT_RENDITION, VARIANT_MASK };

enum variant {
#define VARIANT(name, ...) VARIANT_##name,
#include "variants.def"
#undef VARIANT
    VARIANT_COUNT
};

struct variant_file {
    struct slice name; /* "small.jpg", without its ETag; empty: there never was such a file */
    const char *mime;
    unsigned bit; /* of the number in records of before; 0: it has none */
};

struct variant_row {
    struct slice name; /* "small", "720p": in records, and unless a mask in queries and answers */
    enum variant_kind kind;
    unsigned pixels; /* longest side of a thumbnail, height of a rendition */
    struct variant_file now, former;
};

const struct variant_row *variant_row(enum variant variant);
/* Of a query: no mask has a name there. */
bool variant_parse(struct slice name, enum variant *out);

/* What was made, as a record's row says it. */
struct variant_made {
    const struct variant_file *file;
    uint64_t size;     /* bytes */
    struct slice etag; /* empty: of before there were rows, size and ETag are not known */
    bool asked;
};

/* A media record's. */
#define VARIANTS_OF(media) (media)->variants, (media)->variant_count

/* False: it was not made. The ETag is a piece of its row. */
bool variant_find(const struct slice *rows, size_t n, enum variant variant,
                  struct variant_made *out);
bool variant_exists(const struct slice *rows, size_t n, enum variant variant);
/* Is one of another type than variants.yaml now says, and no job was ever queued for it? */
bool variant_outdated(const struct slice *rows, size_t n);

bool variant_is_etag(struct slice word);
struct slice variant_format(struct arena *arena, enum variant variant,
                            const struct variant_made *made);
/* The same rows, those of another type marked as asked for, and without those that are lost (one
 * flag for each variant; NULL: none is). */
struct slice *variant_asked(struct arena *arena, const struct slice *rows, size_t n,
                            const bool *lost, size_t *out_n);

/* A file's name in the store: of "small.jpg" and its ETag "small-<etag>.jpg", without one
 * "small.jpg". `plain` is no longer than the names of variants.yaml. */
void variant_file_name(char out[VARIANT_FILE_BYTES], struct slice plain, struct slice etag);
