/* Any bytes as a position: there is one spelling of each, so what is taken for ours is written
 * again just so. The first byte chooses the number of partitions. */
#include "fuzz.h"

#include "state/position.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct arena *arena = arena_new();
    struct position position;

    if (n > 0) {
        unsigned partitions = 1 + bytes[0] % 4;
        struct slice text = {(const char *)bytes + 1, n - 1};

        if (position_parse(arena, text, partitions, &position)) {
            assert(position.partitions == partitions);
            assert(slice_eq(position_format(arena, &position), text));
        }
    }
    arena_free(arena);
    return 0;
}
