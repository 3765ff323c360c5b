#include "films/frame.h"

#include "decode/tone.h"

#include <libswscale/swscale.h>
#include <limits.h>
#include <math.h>
#include <string.h>

/* Colours as the frame declares them, else as its size and depth suggest; always to full range. */
static int colours_of(const AVFrame *frame, enum tone tone)
{
    if (frame->colorspace != AVCOL_SPC_UNSPECIFIED)
        return (int)frame->colorspace;
    if (tone != TONE_SDR)
        return SWS_CS_BT2020;
    return frame->height >= 720 ? SWS_CS_ITU709 : SWS_CS_ITU601;
}

static void set_colours(struct SwsContext *scaler, const AVFrame *frame, enum tone tone)
{
    sws_setColorspaceDetails(scaler, sws_getCoefficients(colours_of(frame, tone)),
                             frame->color_range == AVCOL_RANGE_JPEG,
                             sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
}

/* The upper field alone: every second row, as a frame of half the height. Two fields show two
 * moments, and what moved between them as a comb. */
static AVFrame upper_field(const AVFrame *frame)
{
    AVFrame field = *frame;

    field.height /= 2;
    for (int i = 0; i < AV_NUM_DATA_POINTERS; i++)
        field.linesize[i] *= 2;
    return field;
}

/* Rows of 64 bytes' multiples: the scaler writes whole vectors, past the last row as well. */
struct pixels {
    uint8_t *bytes;
    int width, height, stride;
};

static bool scale(struct arena *arena, const AVFrame *frame, enum tone tone,
                  enum AVPixelFormat format, int bytes_each, int how, struct pixels *out)
{
    struct SwsContext *scaler =
        sws_getContext(frame->width, frame->height, frame->format, out->width, out->height, format,
                       how, NULL, NULL, NULL);

    if (!scaler)
        return false;
    set_colours(scaler, frame, tone);
    out->stride = (out->width * bytes_each + 63) & ~63;
    size_t n = (size_t)out->stride * (size_t)out->height + 64;
    out->bytes = arena_alloc(arena, n);
    memset(out->bytes, 0, n);
    int rows = sws_scale(scaler, (const uint8_t *const *)frame->data, frame->linesize, 0,
                         frame->height, &out->bytes, &out->stride);
    sws_freeContext(scaler);
    return rows == out->height;
}

/* In square pixels, before it is turned. */
static void fit(const AVFrame *frame, AVRational aspect, int edge, int *width, int *height)
{
    double wide = frame->width, high = frame->height;

    if (aspect.num > 0 && aspect.den > 0 && av_q2d(aspect) < 16 && av_q2d(aspect) > 1. / 16)
        wide *= av_q2d(aspect);
    double scale = fmin(1, edge / fmax(wide, high));
    *width = (int)fmax(1, round(wide * scale));
    *height = (int)fmax(1, round(high * scale));
}

void frame_size(const AVFrame *frame, const struct frame_look *look, int *width, int *height)
{
    bool swapped = look->orientation >= 5;

    fit(frame, look->aspect, INT_MAX, swapped ? height : width, swapped ? width : height);
}

static enum tone tone_of(const AVFrame *frame, const struct frame_look *look)
{
    enum AVColorTransferCharacteristic transfer =
        frame->color_trc == AVCOL_TRC_UNSPECIFIED ? look->transfer : frame->color_trc;

    if (transfer == AVCOL_TRC_ARIB_STD_B67)
        return TONE_HLG;
    return transfer == AVCOL_TRC_SMPTE2084 ? TONE_PQ : TONE_SDR;
}

/* 8 bits a channel, of ordinary screens. */
static void to_sdr(struct arena *arena, const AVFrame *frame, enum tone tone, struct pixels *pixels)
{
    size_t row = (size_t)pixels->width * 3;
    uint8_t *mapped = arena_alloc(arena, row * (size_t)pixels->height);

    tone_map(
        &(struct tone_source){
            .tone = tone,
            .wide = frame->color_primaries != AVCOL_PRI_BT709, /* where nothing is said too */
            .rows = pixels->bytes,
            .stride = (size_t)pixels->stride,
            .width = (size_t)pixels->width,
            .height = (size_t)pixels->height,
        },
        mapped);
    pixels->bytes = mapped;
    pixels->stride = (int)row;
}

bool frame_planes(struct arena *arena, const AVFrame *frame, const struct frame_look *look,
                  int edge, struct planes *out)
{
    bool comb = frame->interlaced_frame && frame->height >= 64 && frame->height % 4 == 0;
    AVFrame shown = comb ? upper_field(frame) : *frame;
    enum tone tone = tone_of(frame, look);
    bool deep = tone != TONE_SDR;
    struct pixels pixels;

    fit(frame, look->aspect, edge, &pixels.width, &pixels.height);
    if (!scale(arena, &shown, tone, deep ? AV_PIX_FMT_RGB48 : AV_PIX_FMT_RGB24, deep ? 6 : 3,
               SWS_BICUBIC, &pixels))
        return false;
    if (deep)
        to_sdr(arena, frame, tone, &pixels);
    struct planes lying = planes_from_packed(arena, pixels.bytes, 3, pixels.width, pixels.height,
                                             (size_t)pixels.stride);
    *out = planes_turn(arena, &lying, (unsigned)look->orientation);
    return true;
}

int frame_brightness(struct arena *arena, const AVFrame *frame)
{
    enum { SIDE = 64 };
    struct pixels grey = {.width = SIDE, .height = SIDE};
    uint64_t sum = 0;

    if (!scale(arena, frame, TONE_SDR, AV_PIX_FMT_GRAY8, 1, SWS_AREA, &grey))
        return -1;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            sum += grey.bytes[y * grey.stride + x];
    return (int)(sum / (SIDE * SIDE));
}
