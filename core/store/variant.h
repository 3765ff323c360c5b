/* variant.h: the files derived from an original, from schemas/variants.yaml: thumbnails in a few
 * sizes, renditions of videos, and the mask (core/base/mask.h) of what strangers do not see of it.
 * A media record keeps a bit for each that exists. */
#pragma once

#include "base/slice.h"

enum variant_kind { VARIANT_THUMBNAIL, VARIANT_RENDITION, VARIANT_MASK };

enum variant {
#define VARIANT(name, text, file, mime, kind, pixels) VARIANT_##name,
#include "variants.def"
#undef VARIANT
    VARIANT_COUNT
};

struct variant_row {
    struct slice name; /* "small", "720p": in queries and answers; empty: it is never shown */
    struct slice file; /* in the store, beside its siblings */
    const char *mime;
    enum variant_kind kind;
    unsigned pixels; /* longest side of a thumbnail, height of a rendition */
};

const struct variant_row *variant_row(enum variant variant);
bool variant_parse(struct slice name, enum variant *out);
#define VARIANT_BIT(variant) (1u << (variant))
