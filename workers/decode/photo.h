/* photo.h: what mediahub-decode itself can do: JPEG, which most photos are, with the few libraries
 * that it takes. */
#pragma once

#include "decode/decode.h"

extern const struct decode_skill photo_skill;
