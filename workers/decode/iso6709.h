/* iso6709.h: places as QuickTime writes them, "+59.8530+030.3000+012.5/" (ISO 6709, annex H), in
 * degrees, or with minutes, and seconds, run together with them: "+5951.18+03018.00/". */
#pragma once

#include "wire/wire.h"

bool iso6709_parse(struct slice text, struct wire_location *out);
