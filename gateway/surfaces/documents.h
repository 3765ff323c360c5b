/* documents.h: what the hub says of itself beside OpenAPI, made from schemas/ at build time: the
 * page about /realtime, and /realtime and webhooks as AsyncAPI. */
#pragma once

#include "base/slice.h"

extern const struct slice realtime_page, realtime_page_etag;
extern const struct slice asyncapi, asyncapi_etag;
