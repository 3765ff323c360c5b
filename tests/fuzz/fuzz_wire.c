/* Any bytes as a message: what is accepted must be the same after it was written again. */
#include "fuzz.h"

#include "wire/wire.h"

#include <assert.h>
#include <string.h>

static struct slice write_down(struct arena *arena, const struct wire_message *message)
{
    struct buf out;

    buf_init(&out, 2 * WIRE_MAX_BYTES);
    bool fine = wire_encode(&out, message);
    assert(fine);
    struct slice text = arena_dup(arena, buf_slice(&out));
    buf_fini(&out);
    return text;
}

/* What was found in an earlier version goes on to be read as far as it was then. */
static struct slice of_today(struct arena *arena, const uint8_t *bytes, size_t size)
{
    static const char head[] = "\xa1v"; /* behind the byte that begins the map */
    char *copy = arena_alloc(arena, size + 1);

    memcpy(copy, bytes, size);
    if (size > 3 && memcmp(copy + 1, head, 2) == 0)
        copy[3] = WIRE_VERSION;
    return (struct slice){copy, size};
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    struct wire_message message, again;

    if (wire_decode(arena, of_today(arena, bytes, size), &message) == WIRE_FINE) {
        struct slice first = write_down(arena, &message);

        if (first.n <= WIRE_MAX_BYTES) {
            assert(wire_decode(arena, first, &again) == WIRE_FINE);
            assert(again.type == message.type);
            assert(slice_eq(first, write_down(arena, &again)));
        }
    }
    arena_free(arena);
    return 0;
}
