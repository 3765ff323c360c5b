/* listen.h: listening TCP sockets from "HOST:PORT" ("127.0.0.1:8080", "[::1]:80", "localhost:80",
 * ":8080" and "[::]:8080" for all addresses, IPv4 and IPv6). Non-blocking, close-on-exec. */
#pragma once

#include "base/arena.h"

/* *host borrows, and is without its brackets. False: not of this form, or a port above 65535. */
bool listen_parse(struct slice host_port, struct slice *host, uint64_t *port, bool *bracketed);

/* With share_port several processes may listen on one port (SO_REUSEPORT); without it a port that
 * anyone listens on is refused. -1 on failure, with one sentence in *problem, and with EADDRINUSE
 * in errno if that is why. */
int listen_open(struct arena *arena, struct slice host_port, bool share_port,
                struct slice *problem);
