/* decode.h: what the parts of a decode child share: one request with its open descriptors, and its
 * outcome. Nothing here opens a file, and every byte of the input is taken for hostile. */
#pragma once

#include "base/arena.h"
#include "wire/wire.h"

/* Containers that are opened at all: no playlists, no lists of other files, no devices. */
#define DECODE_FORMATS                                                                             \
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,mp3,wav,flac,aac,flv,asf"

struct decoding {
    struct arena *arena;
    struct wire_decode request;
    int input;                   /* seekable, at its beginning */
    const int *outputs;          /* one per request.outputs, empty files */
    uint64_t give_up_ms;         /* clock_ms() */
    struct wire_results results; /* out */
    enum wire_reason reason;     /* out, on failure */
    struct slice message;        /* for people */
};

/* All of a process's libraries, before the sandbox closes. */
void decode_libraries_init(void);

/* Answers requests on the socket (SOCK_SEQPACKET; messages `decode` with SCM_RIGHTS) until its
 * other end is closed. */
void decode_serve(int socket);

/* Becomes ffmpeg, sandboxed: descriptor 3 is the input, 4 the output, 1 takes the progress, 2 the
 * log. Returns only on failure. */
void transcode_exec(uint64_t pixels);

/* Notes why the decoding failed and returns false. */
bool decode_fail(struct decoding *decoding, enum wire_reason reason, const char *message);

/* Notes that output i is made. */
void decode_made(struct decoding *decoding, size_t i);

bool image_decode(struct decoding *decoding);
bool video_decode(struct decoding *decoding);
