/* Any bytes as a file that is shown to others: what is found lies in it, in order, and is the same
 * when its mask is written and read again; laying the mask over the file twice changes nothing. */
#include "fuzz.h"

#include "decode/private.h"

#include <assert.h>
#include <string.h>

static void check(struct arena *arena, struct slice file, const struct mask *mask)
{
    struct buf buf;
    struct mask back;
    uint64_t end = 0;

    for (size_t i = 0; i < mask->n; i++) {
        assert(mask->ranges[i].offset >= end && mask->ranges[i].length > 0);
        end = mask->ranges[i].offset + mask->ranges[i].length;
        assert(end <= file.n);
    }
    buf_init(&buf, MASK_MAX_BYTES);
    assert(mask_format(mask, &buf) && mask_parse(arena, buf_slice(&buf), &back));
    char *once = arena_cstr(arena, file), *twice = arena_cstr(arena, file);
    mask_apply(mask, 0, once, file.n);
    mask_apply(&back, 0, twice, file.n);
    mask_apply(&back, 0, twice, file.n);
    assert(memcmp(once, twice, file.n) == 0);
    buf_fini(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct slice file = {(const char *)bytes, n};
    struct arena *arena = arena_new();
    struct mask mask;

    mask_init(&mask, arena);
    if (private_find(file, &mask))
        check(arena, file, &mask);
    arena_free(arena);
    return 0;
}
