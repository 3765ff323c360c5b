/* What looks at the bytes of pictures before a library does, and our way through libjpeg-turbo. */
#include "base/clock.h"
#include "decode/jpeg.h"
#include "decode/tiff_pictures.h"
#include "fuzz.h"
#include "pictures/nclx.h"

enum { MAX_PIXELS = 1 << 20, PATIENCE_MS = 10000, MEMORY_BYTES = 1 << 30 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *arena = arena_new();
    struct slice file = {(const char *)data, n};
    struct decoding decoding = {.arena = arena,
                                .request = {.max_pixels = MAX_PIXELS, .memory_bytes = MEMORY_BYTES},
                                .give_up_ms = clock_ms() + PATIENCE_MS};
    struct tiff_pictures pictures;
    struct nclx nclx;

    nclx_find(file, &nclx);
    if (tiff_pictures(file, &pictures) && pictures.preview.n)
        file = pictures.preview;
    if (jpeg_is(file))
        jpeg_decode(&decoding, file, 6);
    arena_free(arena);
    return 0;
}
