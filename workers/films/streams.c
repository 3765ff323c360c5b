#include "films/streams.h"

#include <libavcodec/avcodec.h>
#include <string.h>

/* Packets that are read to tell a track of one frame where no header does. */
enum { SAMPLE_PACKETS = 500, SAMPLE_FRAMES = 3 };

static bool has_decoder(const AVStream *stream)
{
    return avcodec_find_decoder(stream->codecpar->codec_id) != NULL;
}

static bool is_cover(const AVStream *stream)
{
    return stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
           (stream->disposition & AV_DISPOSITION_ATTACHED_PIC);
}

static bool is_video(const AVStream *stream)
{
    return stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !is_cover(stream);
}

/* ---- video: what moves, then what lasts, then what is marked as default, then what is larger ----
 */

struct candidate {
    AVStream *stream;
    int64_t frames; /* as far as they are known: 0 or more than SAMPLE_FRAMES is many */
};

static bool lasts(const AVFormatContext *format, const AVStream *stream)
{
    int64_t us = stream->duration == AV_NOPTS_VALUE
                     ? format->duration
                     : av_rescale_q(stream->duration, stream->time_base, AV_TIME_BASE_Q);

    return format->duration <= 0 || us >= format->duration / 2;
}

/* A number whose order is that of preference; the first of equals wins. */
static int64_t rank(const AVFormatContext *format, const struct candidate *candidate)
{
    const AVStream *stream = candidate->stream;
    bool still =
        (stream->disposition & (AV_DISPOSITION_STILL_IMAGE | AV_DISPOSITION_TIMED_THUMBNAILS)) ||
        candidate->frames == 1;
    int64_t marks = has_decoder(stream) << 3 | !still << 2 | lasts(format, stream) << 1 |
                    ((stream->disposition & AV_DISPOSITION_DEFAULT) != 0);

    return marks << 40 |
           (int64_t)(stream->codecpar->width & 0xffff) * (stream->codecpar->height & 0xffff);
}

bool streams_rewind(AVFormatContext *format)
{
    int64_t start = format->start_time == AV_NOPTS_VALUE ? 0 : format->start_time;

    /* "mpeg", "mpegts", "mpegvideo": they search for the time by halves, and pass the key frame. */
    if (strncmp(format->iformat->name, "mpeg", 4) == 0)
        return av_seek_frame(format, -1, 0, AVSEEK_FLAG_BYTE) >= 0;
    return avformat_seek_file(format, -1, INT64_MIN, start, start, 0) >= 0;
}

static void count_frames(AVFormatContext *format, struct candidate *candidates, size_t n)
{
    AVPacket *packet = av_packet_alloc();

    for (size_t i = 0; i < SAMPLE_PACKETS && packet && av_read_frame(format, packet) >= 0; i++) {
        for (size_t c = 0; c < n; c++)
            candidates[c].frames += candidates[c].stream->index == packet->stream_index;
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    streams_rewind(format);
}

static AVStream *best_video(AVFormatContext *format)
{
    enum { MAX_CANDIDATES = 16 };
    struct candidate candidates[MAX_CANDIDATES];
    const struct candidate *best = NULL;
    bool told = true;
    size_t n = 0;

    for (unsigned i = 0; i < format->nb_streams && n < MAX_CANDIDATES; i++) {
        if (!is_video(format->streams[i]))
            continue;
        candidates[n++] = (struct candidate){format->streams[i], format->streams[i]->nb_frames};
        told = told && format->streams[i]->nb_frames > 0;
    }
    if (n > 1 && !told)
        count_frames(format, candidates, n);
    for (size_t i = 0; i < n; i++)
        if (!best || rank(format, &candidates[i]) > rank(format, best))
            best = &candidates[i];
    return best ? best->stream : NULL;
}

/* ---- audio ---- */

static bool is_default(const AVStream *stream)
{
    return (stream->disposition & AV_DISPOSITION_DEFAULT) != 0;
}

static bool comes_before(const AVStream *a, const AVStream *b)
{
    return is_default(a) != is_default(b) ? is_default(a) : a->index < b->index;
}

AVStream *streams_next_audio(const AVFormatContext *format, const AVStream *after)
{
    AVStream *next = NULL;

    for (unsigned i = 0; i < format->nb_streams; i++) {
        AVStream *stream = format->streams[i];

        if (stream->codecpar->codec_type == AVMEDIA_TYPE_AUDIO && has_decoder(stream) &&
            stream != after && (!after || comes_before(after, stream)) &&
            (!next || comes_before(stream, next)))
            next = stream;
    }
    return next;
}

static AVStream *first_of(const AVFormatContext *format, bool (*wanted)(const AVStream *stream))
{
    for (unsigned i = 0; i < format->nb_streams; i++)
        if (wanted(format->streams[i]))
            return format->streams[i];
    return NULL;
}

static bool is_audio(const AVStream *stream)
{
    return stream->codecpar->codec_type == AVMEDIA_TYPE_AUDIO;
}

struct streams streams_choose(AVFormatContext *format)
{
    struct streams chosen = {
        .video = best_video(format),
        .audio = streams_next_audio(format, NULL),
        .cover = first_of(format, is_cover),
    };

    if (!chosen.audio)
        chosen.audio = first_of(format, is_audio);
    return chosen;
}
