/* Header first, then limits, then one decode that shrinks while loading. */
#include "decode/image.h"

#include "decode/jpeg.h"
#include "decode/metadata.h"
#include "decode/nclx.h"
#include "decode/thumbnail.h"
#include "decode/tiff_pictures.h"
#include "decode/upright.h"
#include "decode/video.h"

#include <string.h>

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
    const char *options; /* of the loader: which picture of the file, and how strictly */
    const struct nclx *nclx;
    struct arena *arena;
    unsigned orientation;
};

static bool finish(const struct picture *picture, VipsImage **image)
{
    if (picture->nclx && !nclx_apply(picture->arena, picture->nclx, image))
        return false;
    return upright_turn(image, picture->orientation);
}

/* A level that was chosen: libvips' own choice in a pyramid is not always one that is there. */
static bool load_level(const struct picture *picture, int size, VipsImage **out)
{
    VipsImage *level = vips_image_new_from_source(picture->source, picture->options, "access",
                                                  VIPS_ACCESS_SEQUENTIAL, NULL);
    bool fine = level && vips_thumbnail_image(level, out, size, "height", size, "size",
                                              VIPS_SIZE_DOWN, "no_rotate", TRUE, NULL) == 0;

    if (level)
        g_object_unref(level);
    return fine;
}

/* Broken and cut off files are refused: a grey half of a photo is worse than a clear word, and
 * permissive loading has leaked uninitialised memory before. As a loader's option, because the
 * operation's own "fail_on" is not heeded for sources (libvips issue 5195). */
static bool load_scaled(void *from, int size, VipsImage **out)
{
    const struct picture *picture = from;

    if (picture->options)
        return load_level(picture, size, out) && finish(picture, out);
    return vips_thumbnail_source(picture->source, out, size, "height", size, "size", VIPS_SIZE_DOWN,
                                 "no_rotate", TRUE, "option_string", "[fail_on=error]",
                                 NULL) == 0 &&
           finish(picture, out);
}

static bool decode_picture(struct decoding *decoding, struct picture *picture)
{
    const char *options = picture->options ? picture->options : "";

    if (!vips_foreign_find_load_source(picture->source)) {
        vips_error_clear();
        return decoding_fail(decoding, WIRE_REASON_UNSUPPORTED,
                             "This is not a picture of a kind that is decoded here.");
    }
    VipsImage *header = vips_image_new_from_source(picture->source, options, "access",
                                                   VIPS_ACCESS_SEQUENTIAL, NULL);
    if (!header)
        return thumbnail_fail(decoding);
    bool fine = check_size(decoding, header, picture->orientation);
    g_object_unref(header);
    return fine && thumbnail_write_all(decoding, load_scaled, picture);
}

/* Takes over source, which may be NULL after an error. nclx may be NULL: nothing is known. */
static bool decode_source(struct decoding *decoding, VipsSource *source, const char *options,
                          const struct nclx *nclx, unsigned orientation)
{
    struct picture picture = {source, options, nclx, decoding->arena, orientation};

    if (!source)
        return thumbnail_fail(decoding);
    bool fine = decode_picture(decoding, &picture);
    g_object_unref(source);
    return fine;
}

static bool decode_by_libvips(struct decoding *decoding, struct slice file, unsigned orientation)
{
    struct nclx nclx;
    bool known = nclx_find(file, &nclx);

    return decode_source(decoding, vips_source_new_from_memory(file.p, file.n), NULL,
                         known ? &nclx : NULL, orientation);
}

/* -- TIFF, and raw files of that shape -- */

static bool decode_tiff(struct decoding *decoding, struct tiff_pictures pictures,
                        unsigned orientation)
{
    if (pictures.raw && pictures.preview.n == 0)
        return decoding_fail(decoding, WIRE_REASON_UNSUPPORTED,
                             "Raw files without a preview are not developed here.");
    if (pictures.raw)
        return jpeg_decode(decoding, pictures.preview, orientation);
    struct slice options = arena_printf(decoding->arena, "[page=%u,subifd=%d,fail_on=error]",
                                        pictures.page, pictures.subifd);
    return decode_source(decoding, vips_source_new_from_descriptor(decoding->input), options.p,
                         NULL, orientation);
}

/* -- HEIC and AVIF (ISO 23008-12) -- */

/* libvips knows the kind by its first brand alone, which may be that of a whole family. */
static bool has_family_brand(struct slice file)
{
    static const char *const families[] = {"miaf", "msf1", "avis", "hevc", "hevx",
                                           "MiHB", "MiHE", "MA1B", "MA1A"};

    for (size_t i = 0; file.n > 16 && i < sizeof families / sizeof *families; i++)
        if (memcmp(file.p + 4, "ftyp", 4) == 0 && memcmp(file.p + 8, families[i], 4) == 0)
            return true;
    return false;
}

/* As the kind that all know: its brand of pictures. What has none is a sequence of frames, of which
 * the first that can be seen is its picture. */
static bool decode_family(struct decoding *decoding, struct slice file, unsigned orientation)
{
    struct slice copy = arena_dup(decoding->arena, file);
    char *brand = (char *)(uintptr_t)copy.p + 8;

    memcpy(brand, memcmp(brand, "av", 2) == 0 ? "avif" : "mif1", 4);
    if (decode_by_libvips(decoding, copy, orientation))
        return true;
    if (!video_decode(decoding))
        return false;
    if (decoding->results.nature != WIRE_NATURE_VIDEO)
        return decoding_fail(decoding, WIRE_REASON_UNSUPPORTED, "There is no picture in it.");
    decoding->results.nature = WIRE_NATURE_IMAGE;
    decoding->results.duration_ms = 0;
    return true;
}

bool image_decode(struct decoding *decoding)
{
    struct tiff_pictures pictures;
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
    else if (tiff_pictures(file, &pictures))
        fine = decode_tiff(decoding, pictures, found.orientation);
    else if (has_family_brand(file))
        fine = decode_family(decoding, file, found.orientation);
    else
        fine = decode_by_libvips(decoding, file, found.orientation);
    decoding_unmap(file);
    return fine;
}
