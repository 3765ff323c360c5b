/* streams.h: which of a container's streams are its picture and its sound. Covers, stills and
 * tracks of one frame stand beside the real ones in any order. */
#pragma once

#include <libavformat/avformat.h>
#include <stdbool.h>

struct streams {
    AVStream *video; /* NULL: none (a cover does not count) */
    AVStream *audio; /* NULL: none */
    AVStream *cover; /* NULL: none; its picture is attached_pic */
};

/* May read some packets; the place is at the beginning then. */
struct streams streams_choose(AVFormatContext *format);

/* Back to the first packet. */
bool streams_rewind(AVFormatContext *format);

/* The sound that comes after this one (NULL: the first) in the order in which they are tried: those
 * for which there is a decoder, what is marked as default first. NULL: none. */
AVStream *streams_next_audio(const AVFormatContext *format, const AVStream *after);
