/* cors.h: which pages of other origins may call us from a browser (Fetch standard, CORS protocol):
 * those that are listed, nobody else. Pure: heads in, header fields out. `listed` ends with an
 * empty origin; NULL: none. */
#pragma once

#include "base/buf.h"
#include "gateway/http/http1.h"

/* Is this origin listed? Also asked for WebSocket upgrades. */
bool cors_allows(const struct slice *listed, struct slice origin);
/* A preflight asks before a browser sends the real request: answered before anything is judged,
 * with 204 and what cors_add_headers() says. */
bool cors_is_preflight(const struct http_head *head);
/* What the answer to this head says to the page that asked; nothing for origins that are not
 * listed. */
void cors_add_headers(const struct slice *listed, const struct http_head *head, struct buf *out);
