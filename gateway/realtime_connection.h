/* realtime_connection.h: a connection of ours as realtime wants it: what it does to the connection,
 * and what it hears of it. */
#pragma once

#include "realtime/transport.h"

struct client;
struct connection;

extern const struct transport realtime_transport;

/* From now on the client has the connection, beginning with the bytes that have come already. */
void realtime_connection_give(struct connection *connection, struct client *client,
                              struct slice early_bytes);
