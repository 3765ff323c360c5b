/* when.h: times as media files write them. */
#pragma once

#include "base/slice.h"

/* "2020:01:24 23:11:52" (EXIF, separator ':') or "2019-12-20T16:08:40.000000Z" (QuickTime and
 * others, separator '-'), with a zone after it or in `offset`: "", "Z", "+03:00", "+0300". False
 * for nonsense and for what lies before 1970. */
bool when_parse(struct slice text, char separator, struct slice offset, uint64_t *unix_ms);
