/* Headers, then one key frame near the beginning as the poster. */
#include "decode/video.h"

#include "base/clock.h"
#include "decode/container.h"
#include "decode/thumbnail.h"

#include <libavcodec/avcodec.h>
#include <libswscale/swscale.h>
#include <math.h>

enum {
    MAX_FRAME_PIXELS = 100 * 1000 * 1000, /* 8K is 33 million */
    MAX_POSTER_EDGE = 1600,               /* twice the largest thumbnail */
    MAX_PACKETS = 5000,                   /* read in search of one key frame */
    POSTER_AT_MS = 1000,
};

struct poster {
    struct decoding *decoding;
    struct container *container;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame;
};

static bool poster_open(struct poster *poster)
{
    const AVCodecParameters *parameters = poster->container->video->codecpar;
    const AVCodec *decoder = avcodec_find_decoder(parameters->codec_id);

    poster->codec = decoder ? avcodec_alloc_context3(decoder) : NULL;
    poster->packet = av_packet_alloc();
    poster->frame = av_frame_alloc();
    if (!poster->codec || !poster->packet || !poster->frame ||
        avcodec_parameters_to_context(poster->codec, parameters) < 0)
        return false;
    poster->codec->thread_count = 1;
    poster->codec->max_pixels = MAX_FRAME_PIXELS;
    poster->codec->skip_frame = AVDISCARD_NONKEY;
    poster->codec->err_recognition = AV_EF_CRCCHECK;
    poster->codec->pkt_timebase = poster->container->video->time_base;
    return avcodec_open2(poster->codec, decoder, NULL) == 0;
}

static void poster_close(struct poster *poster)
{
    av_frame_free(&poster->frame);
    av_packet_free(&poster->packet);
    avcodec_free_context(&poster->codec);
}

/* Feeds packets until a frame comes out or the file ends; the end too is told to the decoder, which
 * may hold the only frame back until then. */
static bool next_frame(struct poster *poster)
{
    AVFormatContext *format = poster->container->format;
    bool ended = false;

    for (int i = 0; i < MAX_PACKETS && clock_ms() < poster->decoding->give_up_ms; i++) {
        int got = avcodec_receive_frame(poster->codec, poster->frame);

        if (got == 0)
            return true;
        if (got != AVERROR(EAGAIN) || ended)
            return false;
        ended = av_read_frame(format, poster->packet) < 0;
        if (!ended && poster->packet->stream_index != poster->container->video->index) {
            av_packet_unref(poster->packet);
            continue;
        }
        /* A broken packet is passed over; another key frame may follow. */
        avcodec_send_packet(poster->codec, ended ? NULL : poster->packet);
        av_packet_unref(poster->packet);
    }
    return false;
}

/* The key frame at or before at_ms. */
static bool frame_at(struct poster *poster, int64_t at_ms)
{
    AVFormatContext *format = poster->container->format;
    int64_t start = format->start_time == AV_NOPTS_VALUE ? 0 : format->start_time;

    if (avformat_seek_file(format, -1, INT64_MIN, start + at_ms * 1000, start + at_ms * 1000, 0) <
        0)
        return false;
    avcodec_flush_buffers(poster->codec);
    return next_frame(poster);
}

static bool find_frame(struct poster *poster)
{
    int64_t tenth_ms = (int64_t)poster->decoding->results.duration_ms / 10;
    int64_t at_ms = tenth_ms < POSTER_AT_MS ? tenth_ms : POSTER_AT_MS;

    if (at_ms > 0 && frame_at(poster, at_ms))
        return true;
    if (frame_at(poster, 0))
        return true;
    /* Streams without marked key frames: any frame will do. */
    poster->codec->skip_frame = AVDISCARD_DEFAULT;
    return frame_at(poster, 0);
}

