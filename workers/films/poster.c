#include "films/poster.h"

#include "base/clock.h"
#include "decode/appraisal.h"
#include "films/frame.h"

#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>

enum {
    MAX_FRAME_PIXELS = 100 * 1000 * 1000, /* 8K is 33 million */
    MAX_EDGE = 1600,                      /* twice the largest thumbnail */
    MAX_PACKETS = 5000,                   /* read in search of one frame */
    MAX_STEPS = 400,                      /* frames that are decoded on the way to a place */
    SEARCH_MS = 5000,                     /* for all of those frames */
    FIRST_AT_MS = 1000,
    DARK = 45, /* of 255, as the mean of a frame: below it another place is tried */
    PALE = 225,
};

struct poster {
    struct arena *arena;
    const struct container *container;
    AVStream *stream;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame;
    AVFrame *best;
    int best_score; /* -1: there is no best one yet */
};

static bool poster_open(struct poster *poster)
{
    const AVCodecParameters *parameters = poster->stream->codecpar;
    const AVCodec *decoder = avcodec_find_decoder(parameters->codec_id);

    poster->codec = decoder ? avcodec_alloc_context3(decoder) : NULL;
    poster->packet = av_packet_alloc();
    poster->frame = av_frame_alloc();
    poster->best = av_frame_alloc();
    poster->best_score = -1;
    if (!poster->codec || !poster->packet || !poster->frame || !poster->best ||
        avcodec_parameters_to_context(poster->codec, parameters) < 0)
        return false;
    poster->codec->thread_count = 1;
    poster->codec->max_pixels = MAX_FRAME_PIXELS;
    poster->codec->skip_frame = AVDISCARD_NONKEY;
    poster->codec->err_recognition = AV_EF_CRCCHECK;
    poster->codec->pkt_timebase = poster->stream->time_base;
    return avcodec_open2(poster->codec, decoder, NULL) == 0;
}

/* Frames of a size that nobody tells take what little there is. */
static bool admit(struct decoding *decoding, const AVStream *stream)
{
    const AVCodecParameters *told = stream->codecpar;
    const AVCodecDescriptor *codec = avcodec_descriptor_get(told->codec_id);
    bool alone = codec && codec->props & AV_CODEC_PROP_INTRA_ONLY;
    enum AVPixelFormat format = told->format < 0 ? AV_PIX_FMT_YUV420P : told->format;
    int bytes = av_image_get_buffer_size(format, told->width, told->height, 1);

    return appraisal_admit(
        decoding, &(struct appraisal){.way = alone ? APPRAISAL_STILLS : APPRAISAL_FRAMES,
                                      .width = told->width > 0 ? (uint64_t)told->width : 0,
                                      .height = told->height > 0 ? (uint64_t)told->height : 0,
                                      .units = bytes > 0 ? (uint64_t)bytes : 0});
}

static void poster_close(struct poster *poster)
{
    av_frame_free(&poster->frame);
    av_frame_free(&poster->best);
    av_packet_free(&poster->packet);
    avcodec_free_context(&poster->codec);
}

static bool is_late(const struct poster *poster)
{
    return clock_ms() >= poster->container->give_up_ms;
}

/* ---- one frame ---- */

/* Feeds packets until a frame comes out or the file ends; the end too is told to the decoder, which
 * may hold the only frame back until then. */
static bool next_frame(struct poster *poster)
{
    bool ended = false;

    for (int i = 0; i < MAX_PACKETS && !is_late(poster); i++) {
        int got = avcodec_receive_frame(poster->codec, poster->frame);

        if (got == 0)
            return true;
        if (got != AVERROR(EAGAIN) || ended)
            return false;
        ended = av_read_frame(poster->container->format, poster->packet) < 0;
        if (!ended && poster->packet->stream_index != poster->stream->index) {
            av_packet_unref(poster->packet);
            continue;
        }
        /* A broken packet is passed over; another key frame may follow. */
        avcodec_send_packet(poster->codec, ended ? NULL : poster->packet);
        av_packet_unref(poster->packet);
    }
    return false;
}

/* Before the key frame at or before at_ms. */
static bool go_to(struct poster *poster, int64_t at_ms)
{
    AVFormatContext *format = poster->container->format;
    int64_t start = format->start_time == AV_NOPTS_VALUE ? 0 : format->start_time;
    int64_t at = start + at_ms * 1000;

    if (at_ms == 0 ? !streams_rewind(format)
                   : avformat_seek_file(format, -1, INT64_MIN, at, at, 0) < 0)
        return false;
    avcodec_flush_buffers(poster->codec);
    return true;
}

