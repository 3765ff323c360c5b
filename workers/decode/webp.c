#include "decode/webp.h"

#include "decode/bytes.h"

enum { FIRST = 12, BODY = 20, HEAD_BYTES = 30, EDGE = 0x3fff };

bool webp_size(struct slice file, uint64_t *width, uint64_t *height)
{
    if (file.n < HEAD_BYTES || !slice_starts_with(file, SLICE("RIFF")) ||
        !slice_eq((struct slice){file.p + 8, 4}, SLICE("WEBP")))
        return false;
    const struct slice kind = {file.p + FIRST, 4};
    const char *body = file.p + BODY;
    if (slice_eq(kind, SLICE("VP8X"))) {
        *width = bytes_number(body + 4, 3, true) + 1;
        *height = bytes_number(body + 7, 3, true) + 1;
    } else if (slice_eq(kind, SLICE("VP8L"))) {
        uint64_t sizes = bytes_number(body + 1, 4, true);

        *width = (sizes & EDGE) + 1;
        *height = (sizes >> 14 & EDGE) + 1;
    } else if (slice_eq(kind, SLICE("VP8 "))) {
        *width = bytes_number(body + 6, 2, true) & EDGE;
        *height = bytes_number(body + 8, 2, true) & EDGE;
    } else {
        return false;
    }
    return true;
}
