#include "state/record_shape.h"

#include <assert.h>

struct slice record_enum_name(const struct slice *names, size_t n, unsigned value)
{
    assert(value < n);
    return names[value];
}

bool record_enum_parse(const struct slice *names, size_t n, struct slice name, unsigned *out)
{
    for (unsigned i = 0; i < n; i++) {
        if (slice_eq(name, names[i])) {
            *out = i;
            return true;
        }
    }
    return false;
}
