/* films.h: what mediahub-decode-films can do: clips and recordings, by libav, and the pictures that
 * are the first frame of a sequence of such. The last of the decoders: nobody knows more. */
#pragma once

#include "decode/decode.h"

extern const struct decode_skill films_skill;
