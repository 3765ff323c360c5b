/* frame.h: a decoded frame as a picture: upright, in square pixels, one field of it where it is
 * interlaced, and in the colours of ordinary screens. */
#pragma once

#include "decode/planes.h"

#include <libavutil/frame.h>
#include <libavutil/rational.h>

struct frame_look {
    AVRational aspect;                           /* of a pixel; 0/1: unknown */
    int orientation;                             /* 1 to 8, as EXIF counts them */
    enum AVColorTransferCharacteristic transfer; /* where the frame itself does not say */
};

/* As frame_planes() would be without a bound. */
void frame_size(const AVFrame *frame, const struct frame_look *look, int *width, int *height);

/* No side is longer than `edge`. False: there is no way from its pixel format. */
bool frame_planes(struct arena *arena, const AVFrame *frame, const struct frame_look *look,
                  int edge, struct planes *out);

/* Mean brightness, 0 to 255; -1: it cannot be told. */
int frame_brightness(struct arena *arena, const AVFrame *frame);
