/* listener.h: accepts connections on one address, shared with other gateway processes by
 * SO_REUSEPORT, and hands the sockets to a connection server. */
#pragma once

#include "base/arena.h"
#include "gateway/http/connection.h"

struct listener;

/* NULL on failure, with one sentence in *problem. */
struct listener *listener_open(uv_loop_t *loop, struct connection_server *server,
                               struct slice host_port, enum connection_entry entry,
                               struct arena *arena, struct slice *problem);
void listener_close(struct listener *listener); /* NULL is allowed; memory goes with the loop */
