#include "decode/metadata.h"

#include "decode/blocks.h"
#include "decode/exif.h"
#include "decode/xmp.h"

void metadata_read(struct found *found, struct slice file)
{
    struct blocks blocks;

    blocks_find(found->arena, file, &blocks);
    for (size_t i = blocks.exif_n; i-- > 0;)
        exif_read(found, blocks.exif[i]);
    for (size_t i = 0; i < blocks.xmp_n; i++)
        xmp_read(found, blocks.xmp[i]);
    if (blocks.upright)
        found->orientation = 0;
}

void metadata_of_input(const struct decoding *decoding, struct found *found)
{
    struct slice file;

    if (!decoding_map(decoding, &file))
        return;
    metadata_read(found, file);
    decoding_unmap(file);
}

void metadata_put(const struct found *found, struct wire_results *results)
{
    results->metadata = found->metadata;
    results->has_taken_ms = found->time != FOUND_TIMES;
    results->taken_ms = found->taken_ms;
}