/* True: it is good enough to look no further. */
static bool judge(struct poster *poster)
{
    int brightness = frame_brightness(poster->arena, poster->frame);
    bool good = brightness >= DARK && brightness <= PALE;
    int score = good ? 255 : brightness > PALE ? DARK : brightness;

    if (score > poster->best_score) {
        av_frame_unref(poster->best);
        av_frame_move_ref(poster->best, poster->frame);
        poster->best_score = score;
    }
    return good;
}

/* ---- where to look ---- */

static bool try_key_frames(struct poster *poster, int64_t duration_ms)
{
    int64_t first_ms = duration_ms / 10 < FIRST_AT_MS ? duration_ms / 10 : FIRST_AT_MS;
    const int64_t places_ms[] = {first_ms,         duration_ms / 4,     duration_ms / 2,
                                 duration_ms / 10, duration_ms * 3 / 4, 0};

    for (size_t i = 0; i < sizeof(places_ms) / sizeof(*places_ms); i++)
        if (go_to(poster, places_ms[i]) && next_frame(poster) && judge(poster))
            return true;
    return poster->best_score >= DARK;
}

/* Clips with hardly a key frame: what lies between them. */
static bool try_all_frames(struct poster *poster, int64_t duration_ms)
{
    const int64_t places_ms[] = {0, duration_ms / 2};
    enum { EACH = 10 };
    uint64_t until_ms = clock_ms() + SEARCH_MS;

    poster->codec->skip_frame = AVDISCARD_DEFAULT;
    for (size_t i = 0; i < sizeof(places_ms) / sizeof(*places_ms); i++) {
        if (!go_to(poster, places_ms[i]))
            continue;
        for (int step = 0; step < MAX_STEPS && clock_ms() < until_ms && next_frame(poster); step++)
            if (step % EACH == 0 && judge(poster))
                return true;
    }
    return false;
}

static struct frame_look look_of(const struct poster *poster, AVFrame *frame, int orientation)
{
    return (struct frame_look){
        .aspect = av_guess_sample_aspect_ratio(poster->container->format, poster->stream, frame),
        .orientation = orientation,
        .transfer = poster->stream->codecpar->color_trc,
    };
}

/* What the frames are counts, not what the container says of them. */
static bool take_best(struct decoding *decoding, const struct poster *poster, struct planes *out)
{
    struct frame_look look = look_of(poster, poster->best, container_orientation(poster->stream));
    int width, height;

    frame_size(poster->best, &look, &width, &height);
    decoding->results.width = (uint64_t)width;
    decoding->results.height = (uint64_t)height;
    return frame_planes(decoding->arena, poster->best, &look, MAX_EDGE, out) ||
           decoding_fail(decoding, WIRE_REASON_DAMAGED, "The picture cannot be decoded.");
}

bool poster_of_video(struct decoding *decoding, struct container *container, uint64_t duration_ms,
                     struct planes *out)
{
    struct poster poster = {decoding->arena, container, .stream = container->streams.video};

    if (!admit(decoding, poster.stream))
        return false;
    bool fine = poster_open(&poster);
    if (!fine)
        decoding_fail(decoding, WIRE_REASON_UNSUPPORTED,
                      "There is no decoder for this kind of video.");
    if (fine && !try_key_frames(&poster, (int64_t)duration_ms))
        try_all_frames(&poster, (int64_t)duration_ms);
    if (fine && poster.best_score < 0)
        fine =
            decoding_fail(decoding, is_late(&poster) ? WIRE_REASON_TIMED_OUT : WIRE_REASON_DAMAGED,
                          "No picture of the video can be decoded.");
    fine = fine && take_best(decoding, &poster, out);
    poster_close(&poster);
    return fine;
}

void poster_of_cover(struct decoding *decoding, struct container *container, struct planes *out)
{
    struct poster poster = {decoding->arena, container, .stream = container->streams.cover};

    if (poster_open(&poster) &&
        avcodec_send_packet(poster.codec, &container->streams.cover->attached_pic) == 0 &&
        avcodec_send_packet(poster.codec, NULL) == 0 &&
        avcodec_receive_frame(poster.codec, poster.frame) == 0) {
        struct frame_look look = look_of(&poster, poster.frame, 1);

        frame_planes(decoding->arena, poster.frame, &look, MAX_EDGE, out);
    }
    poster_close(&poster);
}
