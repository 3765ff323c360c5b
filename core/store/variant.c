#include "store/variant.h"

#include <assert.h>

static const struct variant_row rows[VARIANT_COUNT] = {
#define VARIANT(name, text, file, mime, kind, pixels)                                              \
    [VARIANT_##name] = {SLICE_INIT(text), SLICE_INIT(file), mime, kind, pixels},
#include "variants.def"
#undef VARIANT
};

const struct variant_row *variant_row(enum variant variant)
{
    assert(variant < VARIANT_COUNT);
    return &rows[variant];
}

bool variant_parse(struct slice name, enum variant *out)
{
    for (enum variant v = 0; v < VARIANT_COUNT; v++) {
        if (name.n && slice_eq(rows[v].name, name)) {
            *out = v;
            return true;
        }
    }
    return false;
}
