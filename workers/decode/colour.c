#include "decode/colour.h"

#include <lcms2.h>

enum { PROFILE_MAX_BYTES = 4 << 20 };

static cmsUInt32Number format_of(enum colour_bands bands, cmsColorSpaceSignature *space)
{
    switch (bands) {
    case COLOUR_GREY:
        *space = cmsSigGrayData;
        return TYPE_GRAY_8;
    case COLOUR_CMYK:
        *space = cmsSigCmykData;
        return TYPE_CMYK_8;
    case COLOUR_RGB:
        break;
    }
    *space = cmsSigRgbData;
    return TYPE_RGB_8;
}

/* Profiles of a device or a space; not links, abstract and named ones. */
static bool describes_pixels(cmsHPROFILE profile, cmsColorSpaceSignature space)
{
    switch (cmsGetDeviceClass(profile)) {
    case cmsSigInputClass:
    case cmsSigDisplayClass:
    case cmsSigOutputClass:
    case cmsSigColorSpaceClass:
        return cmsGetColorSpace(profile) == space;
    default:
        return false;
    }
}

static cmsHTRANSFORM transform_new(struct slice bytes, enum colour_bands bands)
{
    cmsColorSpaceSignature space;
    cmsUInt32Number format = format_of(bands, &space);
    cmsHPROFILE profile = cmsOpenProfileFromMem(bytes.p, (cmsUInt32Number)bytes.n);
    cmsHPROFILE srgb = profile ? cmsCreate_sRGBProfile() : NULL;
    cmsHTRANSFORM transform = NULL;

    if (srgb && describes_pixels(profile, space))
        transform = cmsCreateTransform(profile, format, srgb, TYPE_RGB_8,
                                       INTENT_RELATIVE_COLORIMETRIC, cmsFLAGS_NOCACHE);
    if (srgb)
        cmsCloseProfile(srgb);
    if (profile)
        cmsCloseProfile(profile);
    return transform;
}

bool colour_to_srgb(struct slice profile, enum colour_bands bands,
                    const struct colour_pixels *pixels)
{
    if (profile.n == 0 || profile.n > PROFILE_MAX_BYTES)
        return false;
    cmsHTRANSFORM transform = transform_new(profile, bands);
    if (!transform)
        return false;
    cmsDoTransformLineStride(transform, pixels->in, pixels->out, (cmsUInt32Number)pixels->width,
                             (cmsUInt32Number)pixels->height, (cmsUInt32Number)pixels->in_stride,
                             (cmsUInt32Number)pixels->out_stride, 0, 0);
    cmsDeleteTransform(transform);
    return true;
}

/* IEC 61966-2-1 as lcms2 has it in its curves of type 4. */
static cmsToneCurve *curve_new(double gamma)
{
    static const double srgb[] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};

    return gamma > 0 ? cmsBuildGamma(NULL, gamma) : cmsBuildParametricToneCurve(NULL, 4, srgb);
}

static struct slice profile_bytes(struct arena *arena, cmsHPROFILE profile)
{
    cmsUInt32Number n = 0;

    if (!profile || !cmsSaveProfileToMem(profile, NULL, &n))
        return SLICE_NONE;
    char *bytes = arena_alloc(arena, n);
    return cmsSaveProfileToMem(profile, bytes, &n) ? (struct slice){bytes, n} : SLICE_NONE;
}

struct slice colour_profile(struct arena *arena, const struct colour_primaries *primaries,
                            double gamma)
{
    static const cmsCIExyY daylight = {0.3127, 0.3290, 1};
    cmsCIExyYTRIPLE places = {{primaries->red[0], primaries->red[1], 1},
                              {primaries->green[0], primaries->green[1], 1},
                              {primaries->blue[0], primaries->blue[1], 1}};
    cmsToneCurve *curve = curve_new(gamma);
    cmsToneCurve *curves[3] = {curve, curve, curve};
    cmsHPROFILE profile = curve ? cmsCreateRGBProfile(&daylight, &places, curves) : NULL;
    struct slice bytes = profile_bytes(arena, profile);

    if (profile)
        cmsCloseProfile(profile);
    if (curve)
        cmsFreeToneCurve(curve);
    return bytes;
}

void colour_from_plain_cmyk(const struct colour_pixels *pixels)
{
    for (int y = 0; y < pixels->height; y++) {
        const uint8_t *in = pixels->in + (size_t)y * pixels->in_stride;
        uint8_t *out = pixels->out + (size_t)y * pixels->out_stride;

        for (int x = 0; x < pixels->width; x++, in += 4, out += 3)
            for (int i = 0; i < 3; i++)
                out[i] = (uint8_t)(((255 - in[i]) * (255 - in[3]) + 127) / 255);
    }
}
