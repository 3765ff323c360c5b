#include "pictures/shrink.h"

#include "decode/colour.h"
#include "decode/thumbnail.h"

#include <string.h>

static enum wire_reason reason_of(const char *text)
{
    if (strstr(text, "out of memory"))
        return WIRE_REASON_OUT_OF_MEMORY;
    return strstr(text, "blocked") ? WIRE_REASON_UNSUPPORTED : WIRE_REASON_DAMAGED;
}

bool shrink_fail(struct decoding *decoding)
{
    char *text = vips_error_buffer_copy();
    struct slice all = slice_from(text), line;

    slice_split(all, '\n', &line, &all);
    line = wire_clip(decoding->arena, line, 300);
    decoding_fail(decoding, reason_of(text), "The picture cannot be decoded.");
    if (line.n)
        decoding->message = line;
    g_free(text);
    return false;
}

/* *image gives way to what an operation, which returned `failed`, has made of it; NULL after a
 * failure. */
static bool step(VipsImage **image, int failed, VipsImage *const *next)
{
    g_object_unref(*image);
    *image = failed ? NULL : *next;
    return !failed;
}

/* 8 bits of grey or RGB, without alpha. The profile stays beside it. */
static bool to_bytes(VipsImage **image)
{
    VipsInterpretation space =
        (*image)->Bands < 3 ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB;
    VipsImage *next = NULL;

    if (!step(image, vips_colourspace(*image, &next, space, NULL), &next))
        return false;
    if (vips_image_hasalpha(*image)) {
        VipsArrayDouble *white = vips_array_double_newv(1, 255.0);
        int failed = vips_flatten(*image, &next, "background", white, NULL);

        vips_area_unref(VIPS_AREA(white));
        if (!step(image, failed, &next))
            return false;
    }
    return step(image, vips_cast_uchar(*image, &next, NULL), &next);
}

static struct slice profile_of(VipsImage *image)
{
    const void *bytes;
    size_t n;

    if (!vips_image_get_typeof(image, VIPS_META_ICC_NAME) ||
        vips_image_get_blob(image, VIPS_META_ICC_NAME, &bytes, &n) != 0)
        return SLICE_NONE;
    return (struct slice){bytes, n};
}

/* Computes the pixels, and makes sRGB of them. */
static bool to_planes(struct decoding *decoding, VipsImage *image, struct planes *out)
{
    int bands = image->Bands < 3 ? COLOUR_GREY : COLOUR_RGB, width = image->Xsize;
    size_t n, size = (size_t)width * 3 * (size_t)image->Ysize;
    uint8_t *pixels = vips_image_write_to_memory(image, &n);

    if (!pixels)
        return shrink_fail(decoding);
    size_t stride = n / (size_t)image->Ysize;
    struct colour_pixels colours = {.in = pixels,
                                    .in_stride = stride,
                                    .out = arena_alloc(decoding->arena, size),
                                    .out_stride = (size_t)width * 3,
                                    .width = width,
                                    .height = image->Ysize};
    if (colour_to_srgb(profile_of(image), (enum colour_bands)bands, &colours))
        *out = planes_from_packed(decoding->arena, colours.out, COLOUR_RGB, width, image->Ysize,
                                  colours.out_stride);
    else
        *out = planes_from_packed(decoding->arena, pixels, bands, width, image->Ysize, stride);
    g_free(pixels);
    return true;
}

bool shrink_write(struct decoding *decoding, shrink_fn *first, void *from)
{
    int size = thumbnail_largest(&decoding->request);
    VipsImage *image = NULL;
    struct planes planes;

    if (size == 0)
        return true;
    if (!first(from, size, &image) || !to_bytes(&image))
        return shrink_fail(decoding);
    bool fine = to_planes(decoding, image, &planes);
    g_object_unref(image);
    return fine && thumbnail_write_planes(decoding, &planes);
}
