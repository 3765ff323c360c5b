/* connection.h: one client connection, plain or TLS, on libwebsockets' raw role. Knows sockets,
 * buffering and deadlines; must not know HTTP. Who owns the connection gets its bytes: first http1,
 * after an upgrade realtime. All callbacks come from the loop, never from inside a call of ours.
 *
 * Reads are pushed to the owner while reading is on; with reading off at most one more piece
 * (64 KiB) arrives. Writes are taken whole: what the kernel does not take is buffered by
 * libwebsockets (one partial write) and by us up to CONNECTION_BACKLOG_MAX. */
#pragma once

#include "gateway/http/door.h"

#include <uv.h>

enum { CONNECTION_BACKLOG_MAX = 1 << 20 };

struct connection;

struct connection_owner {
    void (*on_bytes)(void *owner, struct slice bytes);
    void (*on_writable)(void *owner); /* the backlog is empty, after connection_want_writable() */
    void (*on_gone)(void *owner);     /* last call; the connection is freed after it */
    void (*on_deadline)(void *owner); /* connection_deadline() has passed */
};

/* By which address a connection came: plain, with TLS, or plain and for whoever runs the hub. */
enum connection_entry { ENTRY_PLAIN, ENTRY_TLS, ENTRY_INSIDE };

struct connection_server; /* the lws context and its vhosts */

struct connection_tls {
    const char *cert_path, *key_path; /* NULL: no TLS vhost; must live as long as the server */
};

struct connection_server *connection_server_new(
    uv_loop_t *loop, const struct connection_tls *tls,
    void *(*on_accept)(struct connection *connection, const struct connection_owner **owner));
/* Closes every connection (owners get on_gone now); the rest, its memory too, goes with the loop's
 * next turns. */
void connection_server_free(struct connection_server *server);
/* At the start; without it the door decides by itself. `refusal` is said in plain to whom the door
 * does not let in, and outlives the server. */
void connection_server_limit(struct connection_server *server, const struct door_settings *door,
                             struct slice refusal);
bool connection_server_is_full(const struct connection_server *server); /* accepting must wait */
/* Takes an accepted socket. peer_ip is copied. False: it was refused and closed. */
bool connection_adopt(struct connection_server *server, int fd, enum connection_entry entry,
                      struct slice peer_ip);
/* Reads the certificate again now; otherwise when its files change. */
void connection_server_look(struct connection_server *server);
size_t connection_count(const struct connection_server *server);

bool connection_write(struct connection *connection, struct slice bytes); /* false: gone */
size_t connection_backlog(const struct connection *connection);
/* How long ago the peer's machine has last acknowledged anything (TCP_INFO); 0: not known. */
uint64_t connection_silent_ms(const struct connection *connection);
void connection_want_writable(struct connection *connection);
void connection_set_reading(struct connection *connection, bool on);
void connection_deadline(struct connection *connection, uint64_t delay_ms); /* 0: none */
/* Ends our side after what was written and waits for the peer to end its own: 2 s, or, where it is
 * known to be sending (peer_sends), until it is silent for 10 s, 2 minutes and 256 MiB at most.
 * What it sends is dropped; closing at once would take the last answer away from it. */
void connection_finish(struct connection *connection, bool peer_sends);
void connection_drop(struct connection *connection); /* at once; on_gone follows from the loop */
void connection_set_owner(struct connection *connection, const struct connection_owner *owner,
                          void *arg);
struct slice connection_peer_ip(const struct connection *connection);
enum connection_entry connection_entry_of(const struct connection *connection);
