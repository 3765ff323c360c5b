/* Header first, then limits, then one decode that shrinks while loading. */
#include "pictures/image.h"

#include "decode/appraisal.h"
#include "decode/excess.h"
#include "decode/jpeg.h"
#include "decode/metadata.h"
#include "decode/tiff_pictures.h"
#include "decode/webp.h"
#include "pictures/nclx.h"
#include "pictures/shrink.h"
#include "pictures/upright.h"

#include <string.h>
#include <sys/mman.h>

#include <vips/vips.h>

enum { PAGE_BYTES = 4096 };

static bool is_set(VipsImage *header, const char *field)
{
    int value = 0;

    return vips_image_get_typeof(header, field) && vips_image_get_int(header, field, &value) == 0 &&
           value != 0;
}

/* How libvips decodes what it has opened. */
static enum appraisal_way way_of(VipsImage *header)
{
    static const struct {
        const char *loader;
        enum appraisal_way way;
    } ways[] = {{"heif", APPRAISAL_HEIF}, {"gif", APPRAISAL_GIF}};
    const char *loader = "";

    if (vips_image_get_typeof(header, VIPS_META_LOADER))
        vips_image_get_string(header, VIPS_META_LOADER, &loader);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strncmp(loader, ways[i].loader, strlen(ways[i].loader)) == 0)
            return ways[i].way;
    return is_set(header, "interlaced") ? APPRAISAL_INTERLACED : APPRAISAL_ROWS;
}

/* Before libvips, which makes room for the whole picture when it is asked for the header. */
static bool admit_webp(struct decoding *decoding, uint64_t width, uint64_t height)
{
    return appraisal_admit(decoding,
                           &(struct appraisal){APPRAISAL_WEBP, width, height, width * height});
}

static bool admit(struct decoding *decoding, VipsImage *header, unsigned orientation)
{
    uint64_t width = (uint64_t)vips_image_get_width(header);
    uint64_t height = (uint64_t)vips_image_get_height(header);
    enum appraisal_way way = way_of(header);
    uint64_t each = 1;

    if (way == APPRAISAL_INTERLACED)
        each = (uint64_t)header->Bands * (header->BandFmt == VIPS_FORMAT_USHORT ? 2 : 1);
    decoding_take_size(decoding, width, height, upright_swaps(orientation));
    return appraisal_admit(decoding, &(struct appraisal){.way = way,
                                                         .width = width,
                                                         .height = height,
                                                         .units = width * height * each});
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
        return shrink_fail(decoding);
    bool fine = admit(decoding, header, picture->orientation);
    g_object_unref(header);
    return fine && shrink_write(decoding, load_scaled, picture);
}

/* Takes over source, which may be NULL after an error. nclx may be NULL: nothing is known. */
static bool decode_source(struct decoding *decoding, VipsSource *source, const char *options,
                          const struct nclx *nclx, unsigned orientation)
{
    struct picture picture = {source, options, nclx, decoding->arena, orientation};

    if (!source)
        return shrink_fail(decoding);
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

/* In memory: the one page becomes our own. */
static bool rename_brand(struct slice file)
{
    char *bytes = (char *)(uintptr_t)file.p;

    if (mprotect(bytes, file.n < PAGE_BYTES ? file.n : PAGE_BYTES, PROT_READ | PROT_WRITE) != 0)
        return false;
    memcpy(bytes + 8, memcmp(bytes + 8, "av", 2) == 0 ? "avif" : "mif1", 4);
    return true;
}

/* As the kind that all know: its brand of pictures. What has none is a sequence of frames, of which
 * the first that can be seen is its picture (films/video.h). */
static bool decode_family(struct decoding *decoding, struct slice file, unsigned orientation)
{
    if (!rename_brand(file))
        return decoding_fail(decoding, WIRE_REASON_INTERNAL, "The file cannot be held.");
    if (decode_by_libvips(decoding, file, orientation))
        return true;
    if (decoding->needs_bytes || decoding->reason == WIRE_REASON_TOO_MANY_PIXELS)
        return false;
    return decoding_elsewhere(decoding);
}

static bool decode_file(struct decoding *decoding, struct slice file)
{
    struct tiff_pictures pictures;
    struct found found;
    uint64_t width, height;

    found_init(&found, decoding->arena);
    metadata_read(&found, file);
    metadata_put(&found, &decoding->results);
    if (jpeg_is(file))
        return jpeg_decode(decoding, file, found.orientation);
    if (tiff_pictures(file, &pictures))
        return decode_tiff(decoding, pictures, found.orientation);
    if (has_family_brand(file))
        return decode_family(decoding, file, found.orientation);
    if (webp_size(file, &width, &height) && !admit_webp(decoding, width, height))
        return false;
    return decode_by_libvips(decoding, file, found.orientation);
}

bool image_decode(struct decoding *decoding)
{
    struct slice file;

    if (!decoding_map(decoding, &file))
        return decoding_fail(decoding, WIRE_REASON_UNSUPPORTED, "This file is empty.");
    bool fine = !excess_found(decoding, file) && decode_file(decoding, file);
    decoding_unmap(file);
    return fine;
}
