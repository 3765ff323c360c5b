#include "films/clip.h"

#include "films/container.h"
#include "films/extent.h"
#include "films/streams.h"

#include <libavcodec/avcodec.h>

/* Of a sound that is to go into the rendition: how much of it is tried, and how much of that must
 * be good. Less is noise, and its time stamps draw the picture out of shape. */
enum { TRIED_PACKETS = 300, GOOD_PERCENT = 50, MAX_PACKETS_READ = 5000 };

struct trial {
    struct container *container;
    AVStream *stream;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame;
    int tried, good;
};

static bool trial_open(struct trial *trial)
{
    const AVCodec *decoder = avcodec_find_decoder(trial->stream->codecpar->codec_id);

    trial->codec = avcodec_alloc_context3(decoder);
    trial->packet = av_packet_alloc();
    trial->frame = av_frame_alloc();
    if (!trial->codec || !trial->packet || !trial->frame ||
        avcodec_parameters_to_context(trial->codec, trial->stream->codecpar) < 0)
        return false;
    trial->codec->thread_count = 1;
    trial->codec->pkt_timebase = trial->stream->time_base;
    return avcodec_open2(trial->codec, decoder, NULL) == 0;
}

static void trial_close(struct trial *trial)
{
    av_frame_free(&trial->frame);
    av_packet_free(&trial->packet);
    avcodec_free_context(&trial->codec);
}

static void try_packet(struct trial *trial)
{
    trial->tried++;
    trial->good += avcodec_send_packet(trial->codec, trial->packet) == 0;
    while (avcodec_receive_frame(trial->codec, trial->frame) == 0)
        av_frame_unref(trial->frame);
}

static bool try_packets(struct trial *trial)
{
    AVFormatContext *format = trial->container->format;

    streams_rewind(format);
    for (int i = 0; i < MAX_PACKETS_READ && trial->tried < TRIED_PACKETS; i++) {
        if (av_read_frame(format, trial->packet) < 0)
            break;
        if (trial->packet->stream_index == trial->stream->index)
            try_packet(trial);
        av_packet_unref(trial->packet);
    }
    return trial->tried == 0 || trial->good * 100 >= trial->tried * GOOD_PERCENT;
}

static bool can_be_heard(struct container *container, AVStream *stream)
{
    struct trial trial = {.container = container, .stream = stream};
    bool fine = trial_open(&trial) && try_packets(&trial);

    trial_close(&trial);
    return fine;
}

static enum wire_transfer transfer_of(const AVCodecParameters *parameters)
{
    if (parameters->color_trc == AVCOL_TRC_ARIB_STD_B67)
        return WIRE_TRANSFER_HLG;
    return parameters->color_trc == AVCOL_TRC_SMPTE2084 ? WIRE_TRANSFER_PQ : WIRE_TRANSFER_SDR;
}

static uint64_t frame_pixels(const AVCodecParameters *parameters)
{
    uint64_t pixels =
        (uint64_t)(parameters->width & 0xffff) * (uint64_t)(parameters->height & 0xffff);

    return pixels ? pixels : 1;
}

/* No camera makes smaller ones, and the filter wants some rows. */
static bool may_have_fields(const AVCodecParameters *parameters)
{
    enum { LEAST = 64 };

    return parameters->width >= LEAST && parameters->height >= LEAST;
}

static bool probe_open(struct decoding *decoding, struct container *container)
{
    struct extent extent;

    if (!extent_measure(decoding, container, true, &extent))
        return false;
    if (!container->streams.video)
        return decoding_fail(decoding, WIRE_REASON_UNSUPPORTED, "There is no moving picture.");
    AVStream *audio = streams_next_audio(container->format, NULL);
    while (audio && !can_be_heard(container, audio))
        audio = streams_next_audio(container->format, audio);
    struct wire_results *results = &decoding->results;
    results->has_clip = true;
    results->clip = (struct wire_clip){
        .video = (uint64_t)container->streams.video->index,
        .has_audio = audio != NULL,
        .audio = audio ? (uint64_t)audio->index : 0,
        .has_frames = extent.frames > 0,
        .frames = extent.frames,
        .duration_ms = extent.duration_ms,
        .frame_pixels = frame_pixels(container->streams.video->codecpar),
        .fields = may_have_fields(container->streams.video->codecpar),
        .transfer = transfer_of(container->streams.video->codecpar),
    };
    results->nature = WIRE_NATURE_VIDEO;
    results->damage = extent_damage(decoding->arena, &extent);
    return true;
}

bool clip_probe(struct decoding *decoding)
{
    struct container container;
    bool fine = container_open(decoding, &container) && probe_open(decoding, &container);

    container_close(&container);
    return fine;
}