/* Colours as the frame declares them, else as its size suggests; always to full range RGB. */
static void set_colours(struct SwsContext *scaler, const AVFrame *frame)
{
    int space = frame->colorspace == AVCOL_SPC_UNSPECIFIED
                    ? (frame->height >= 720 ? SWS_CS_ITU709 : SWS_CS_ITU601)
                    : (int)frame->colorspace;

    sws_setColorspaceDetails(scaler, sws_getCoefficients(space),
                             frame->color_range == AVCOL_RANGE_JPEG,
                             sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
}

static void poster_size(const struct poster *poster, int *width, int *height)
{
    AVRational aspect = av_guess_sample_aspect_ratio(poster->container->format,
                                                     poster->container->video, poster->frame);
    double wide = poster->frame->width, high = poster->frame->height;

    if (aspect.num > 0 && aspect.den > 0 && av_q2d(aspect) < 16 && av_q2d(aspect) > 1. / 16)
        wide *= av_q2d(aspect);
    double scale = fmin(1, MAX_POSTER_EDGE / fmax(wide, high));
    *width = (int)fmax(1, round(wide * scale));
    *height = (int)fmax(1, round(high * scale));
}

/* The frame as an RGB picture in memory of our own, turned upright. */
static VipsImage *to_image(struct poster *poster)
{
    int width, height;

    poster_size(poster, &width, &height);
    struct SwsContext *scaler =
        sws_getContext(poster->frame->width, poster->frame->height, poster->frame->format, width,
                       height, AV_PIX_FMT_RGB24, SWS_BICUBIC, NULL, NULL, NULL);
    if (!scaler)
        return NULL;
    set_colours(scaler, poster->frame);
    /* The scaler writes whole vectors: rows are padded, and so is the end. */
    int stride = (width * 3 + 63) & ~63;
    uint8_t *pixels = g_malloc0((size_t)stride * (size_t)height + 64);
    int rows = sws_scale(scaler, (const uint8_t *const *)poster->frame->data,
                         poster->frame->linesize, 0, poster->frame->height, &pixels, &stride);
    sws_freeContext(scaler);
    uint8_t *packed = rows == height ? g_malloc((size_t)width * 3 * (size_t)height) : NULL;
    for (int y = 0; packed && y < height; y++)
        memcpy(packed + (size_t)y * (size_t)width * 3, pixels + (size_t)y * (size_t)stride,
               (size_t)width * 3);
    g_free(pixels);
    if (!packed)
        return NULL;
    VipsImage *image = vips_image_new_from_memory_copy(packed, (size_t)width * 3 * (size_t)height,
                                                       width, height, 3, VIPS_FORMAT_UCHAR);
    g_free(packed);
    return image;
}

static VipsImage *turn(VipsImage *image, int quarter_turns)
{
    VipsImage *turned = NULL, *typed = NULL;

    if (!image)
        return NULL;
    int failed = vips_rot(image, &turned, (VipsAngle)quarter_turns, NULL);
    g_object_unref(image);
    if (failed)
        return NULL;
    failed = vips_copy(turned, &typed, "interpretation", VIPS_INTERPRETATION_sRGB, NULL);
    g_object_unref(turned);
    return failed ? NULL : typed;
}

static bool write_poster(struct poster *poster)
{
    struct decoding *decoding = poster->decoding;

    if (!poster_open(poster))
        return decoding_fail(decoding, WIRE_REASON_UNSUPPORTED,
                             "There is no decoder for this kind of video.");
    if (!find_frame(poster))
        return decoding_fail(decoding,
                             clock_ms() >= decoding->give_up_ms ? WIRE_REASON_TIMED_OUT
                                                                : WIRE_REASON_DAMAGED,
                             "No picture of the video can be decoded.");
    VipsImage *image = turn(to_image(poster), container_quarter_turns(poster->container->video));
    if (!image)
        return thumbnail_fail(decoding);
    bool fine = thumbnail_write_all(decoding, thumbnail_shrink, image);
    g_object_unref(image);
    return fine;
}

bool video_decode(struct decoding *decoding)
{
    struct container container;
    struct poster poster = {.decoding = decoding, .container = &container};
    bool fine = container_open(decoding, &container);

    if (fine) {
        container_read(&container, decoding);
        if (container.video) {
            fine = write_poster(&poster);
            poster_close(&poster);
        }
    }
    container_close(&container);
    return fine;
}
