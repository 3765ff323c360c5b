/* client_life.h: a client from its connection's first byte to its last. */
#pragma once

#include "base/slice.h"
#include "realtime/transport.h"

struct client;
struct command;
struct principal;
struct realtime;

/* A connection that has answered 101. already: who the credentials given at the upgrade were found
 * to belong to; NULL: none were given; kind PRINCIPAL_NONE: they are not valid, which closes with
 * 4001. The client may be used until client_gone(), which is the end of it for the caller. */
struct client *client_open(struct realtime *hub, const struct transport *transport,
                           void *connection, const struct principal *already);
/* A connection that has answered with the head of a stream of server-sent events, which stream.h
 * has agreed to. Used like the other, but that its bytes mean nothing. chunked: what is written is
 * framed so (RFC 9112 section 7.1). */
struct client *client_open_stream(struct realtime *hub, const struct transport *transport,
                                  void *connection, bool chunked, const struct principal *principal,
                                  const struct command *places, size_t n);
void client_bytes(struct client *client, struct slice bytes);
void client_writable(struct client *client);
void client_gone(struct client *client);

/* From the flush: everything is with the kernel / something is left over. */
void client_settled(struct client *client);
void client_stalled(struct client *client);
