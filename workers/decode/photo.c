#include "decode/photo.h"

#include "decode/excess.h"
#include "decode/jpeg.h"
#include "decode/metadata.h"

static bool decode_jpeg(struct decoding *decoding, struct slice file)
{
    struct found found;

    if (excess_found(decoding, file))
        return false;
    found_init(&found, decoding->arena);
    metadata_read(&found, file);
    metadata_put(&found, &decoding->results);
    return jpeg_decode(decoding, file, found.orientation);
}

static bool decode_photo(struct decoding *decoding)
{
    struct slice file;

    if (decoding->request.kind != WIRE_KIND_IMAGE || !decoding_map(decoding, &file))
        return decoding_elsewhere(decoding);
    bool fine = jpeg_is(file) ? decode_jpeg(decoding, file) : decoding_elsewhere(decoding);
    decoding_unmap(file);
    return fine;
}

const struct decode_skill photo_skill = {.run = decode_photo};
