#include "decode/decoding.h"

#include <sys/mman.h>
#include <sys/stat.h>

bool decoding_fail(struct decoding *decoding, enum wire_reason reason, const char *message)
{
    decoding->reason = reason;
    decoding->message = slice_from(message);
    return false;
}

bool decoding_elsewhere(struct decoding *decoding)
{
    decoding->elsewhere = true;
    return false;
}

void decoding_take_size(struct decoding *decoding, uint64_t width, uint64_t height, bool turned)
{
    decoding->results.width = turned ? height : width;
    decoding->results.height = turned ? width : height;
}

void decoding_made(struct decoding *decoding, size_t i)
{
    const struct wire_decode *request = &decoding->request;

    if (!decoding->made)
        decoding->made = ARENA_ARRAY(decoding->arena, struct wire_output, request->outputs_count);
    decoding->made[decoding->made_count++] = request->outputs[i];
}

bool decoding_map(const struct decoding *decoding, struct slice *file)
{
    struct stat info;

    if (fstat(decoding->input, &info) != 0 || info.st_size <= 0)
        return false;
    size_t n = (size_t)info.st_size;
    void *bytes = mmap(NULL, n, PROT_READ, MAP_PRIVATE, decoding->input, 0);
    *file = (struct slice){bytes, n};
    return bytes != MAP_FAILED;
}

void decoding_unmap(struct slice file)
{
    munmap((void *)(uintptr_t)file.p, file.n);
}
