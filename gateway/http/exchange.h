/* exchange.h: HTTP/1.1 over one connection: heads out of bytes, one request at a time (what is
 * pipelined behind it waits), bodies with flow control, answers, keep-alive and all deadlines:
 * 10 s for a head, an idle time that is a setting, 30 s of silence or less than 1 KiB/s in a body,
 * 60 s without progress in an answer. What a request is about, and what an answer says, is its
 * service's business. */
#pragma once

#include "base/buf.h"
#include "base/task.h"
#include "gateway/http/connection.h"
#include "gateway/http/http1.h"
#include "gateway/http/pump.h"

/* What a connection hears that comes from an address with too many. */
#define EXCHANGE_TOO_MANY                                                                          \
    "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\nContent-Length: 0\r\n"                    \
    "Connection: close\r\n\r\n"

enum {
    EXCHANGE_UPLOADS_MAX = 256,       /* fibers that stream a body; past it 503 */
    EXCHANGE_PIECE_BYTES = 256 << 10, /* of an answer: what a connection is given at a time */
};

struct exchange;

/* Who serves the requests of a connection; called on the loop's thread. */
struct exchange_service {
    /* Makes the record of a request, in its arena and beginning with its task; both end with the
     * request. task.cancelled is set when the client goes away. */
    struct task *(*open)(void *arg, struct exchange *exchange, struct arena *arena,
                         const struct http_head *head);
    void (*run)(struct task *request); /* on a fiber of its own; must answer */
    /* Must answer without suspending: `bytes` are no request, or not now. */
    void (*refuse)(struct task *request, struct slice bytes, enum err why);
    void (*close)(struct task *request); /* the answer has left, or the client has */
};

void exchange_set_idle(uint64_t ms); /* at the start; else 75 s */

/* For connection_server_new(): the new connection speaks HTTP. service outlives it. */
void *exchange_accept(const struct exchange_service *service, void *arg,
                      struct connection *connection, const struct connection_owner **owner);
/* Once: idle connections are closed in a moment, the others after the next answer, which says so.
 * Nobody who asks just now is left without one. */
void exchange_drain(void);
size_t exchange_uploads(void); /* under way */

/* --- about the request under way ---------------------------------------------------------------
 */

struct slice exchange_peer_ip(const struct exchange *exchange);        /* until the client leaves */
enum connection_entry exchange_entry(const struct exchange *exchange); /* likewise */
uint64_t exchange_received(const struct exchange *exchange); /* bytes of its body so far */

/* The next run of the body. Sends "100 Continue" first where the client waits for it. *chunk is
 * empty at the end; it is valid until the next call. ERR_PAYLOAD_TOO_LARGE past max_bytes,
 * ERR_REQUEST_TIMEOUT, ERR_BAD_REQUEST for broken framing or a client that left. Suspends: on the
 * request's fiber only, and before the answer. */
enum err exchange_read(struct exchange *exchange, uint64_t max_bytes, struct slice *chunk);

/* From another fiber: whoever waits for this body's bytes for so long already waits no more
 * (ERR_REQUEST_TIMEOUT). False: nobody does. */
bool exchange_stop_silent(struct exchange *exchange, uint64_t silent_ms);

/* Once the body is read: http1_trailer(), until the answer. */
struct slice exchange_trailer(const struct exchange *exchange, const char *name);

/* Waits for so long, once the body is read: does the client stay? False: it has left, or has ended
 * its side. Suspends, as above. */
bool exchange_stays(struct exchange *exchange, uint64_t ms);

/* Counts the request among the uploads until its end. False: there are too many. */
bool exchange_begin_upload(struct exchange *exchange);

/* --- the answer --------------------------------------------------------------------------------
 */

/* May the connection go on after this answer? No, while a part of the body has not arrived. */
bool exchange_keeps_alive(struct exchange *exchange);
void exchange_write(struct exchange *exchange, struct slice bytes); /* small */
/* May an answer that is larger than a piece wait in memory for its client (room.h)? Answer with a
 * 503 where it may not. party: in the request's arena. */
bool exchange_may_wait(struct exchange *exchange, struct slice party, size_t bytes);
/* Any size. What the socket does not take at once is moved out of *message, which then is empty; it
 * follows as the client reads, and needs no fiber. */
void exchange_send(struct exchange *exchange, struct buf *message);
/* head, then the file's bytes; what file->alter_arg points to lives as long as the request. */
void exchange_send_file(struct exchange *exchange, struct slice head, const struct pump_file *file);
/* This answer is the connection's last. */
void exchange_close_after(struct exchange *exchange);
/* The request ends when `open` has taken the connection over, from the loop. */
void exchange_upgrade(struct exchange *exchange,
                      void (*open)(struct connection *connection, struct slice early_bytes,
                                   void *arg),
                      void *arg);
