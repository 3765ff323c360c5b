/* variant.h: the files derived from an original, from schemas/variants.yaml: thumbnails in a few
 * sizes, renditions of videos, and the mask (core/base/mask.h) of what strangers do not see of it.
 * A media record keeps a bit for each that exists; another one for what an older version has made,
 * until the job that makes it anew is queued. The file of then is served as long as the present one
 * is not there. */
#pragma once

#include "base/slice.h"

enum variant_kind { VARIANT_THUMBNAIL, VARIANT_RENDITION, VARIANT_MASK };

enum variant {
#define VARIANT(name, ...) VARIANT_##name,
#include "variants.def"
#undef VARIANT
    VARIANT_COUNT
};

struct variant_file {
    unsigned bit;      /* in a media record; 0: there never was such a file */
    struct slice name; /* in the store, beside its siblings */
    const char *mime;
};

struct variant_row {
    struct slice name; /* "small", "720p": in queries and answers; empty: it is never shown */
    enum variant_kind kind;
    unsigned pixels; /* longest side of a thumbnail, height of a rendition */
    struct variant_file now, former;
};

const struct variant_row *variant_row(enum variant variant);
bool variant_parse(struct slice name, enum variant *out);
#define VARIANT_BIT(variant) (variant_row(variant)->now.bit)

/* The bits of a record once all that is of an older version is being made anew. */
unsigned variant_renewed(unsigned bits);

/* Do a record's bits say that there is one, of whatever version? */
bool variant_exists(unsigned bits, enum variant variant);
