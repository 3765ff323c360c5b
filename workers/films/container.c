#include "films/container.h"

#include "base/clock.h"
#include "decode/excess.h"
#include "decode/formats.h"
#include "decode/iso6709.h"
#include "decode/metadata.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    IO_BUFFER_BYTES = 64 << 10,
    MAX_STREAMS = 1000, /* films with subtitles in 70 languages are real */
};

static int on_interrupt(void *arg)
{
    const struct container *container = arg;

    return clock_ms() >= container->give_up_ms;
}

static int on_read(void *arg, uint8_t *out, int n)
{
    const struct container *container = arg;
    ssize_t got;

    if (on_interrupt(arg))
        return AVERROR_EXIT;
    do {
        got = read(container->fd, out, (size_t)n);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return AVERROR(errno);
    return got ? (int)got : AVERROR_EOF;
}

static int64_t on_seek(void *arg, int64_t offset, int whence)
{
    const struct container *container = arg;

    if (whence == AVSEEK_SIZE) {
        off_t here = lseek(container->fd, 0, SEEK_CUR);
        off_t size = lseek(container->fd, 0, SEEK_END);

        lseek(container->fd, here, SEEK_SET);
        return size;
    }
    off_t at = lseek(container->fd, offset, whence & ~AVSEEK_FORCE);
    return at < 0 ? AVERROR(errno) : at;
}

static bool make_context(struct container *container)
{
    uint8_t *buffer = av_malloc(IO_BUFFER_BYTES);

    container->format = avformat_alloc_context();
    container->io =
        buffer ? avio_alloc_context(buffer, IO_BUFFER_BYTES, 0, container, on_read, NULL, on_seek)
               : NULL;
    if (!container->format || !container->io)
        return false;
    container->format->pb = container->io;
    container->format->interrupt_callback = (AVIOInterruptCB){on_interrupt, container};
    container->format->format_whitelist = av_strdup(FORMATS_OPENED);
    container->format->protocol_whitelist = av_strdup("file");
    container->format->probesize = strtoll(FORMATS_PROBE_BYTES, NULL, 10);
    container->format->max_analyze_duration = strtoll(FORMATS_ANALYSE_US, NULL, 10);
    container->format->max_streams = MAX_STREAMS;
    return true;
}

static bool open_failed(struct decoding *decoding, const struct container *container, int error)
{
    if (clock_ms() >= container->give_up_ms)
        return decoding_fail(decoding, WIRE_REASON_TIMED_OUT, "Reading the headers took too long.");
    if (error == AVERROR(ENOMEM))
        return decoding_fail(decoding, WIRE_REASON_OUT_OF_MEMORY, "The headers claim too much.");
    return decoding_fail(decoding, WIRE_REASON_DAMAGED,
                         "This is not a clip or recording that can be read here.");
}

static bool is_excessive(struct decoding *decoding)
{
    struct slice file;

    if (!decoding_map(decoding, &file))
        return false;
    bool found = excess_found(decoding, file);
    decoding_unmap(file);
    return found;
}

bool container_open(struct decoding *decoding, struct container *container)
{
    *container = (struct container){.fd = decoding->input, .give_up_ms = decoding->give_up_ms};
    if (is_excessive(decoding))
        return false;
    lseek(container->fd, 0, SEEK_SET); /* where it was opened before */
    if (!make_context(container))
        return decoding_fail(decoding, WIRE_REASON_OUT_OF_MEMORY,
                             "There is no memory to read this.");
    /* On failure this frees the context and clears the pointer, but not our io. */
    int error = avformat_open_input(&container->format, NULL, NULL, NULL);
    if (error == 0)
        error = avformat_find_stream_info(container->format, NULL);
    if (error < 0)
        return open_failed(decoding, container, error);
    container->streams = streams_choose(container->format);
    if (!container->streams.video && !container->streams.audio)
        return decoding_fail(decoding, WIRE_REASON_UNSUPPORTED,
                             "There is neither picture nor sound.");
    return true;
}

void container_close(struct container *container)
{
    avformat_close_input(&container->format);
    if (container->io) {
        av_freep(&container->io->buffer);
        avio_context_free(&container->io);
    }
}

/* ISO 14496-12 section 8.3.2: {a, b, u, c, d, v, x, y, w} takes (x, y) to (ax + cy, bx + dy). */
int container_orientation(const AVStream *stream)
{
    const uint8_t *matrix = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, NULL);
    int32_t m[9];

    if (!matrix)
        return 1;
    memcpy(m, matrix, sizeof(m));
    int64_t a = m[0], b = m[1], c = m[3], d = m[4];
    if (llabs(a) + llabs(d) >= llabs(b) + llabs(c))
        return a < 0 ? (d < 0 ? 3 : 2) : d < 0 ? 4 : 1;
    return b > 0 ? (c > 0 ? 5 : 6) : c > 0 ? 8 : 7;
}

/* The first of the names, up to NULL, that is there. */
static struct slice tag(const AVDictionary *tags, const char *const *names)
{
    const AVDictionaryEntry *found = NULL;

    for (; *names && !found; names++)
        found = av_dict_get(tags, *names, NULL, 0);
    return slice_from(found ? found->value : NULL);
}

#define TAG(tags, ...) tag(tags, (const char *const[]){__VA_ARGS__, NULL})

static void read_tags(const AVDictionary *tags, struct found *found)
{
    struct wire_location place;

    /* Apple's is the local time with its zone, the other one UTC. */
    found_time(found, FOUND_ORIGINAL,
               &(struct when){.text = TAG(tags, "com.apple.quicktime.creationdate")});
    found_time(found, FOUND_DIGITIZED, &(struct when){.text = TAG(tags, "creation_time")});
    found_camera(found, TAG(tags, "com.apple.quicktime.make", "com.android.manufacturer", "make"),
                 TAG(tags, "com.apple.quicktime.model", "com.android.model", "model"));
    if (!iso6709_parse(TAG(tags, "com.apple.quicktime.location.ISO6709", "location"), &place))
        return;
    found_place(found, place.latitude, place.longitude);
    if (place.has_altitude)
        found_altitude(found, place.altitude);
}

void container_read(const struct container *container, struct decoding *decoding)
{
    struct found found;

    found_init(&found, decoding->arena);
    read_tags(container->format->metadata, &found);
    if (container->streams.video) /* of a song it is the year that it came out */
        found_time(
            &found, FOUND_CHANGED,
            &(struct when){.text = TAG(container->format->metadata, "date_recorded", "date")});
    for (unsigned i = 0; i < container->format->nb_streams; i++)
        read_tags(container->format->streams[i]->metadata, &found);
    metadata_of_input(decoding, &found);
    metadata_put(&found, &decoding->results);
}
