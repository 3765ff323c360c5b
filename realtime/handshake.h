/* handshake.h: how a connection becomes a WebSocket. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

/* The handshake (RFC 6455 section 4.2): the 101 answer for a valid request, built from its headers;
 * ERR_* with the status to answer otherwise. */
enum err handshake_accept(struct arena *arena, struct slice key, struct slice version,
                          struct slice offered_protocols, struct slice *answer);
