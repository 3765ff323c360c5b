/* cors.h: which pages of other origins may call us from a browser (Fetch standard, CORS protocol):
 * those of the setting cors.origins, nobody else. */
#pragma once

#include "base/buf.h"
#include "gateway/request.h"

/* A preflight asks before a browser sends the real request: answered before anything is judged. */
bool cors_is_preflight(const struct request *req);
void cors_reply_preflight(struct request *req);
/* What an answer says to the page that asked; nothing for origins that are not listed. */
void cors_add_headers(const struct request *req, struct buf *out);
/* Is this origin listed? Also asked for WebSocket upgrades. */
bool cors_allows(const struct gateway *gateway, struct slice origin);
