/* streams.h: which of a container's streams are its picture and its sound. Covers, stills and
 * tracks of one frame stand beside the real ones in any order. */
#pragma once

#include "decode/container.h"

/* Sets video, audio and cover. */
void streams_choose(struct container *container);

/* The sound that comes after this one (NULL: the first) in the order in which they are tried: those
 * for which there is a decoder, what is marked as default first. NULL: none. */
AVStream *streams_next_audio(const struct container *container, const AVStream *after);
