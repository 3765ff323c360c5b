#include "films/extent.h"

#include "base/clock.h"
#include "decode/cut.h"

/* Streams seldom end together, and headers round. */
enum { SLACK_MS = 400, SLACK_PERCENT = 2, TAIL_PERCENT = 90 };

static const int64_t MAX_DURATION_MS = 365LL * 86400 * 1000;

static uint64_t to_ms(int64_t us)
{
    int64_t ms = us / 1000;

    return ms > 0 && ms <= MAX_DURATION_MS ? (uint64_t)ms : 0;
}

static int64_t start_us(const struct container *container)
{
    int64_t start = container->format->start_time;

    return start == AV_NOPTS_VALUE ? 0 : start;
}

struct reading {
    uint64_t frames;
    int64_t first_us, end_us; /* of all streams; AV_NOPTS_VALUE: no packet had a time */
    bool complete;
};

static void note_packet(const struct container *container, const AVPacket *packet,
                        struct reading *reading)
{
    const AVStream *stream = container->format->streams[packet->stream_index];
    int64_t at = packet->pts == AV_NOPTS_VALUE ? packet->dts : packet->pts;

    if (stream == container->streams.video)
        reading->frames++;
    if (at == AV_NOPTS_VALUE || (stream->disposition & AV_DISPOSITION_ATTACHED_PIC))
        return;
    int64_t from_us = av_rescale_q(at, stream->time_base, AV_TIME_BASE_Q);
    int64_t to_us = av_rescale_q(at + packet->duration, stream->time_base, AV_TIME_BASE_Q);
    if (reading->first_us == AV_NOPTS_VALUE || from_us < reading->first_us)
        reading->first_us = from_us;
    if (reading->end_us == AV_NOPTS_VALUE || to_us > reading->end_us)
        reading->end_us = to_us;
}

/* At most for half of the time that is left: the rest is for what it is measured for. */
static struct reading read_to_end(const struct container *container)
{
    struct reading reading = {.first_us = AV_NOPTS_VALUE, .end_us = AV_NOPTS_VALUE};
    uint64_t now_ms = clock_ms();
    uint64_t left_ms = container->give_up_ms > now_ms ? container->give_up_ms - now_ms : 0;
    AVPacket *packet = av_packet_alloc();

    while (packet && clock_ms() - now_ms < left_ms / 2) {
        if (av_read_frame(container->format, packet) < 0) {
            reading.complete = true;
            break;
        }
        if (!(packet->flags & AV_PKT_FLAG_CORRUPT))
            note_packet(container, packet, &reading);
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    return reading;
}

/* Containers without a size of their own: what is there where the end should be? */
static struct reading read_tail(const struct container *container)
{
    int64_t at = start_us(container) + container->format->duration / 100 * TAIL_PERCENT;

    if (avformat_seek_file(container->format, -1, INT64_MIN, at, at, 0) < 0)
        return (struct reading){0};
    return read_to_end(container);
}

static void take_reading(const struct container *container, const struct reading *reading,
                         struct extent *out)
{
    int64_t start = start_us(container);

    if (!reading->complete || reading->end_us == AV_NOPTS_VALUE)
        return;
    if (container->format->start_time == AV_NOPTS_VALUE)
        start = reading->first_us;
    uint64_t read_ms = to_ms(reading->end_us - start);
    uint64_t slack_ms = out->duration_ms * SLACK_PERCENT / 100;
    if (slack_ms < SLACK_MS)
        slack_ms = SLACK_MS;
    bool shorter = out->duration_ms && read_ms + slack_ms < out->duration_ms;
    out->cut = out->cut || shorter;
    if (out->cut || out->duration_ms == 0)
        out->duration_ms = read_ms;
}

/* An index of samples tells their number; those behind the end of a cut file are in it as well. */
static bool index_tells(const struct container *container, enum cut cut)
{
    const AVStream *video = container->streams.video;

    return cut == CUT_WHOLE && video && video->nb_frames > 0 &&
           avformat_index_get_entries_count(video) >= video->nb_frames;
}

bool extent_measure(struct decoding *decoding, struct container *container, bool count,
                    struct extent *out)
{
    const AVFormatContext *format = container->format;
    enum cut cut = cut_look(container->fd);
    bool promised = format->duration_estimation_method == AVFMT_DURATION_FROM_STREAM;
    struct reading reading;

    *out = (struct extent){.duration_ms = to_ms(format->duration), .cut = cut == CUT_SHORT};
    if (index_tells(container, cut)) {
        out->frames = (uint64_t)container->streams.video->nb_frames;
        return true;
    }
    if (count || cut == CUT_SHORT || out->duration_ms == 0) {
        reading = read_to_end(container);
        out->frames = reading.complete ? reading.frames : 0;
    } else if (cut == CUT_UNKNOWN && promised)
        reading = read_tail(container);
    else
        return true;
    take_reading(container, &reading, out);
    container_close(container);
    return container_open(decoding, container);
}

struct slice extent_damage(struct arena *arena, const struct extent *extent)
{
    if (!extent->cut)
        return SLICE_NONE;
    return arena_printf(arena, "The file is cut off: it ends after %llu.%llu seconds.",
                        (unsigned long long)(extent->duration_ms / 1000),
                        (unsigned long long)(extent->duration_ms % 1000 / 100));
}
