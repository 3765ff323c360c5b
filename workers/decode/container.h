/* container.h: a clip or recording opened with libavformat over a descriptor: formats and protocols
 * are listed, so that a playlist in a film's clothes is refused (CVE-2017-9993 and its kin), and
 * every read looks at the deadline. */
#pragma once

#include "decode/decoding.h"
#include "decode/streams.h"

#include <libavformat/avformat.h>

/* Kinds that are opened at all: no playlists, no lists of other files, no devices. */
#define CONTAINER_FORMATS                                                                          \
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,mp3,wav,flac,aac,flv,asf"

/* How far it is looked into a file for what is in it: bytes, and microseconds of its time. */
#define CONTAINER_PROBE_BYTES "10000000"
#define CONTAINER_ANALYSE_US "5000000"

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
