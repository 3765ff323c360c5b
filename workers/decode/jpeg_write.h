/* jpeg_write.h: the encoder of thumbnails: baseline JPEG (ITU-T T.81, JFIF 1.02), quality 80, 4:2:0
 * or grey, without any metadata. */
#pragma once

#include "decode/planes.h"

/* Colour planes are half the size of Y in both directions, rounded up. False: the file cannot be
 * written, or libjpeg refused. */
bool jpeg_write(struct arena *arena, const struct planes *planes, int fd);
