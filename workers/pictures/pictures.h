/* pictures.h: what mediahub-decode-pictures can do: pictures of all kinds, by libvips where we have
 * no way of our own. */
#pragma once

#include "decode/decode.h"

extern const struct decode_skill pictures_skill;
