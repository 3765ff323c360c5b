#include "decode/jpeg_profile.h"

#include <string.h>

enum { HEAD_BYTES = 14 }; /* "ICC_PROFILE\0", the part's number, how many */

void jpeg_profile_keep(struct jpeg_decompress_struct *jpeg)
{
    jpeg_save_markers(jpeg, JPEG_APP0 + 2, 0xffff);
}

static bool is_part(const struct jpeg_marker_struct *marker)
{
    return marker->marker == JPEG_APP0 + 2 && marker->data_length > HEAD_BYTES &&
           memcmp(marker->data, "ICC_PROFILE", 12) == 0;
}

/* In the order of their numbers, which begin with 1. */
static const struct jpeg_marker_struct *find_part(const struct jpeg_decompress_struct *jpeg,
                                                  unsigned number)
{
    for (const struct jpeg_marker_struct *marker = jpeg->marker_list; marker; marker = marker->next)
        if (is_part(marker) && marker->data[12] == number)
            return marker;
    return NULL;
}

struct slice jpeg_profile(struct arena *arena, const struct jpeg_decompress_struct *jpeg)
{
    const struct jpeg_marker_struct *first = find_part(jpeg, 1);
    unsigned parts = first ? first->data[13] : 0;
    size_t n = 0;

    for (unsigned i = 1; i <= parts; i++) {
        const struct jpeg_marker_struct *part = find_part(jpeg, i);

        if (!part)
            return SLICE_NONE;
        n += part->data_length - HEAD_BYTES;
    }
    char *bytes = arena_alloc(arena, n + 1), *to = bytes;
    for (unsigned i = 1; i <= parts; i++) {
        const struct jpeg_marker_struct *part = find_part(jpeg, i);

        memcpy(to, part->data + HEAD_BYTES, part->data_length - HEAD_BYTES);
        to += part->data_length - HEAD_BYTES;
    }
    return (struct slice){bytes, n};
}
