/* realtime_page.h: the page about /realtime, made from schemas/events.yaml and
 * schemas/realtime.html at build time. */
#pragma once

#include "base/slice.h"

extern const struct slice realtime_page, realtime_page_etag;
