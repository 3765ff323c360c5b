/* sse.h: blocks of a stream of server-sent events (HTML Standard, section 9.2.5). Knows text only;
 * lines end with a line feed. */
#pragma once

#include "base/buf.h"

/* `id`, where there is one, is what a client that comes back sends as Last-Event-ID; it has no line
 * ends. Text of several lines becomes as many `data` fields, which the client joins again. */
void sse_message(struct buf *out, struct slice id, struct slice text);
void sse_comment(struct buf *out); /* tells nothing, and keeps proxies and sockets awake */
/* How long a client waits before it comes back, in a block of its own. ms: digits. */
void sse_retry(struct buf *out, struct slice ms);
