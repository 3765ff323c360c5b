/* realtime_stream.h: /realtime as a stream of server-sent events, for GET requests that accept
 * text/event-stream and do not ask for an upgrade. */
#pragma once

#include "gateway/request.h"

bool realtime_stream_is_wanted(const struct request *req);
/* Answers: the stream, or why not. Suspends. */
void realtime_stream_reply(struct request *req);
