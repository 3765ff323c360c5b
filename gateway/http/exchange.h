/* exchange.h: HTTP/1.1 over one connection: heads out of bytes, one request at a time (what is
 * pipelined behind it waits), bodies with flow control, answers, keep-alive and all deadlines:
 * 10 s for a head, 75 s idle, 30 s of silence or less than 1 KiB/s in a body, 60 s without progress
 * in an answer. What a request is about is decided in dispatch.c. */
#pragma once

#include "gateway/http/connection.h"
#include "gateway/request.h"

enum { EXCHANGE_UPLOADS_MAX = 256 }; /* fibers that stream a body; past it 503 */

/* For connection_server_new(): the new connection speaks HTTP. */
void *exchange_accept(struct gateway *gateway, struct connection *connection,
                      const struct connection_owner **owner);
/* Once, with gateway->draining set: idle connections are closed in a moment, the others after the
 * next answer, which says so. Nobody who asks just now is left without one. */
void exchange_drain(void);
size_t exchange_requests(void); /* under way */
size_t exchange_uploads(void);

/* --- for dispatch.c and reply.c ----------------------------------------------------------------
 */

/* Runs on the request's fiber and must answer it. */
void dispatch_run(struct request *req);

/* Counts the request among the uploads until its end. False: there are too many. */
bool exchange_begin_upload(struct exchange *exchange);

/* May the connection go on after this answer? No, while a part of the body has not arrived. */
bool exchange_keeps_alive(struct exchange *exchange);
void exchange_write(struct exchange *exchange, struct slice bytes);
/* head, then the file's bytes; takes fd. */
void exchange_send_file(struct exchange *exchange, struct slice head, int fd, uint64_t offset,
                        uint64_t length);
/* The request ends when `open` has taken the connection over, from the loop. */
void exchange_upgrade(struct exchange *exchange,
                      void (*open)(struct connection *connection, struct slice early_bytes,
                                   void *arg),
                      void *arg);
