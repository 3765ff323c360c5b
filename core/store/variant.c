#include "store/variant.h"

#include <assert.h>

static const struct variant_row rows[VARIANT_COUNT] = {
#define VARIANT(name, kind, text, pixels, bit, file, mime, former_bit, former_file, former_mime)   \
    [VARIANT_##name] = {SLICE_INIT(text),                                                          \
                        kind,                                                                      \
                        pixels,                                                                    \
                        {bit, SLICE_INIT(file), mime},                                             \
                        {former_bit, SLICE_INIT(former_file), former_mime}},
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

unsigned variant_renewed(unsigned bits)
{
    for (enum variant v = 0; v < VARIANT_COUNT; v++)
        if (bits & rows[v].former.bit)
            bits = (bits & ~rows[v].former.bit) | rows[v].now.bit;
    return bits;
}

bool variant_exists(unsigned bits, enum variant variant)
{
    return (variant_renewed(bits) & VARIANT_BIT(variant)) != 0;
}
