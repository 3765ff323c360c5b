#include "decode/private_write.h"

#include "decode/private.h"

#include <unistd.h>

static bool write_all(int fd, struct slice bytes)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);

        if (n <= 0)
            return false;
        bytes = slice_from_offset(bytes, (size_t)n);
    }
    return true;
}

static bool write_mask(struct decoding *decoding, struct slice file, size_t i)
{
    struct mask mask;
    struct buf bytes;

    mask_init(&mask, decoding->arena);
    if (!private_find(file, &mask))
        return true;
    buf_init(&bytes, MASK_MAX_BYTES);
    bool fine = mask_format(&mask, &bytes) && write_all(decoding->outputs[i], buf_slice(&bytes));
    buf_fini(&bytes);
    if (!fine)
        return decoding_fail(decoding, WIRE_REASON_STORAGE, "The mask cannot be written.");
    decoding_made(decoding, i);
    return true;
}

bool private_write(struct decoding *decoding)
{
    struct slice file;
    bool fine = true;

    if (!decoding_map(decoding, &file))
        return decoding_fail(decoding, WIRE_REASON_OUT_OF_MEMORY, "The original cannot be mapped.");
    for (size_t i = 0; i < decoding->request.outputs_count && fine; i++)
        if (decoding->request.outputs[i].product == WIRE_PRODUCT_MASK)
            fine = write_mask(decoding, file, i);
    decoding_unmap(file);
    return fine;
}
