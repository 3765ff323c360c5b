/* reply.h: the one way to answer. Only reply.c knows status lines and headers; the surface gives
 * the envelope. A request is answered exactly once (asserted); small answers leave in one write. */
#pragma once

#include "base/buf.h"
#include "base/mask.h"
#include "gateway/request.h"

enum { REPLY_MAX_BYTES = 64 << 20 }; /* of an answer's body, files apart */

/* Where a handler writes what it answers: one of the request's own, emptied by each call. It takes
 * REPLY_MAX_BYTES; an answer that outgrew them is a 500 in its place, whatever reply_* says. */
struct buf *reply_writer(struct request *req);
struct json_writer reply_json(struct request *req); /* at the beginning of it */

/* Adds a header to the answer to come; call before the reply_* that answers. */
void reply_header(struct request *req, const char *name, struct slice value);

/* The body is the surface's `data`, already serialised JSON. */
void reply_data(struct request *req, int status, struct slice json);
void reply_written(struct request *req, int status); /* what the writer holds */
/* A list: `data` is a JSON array; the surface adds its pagination. */
struct page {
    uint64_t number, size, total, count;
    bool has_cursor, by_cursor; /* it tells where the next one begins; this one began so */
    struct slice next_cursor;   /* empty: this is the last one */
};
void reply_written_page(struct request *req, const struct page *page);
/* Status, slug and default message from the table; detail may be empty, fields may be NULL. */
struct field_error {
    struct slice field, message;
};
void reply_error(struct request *req, enum err why, struct slice detail);
bool ok_or_reply(struct request *req, enum err err); /* false: the error is sent */
void reply_field_errors(struct request *req, enum err why, const struct field_error *errors,
                        size_t n);
/* Any body as it is, outside envelopes. */
void reply_raw(struct request *req, int status, const char *content_type, struct slice body);
void reply_empty(struct request *req, int status);

/* Bytes [offset, offset + length) of an open file, pumped with bounded memory; takes fd. The mask
 * (or NULL) is laid over them; it lives as long as the request. */
struct file_reply {
    int status; /* 200 or 206 */
    int fd;
    uint64_t offset, length;
    const char *content_type;
    const struct mask *mask;
};
void reply_file(struct request *req, const struct file_reply *file);

/* Hands the connection over after this raw answer ("HTTP/1.1 101 ..."): `open` is called from the
 * loop, outside the fiber, and gives the new owner. */
struct connection;
void reply_upgrade(struct request *req, struct slice answer,
                   void (*open)(struct connection *connection, struct slice early_bytes, void *arg),
                   void *arg);
/* The same after an ordinary head (status 200, common headers, CORS), for an answer that goes on
 * until one side closes the connection: the new owner writes its body as fast as the connection
 * takes it, in chunks where reply_stream_is_chunked(): many clients read other bodies in large
 * pieces only. Not for HEAD. */
void reply_stream(struct request *req, const char *content_type,
                  void (*open)(struct connection *connection, struct slice early_bytes, void *arg),
                  void *arg);
bool reply_stream_is_chunked(const struct request *req); /* clients of HTTP/1.0 know no chunks */
