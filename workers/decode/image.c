/* Header first, then limits, then one decode that shrinks while loading. */
#include "decode/image.h"

#include "decode/jpeg.h"
#include "decode/metadata.h"
#include "decode/thumbnail.h"
#include "decode/upright.h"

#include <vips/vips.h>

static bool is_set(VipsImage *header, const char *field)
{
    int value = 0;

    return vips_image_get_typeof(header, field) && vips_image_get_int(header, field, &value) == 0 &&
           value != 0;
}

static bool check_size(struct decoding *decoding, VipsImage *header, unsigned orientation)
{
    bool interlaced = is_set(header, "jpeg-multiscan") || is_set(header, "interlaced");

    return decoding_take_size(decoding, (uint64_t)vips_image_get_width(header),
                              (uint64_t)vips_image_get_height(header), upright_swaps(orientation),
                              interlaced);
}

/* What is made thumbnails of. */
struct picture {
    VipsSource *source;
    unsigned orientation;
};

/* Broken and cut off files are refused: a grey half of a photo is worse than a clear word, and
 * permissive loading has leaked uninitialised memory before. As a loader's option, because the
 * operation's own "fail_on" is not heeded for sources (libvips issue 5195). */
static bool load_scaled(void *from, int size, VipsImage **out)
{
    const struct picture *picture = from;

    return vips_thumbnail_source(picture->source, out, size, "height", size, "size", VIPS_SIZE_DOWN,
                                 "no_rotate", TRUE, "option_string", "[fail_on=error]",
                                 NULL) == 0 &&
           upright_turn(out, picture->orientation);
}

static bool decode_picture(struct decoding *decoding, struct picture *picture)
{
    if (!vips_foreign_find_load_source(picture->source)) {
        vips_error_clear();
        return decoding_fail(decoding, WIRE_REASON_UNSUPPORTED,
                             "This is not a picture of a kind that is decoded here.");
    }
    VipsImage *header =
        vips_image_new_from_source(picture->source, "", "access", VIPS_ACCESS_SEQUENTIAL, NULL);
    if (!header)
        return thumbnail_fail(decoding);
    bool fine = check_size(decoding, header, picture->orientation);
    g_object_unref(header);
    return fine && thumbnail_write_all(decoding, load_scaled, picture);
}

static bool decode_by_libvips(struct decoding *decoding, unsigned orientation)
{
    struct picture picture = {vips_source_new_from_descriptor(decoding->input), orientation};

    if (!picture.source)
        return thumbnail_fail(decoding);
    bool fine = decode_picture(decoding, &picture);
    g_object_unref(picture.source);
    return fine;
}

bool image_decode(struct decoding *decoding)
{
    struct found found;
    struct slice file;
    bool fine;

    if (!decoding_map(decoding, &file))
        return decoding_fail(decoding, WIRE_REASON_UNSUPPORTED, "This file is empty.");
    found_init(&found, decoding->arena);
    metadata_read(&found, file);
    metadata_put(&found, &decoding->results);
    if (jpeg_is(file))
        fine = jpeg_decode(decoding, file, found.orientation);
    else
        fine = decode_by_libvips(decoding, found.orientation);
    decoding_unmap(file);
    return fine;
}
