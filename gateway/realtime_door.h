/* realtime_door.h: what every way into /realtime begins with, be it a WebSocket, a stream or a
 * ticket for either: HTTPS where it is demanded, no token in the URL, and credentials. */
#pragma once

#include "gateway/request.h"

/* ERR_* with a sentence in *detail: this request is not let in, whoever sent it. */
enum err realtime_door_judge(const struct request *req, struct slice *detail);

/* The token or key that came in a header; empty: none. Where there is an Authorization header that
 * bears none, it is something that proves nothing. */
struct slice realtime_door_header(const struct request *req);

/* Both halves of authentication, where every refusal is ERR_UNAUTHORIZED. token: of any surface, or
 * an API key. Suspends. */
enum err realtime_door_authenticate(struct task *task, struct gateway *gateway, struct slice token,
                                    struct principal *out);
