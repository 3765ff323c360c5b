/* transport.h: what realtime needs of a connection, whoever carries it. The gateway fills it in;
 * realtime knows neither sockets nor HTTP. */
#pragma once

#include "base/slice.h"

struct transport {
    /* Takes the bytes (copies what the socket does not). Returns false when the connection is gone.
     */
    bool (*write)(void *connection, struct slice bytes);
    /* Bytes accepted by write() and not yet taken by the kernel. */
    size_t (*backlog)(const void *connection);
    /* Asks for one on_writable() once the backlog is empty. */
    void (*want_writable)(void *connection);
    void (*set_reading)(void *connection, bool on); /* receive flow control */
    /* How long ago the peer's machine has last acknowledged anything: all that there is to hear of
     * a client that only listens. */
    uint64_t (*silent_ms)(const void *connection);
    /* Ends the connection after what was written; on_gone() follows. */
    void (*finish)(void *connection);
};
