#include "pictures/nclx.h"

#include "decode/boxes.h"
#include "decode/colour.h"
#include "decode/tone.h"

/* ITU-T H.273 tables 2 and 3. */
enum { PRIMARIES_BT2020 = 9, PRIMARIES_DCI_P3 = 11, PRIMARIES_P3 = 12 };
enum {
    TRANSFER_GAMMA_22 = 4,
    TRANSFER_GAMMA_28 = 5,
    TRANSFER_LINEAR = 8,
    TRANSFER_PQ = 16,
    TRANSFER_HLG = 18
};

static void take_colr(struct scan *scan, const struct box *box, void *arg)
{
    struct nclx *nclx = arg;

    if (nclx->primaries || !box_is(box, "colr") || box->body.n < 8 ||
        !scan_is(scan, box->body.at, SLICE("nclx")))
        return;
    nclx->primaries = (unsigned)box_number(scan, box->body.at + 4, 2);
    nclx->transfer = (unsigned)box_number(scan, box->body.at + 6, 2);
}

bool nclx_find(struct slice file, struct nclx *out)
{
    struct scan scan = {.file = file};
    struct box meta = box_child(&scan, (struct span){0, file.n}, "meta");

    *out = (struct nclx){0};
    if (!meta.body.at)
        return false;
    struct box properties = box_child(&scan, meta_children(&scan, &meta), "iprp");
    struct box container = box_child(&scan, properties.body, "ipco");
    if (container.body.at)
        box_each(&scan, container.body, take_colr, out);
    return out->primaries != 0;
}

/* -- High dynamic range -- */

static bool replace(VipsImage **image, int failed, VipsImage *const *by)
{
    if (failed)
        return false;
    g_object_unref(*image);
    *image = *by;
    return true;
}

static bool flatten(VipsImage **image)
{
    VipsImage *flat = NULL;

    return !vips_image_hasalpha(*image) || replace(image, vips_flatten(*image, &flat, NULL), &flat);
}

static bool map_tones(struct arena *arena, const struct nclx *nclx, VipsImage **image)
{
    VipsImage *deep = NULL, *shown = NULL;
    size_t n;

    if (!flatten(image) ||
        !replace(image, vips_colourspace(*image, &deep, VIPS_INTERPRETATION_RGB16, NULL), &deep))
        return false;
    uint8_t *rows = vips_image_write_to_memory(*image, &n);
    if (!rows)
        return false;
    size_t width = (size_t)(*image)->Xsize, height = (size_t)(*image)->Ysize;
    struct tone_source source = {.tone = nclx->transfer == TRANSFER_PQ ? TONE_PQ : TONE_HLG,
                                 .wide = nclx->primaries == PRIMARIES_BT2020,
                                 .rows = rows,
                                 .stride = n / height,
                                 .width = width,
                                 .height = height};
    uint8_t *out = arena_alloc(arena, 3 * width * height);
    tone_map(&source, out);
    g_free(rows);
    VipsImage *mapped = vips_image_new_from_memory_copy(out, 3 * width * height, (int)width,
                                                        (int)height, 3, VIPS_FORMAT_UCHAR);
    if (!replace(image, !mapped, &mapped))
        return false;
    return replace(
        image, vips_copy(*image, &shown, "interpretation", VIPS_INTERPRETATION_sRGB, NULL), &shown);
}

/* -- Other primaries -- */

static double gamma_of(unsigned transfer)
{
    switch (transfer) {
    case TRANSFER_GAMMA_22:
        return 2.2;
    case TRANSFER_GAMMA_28:
        return 2.8;
    case TRANSFER_LINEAR:
        return 1;
    default:
        return 0; /* BT.709 and its like are shown with sRGB's, as everybody does */
    }
}

static bool add_profile(struct arena *arena, const struct nclx *nclx, VipsImage **image)
{
    static const struct colour_primaries p3 = {{0.680, 0.320}, {0.265, 0.690}, {0.150, 0.060}};
    static const struct colour_primaries bt2020 = {{0.708, 0.292}, {0.170, 0.797}, {0.131, 0.046}};
    static const struct colour_primaries bt709 = {{0.640, 0.330}, {0.300, 0.600}, {0.150, 0.060}};
    const struct colour_primaries *primaries = &bt709;
    double gamma = gamma_of(nclx->transfer);
    VipsImage *copy = NULL;

    if (nclx->primaries == PRIMARIES_BT2020)
        primaries = &bt2020;
    else if (nclx->primaries == PRIMARIES_P3 || nclx->primaries == PRIMARIES_DCI_P3)
        primaries = &p3;
    else if (gamma == 0)
        return true;
    struct slice profile = colour_profile(arena, primaries, gamma);
    if (!replace(image, vips_copy(*image, &copy, NULL), &copy))
        return false;
    vips_image_set_blob_copy(*image, VIPS_META_ICC_NAME, profile.p, profile.n);
    return true;
}

bool nclx_apply(struct arena *arena, const struct nclx *nclx, VipsImage **image)
{
    if ((*image)->Bands < 3 || vips_image_get_typeof(*image, VIPS_META_ICC_NAME))
        return true;
    if (nclx->transfer == TRANSFER_PQ || nclx->transfer == TRANSFER_HLG)
        return map_tones(arena, nclx, image);
    return add_profile(arena, nclx, image);
}
