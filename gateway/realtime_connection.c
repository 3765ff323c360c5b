#include "gateway/realtime_connection.h"

#include "gateway/http/connection.h"
#include "realtime/client_life.h"

#include <stdlib.h>

static bool transport_write(void *connection, struct slice bytes)
{
    return connection_write(connection, bytes);
}

static size_t transport_backlog(const void *connection)
{
    return connection_backlog(connection);
}

static void transport_want_writable(void *connection)
{
    connection_want_writable(connection);
}

static void transport_set_reading(void *connection, bool on)
{
    connection_set_reading(connection, on);
}

static uint64_t transport_silent_ms(const void *connection)
{
    return connection_silent_ms(connection);
}

static void transport_finish(void *connection)
{
    connection_finish(connection, false);
}

const struct transport realtime_transport = {
    .write = transport_write,
    .backlog = transport_backlog,
    .want_writable = transport_want_writable,
    .set_reading = transport_set_reading,
    .silent_ms = transport_silent_ms,
    .finish = transport_finish,
};

static void on_bytes(void *client, struct slice bytes)
{
    client_bytes(client, bytes);
}

static void on_writable(void *client)
{
    client_writable(client);
}

static void on_gone(void *client)
{
    client_gone(client);
}

/* Realtime keeps its deadlines itself and never asks the connection for one. */
static void on_deadline(void *client)
{
    abort();
}

static const struct connection_owner owner = {on_bytes, on_writable, on_gone, on_deadline};

void realtime_connection_give(struct connection *connection, struct client *client,
                              struct slice early_bytes)
{
    connection_set_owner(connection, &owner, client);
    if (early_bytes.n)
        client_bytes(client, early_bytes);
}
