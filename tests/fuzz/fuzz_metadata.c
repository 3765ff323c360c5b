/* Any bytes as a file whose metadata is read: what comes out is what may go over the wire, and the
 * same a second time. */
#include "fuzz.h"

#include "decode/metadata.h"

#include <assert.h>

static struct slice read_once(struct arena *arena, struct slice file)
{
    struct wire_message message = {.type = WIRE_DECODED};
    struct found found;
    struct buf out;

    found_init(&found, arena);
    metadata_read(&found, file);
    assert(found.orientation <= 8);
    metadata_put(&found, &message.decoded.results);
    buf_init(&out, WIRE_MAX_BYTES);
    assert(wire_encode(&out, &message)); /* asserts every bound of wire.yaml */
    struct slice bytes = arena_dup(arena, buf_slice(&out));
    buf_fini(&out);
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct slice file = {(const char *)bytes, n};
    struct arena *arena = arena_new();

    assert(slice_eq(read_once(arena, file), read_once(arena, file)));
    arena_free(arena);
    return 0;
}
