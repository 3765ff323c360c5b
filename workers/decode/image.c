/* Header first, then limits, then one decode that shrinks while loading. */
#include "decode/image.h"

#include "decode/metadata.h"
#include "decode/thumbnail.h"
#include "decode/upright.h"

#include <vips/vips.h>

/* Progressive JPEG and interlaced PNG are held in memory whole (6 bytes a pixel for the former):
 * 100 megapixels of them are what the memory watchdog lets pass. */
enum { MAX_INTERLACED_PIXELS = 100 * 1000 * 1000 };

static bool is_set(VipsImage *header, const char *field)
{
    int value = 0;

    return vips_image_get_typeof(header, field) && vips_image_get_int(header, field, &value) == 0 &&
           value != 0;
}

static bool check_size(struct decoding *decoding, VipsImage *header, unsigned orientation)
{
    uint64_t width = (uint64_t)vips_image_get_width(header);
    uint64_t height = (uint64_t)vips_image_get_height(header);
    uint64_t limit = decoding->request.max_pixels;
    bool interlaced = is_set(header, "jpeg-multiscan") || is_set(header, "interlaced");

    if (interlaced && limit > MAX_INTERLACED_PIXELS)
        limit = MAX_INTERLACED_PIXELS;
    if (width > limit || width * height > limit)
        return decoding_fail(decoding, WIRE_REASON_TOO_MANY_PIXELS,
                             "The picture has more pixels than are taken here.");
    bool swapped = upright_swaps(orientation);
    decoding->results.width = swapped ? height : width;
    decoding->results.height = swapped ? width : height;
    return true;
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

bool image_decode(struct decoding *decoding)
{
    struct picture picture = {.source = vips_source_new_from_descriptor(decoding->input)};
    struct found found;

    if (!picture.source)
        return thumbnail_fail(decoding);
    found_init(&found, decoding->arena);
    metadata_of_input(decoding, &found);
    metadata_put(&found, &decoding->results);
    picture.orientation = found.orientation;
    bool fine = decode_picture(decoding, &picture);
    g_object_unref(picture.source);
    return fine;
}
