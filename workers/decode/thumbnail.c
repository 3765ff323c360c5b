#include "decode/thumbnail.h"

#include "decode/jpeg_write.h"

/* The largest thumbnail that is not made yet. */
static bool next_output(const struct wire_decode *request, const bool *used, size_t *at)
{
    bool found = false;

    for (size_t i = 0; i < request->outputs_count; i++) {
        if (used[i] || request->outputs[i].product != WIRE_PRODUCT_THUMBNAIL ||
            (found && request->outputs[i].size <= request->outputs[*at].size))
            continue;
        *at = i;
        found = true;
    }
    return found;
}

int thumbnail_largest(const struct wire_decode *request)
{
    const bool *none = (const bool[16]){false};
    size_t at;

    return next_output(request, none, &at) ? (int)request->outputs[at].size : 0;
}

/* Each from the one before, which holds at least its pixels. */
bool thumbnail_write_planes(struct decoding *decoding, const struct planes *planes)
{
    const struct wire_decode *request = &decoding->request;
    bool *used = ARENA_ARRAY(decoding->arena, bool, request->outputs_count);
    struct planes last = *planes;
    size_t at = 0;

    while (next_output(request, used, &at)) {
        int width, height;

        planes_fit(planes->plane[0].width, planes->plane[0].height, (int)request->outputs[at].size,
                   &width, &height);
        if (!planes_scale(decoding->arena, &last, width, height, false, &last) ||
            !jpeg_write(decoding->arena, &last, decoding->outputs[at]))
            return decoding_fail(decoding, WIRE_REASON_INTERNAL,
                                 "The thumbnails cannot be written.");
        decoding_made(decoding, at);
        used[at] = true;
    }
    return true;
}
