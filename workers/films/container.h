/* container.h: a clip or recording opened with libavformat over a descriptor: formats
 * (decode/formats.h) and protocols are listed, so that a playlist in a film's clothes is refused
 * (CVE-2017-9993 and its kin), and every read looks at the deadline. */
#pragma once

#include "decode/decoding.h"
#include "films/streams.h"

#include <libavformat/avformat.h>

struct container {
    AVFormatContext *format;
    AVIOContext *io;
    int fd;
    uint64_t give_up_ms;
    struct streams streams;
};

/* False after decoding_fail(). container_close() in either case. */
bool container_open(struct decoding *decoding, struct container *container);
void container_close(struct container *container);

/* Into the results: what is said of the recording. */
void container_read(const struct container *container, struct decoding *decoding);
/* How the picture must be turned and mirrored to be upright: 1 to 8, as EXIF counts it. */
int container_orientation(const AVStream *stream);
