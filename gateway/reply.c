#include "gateway/reply.h"

#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "gateway/access/cors.h"
#include "gateway/gateway.h"
#include "gateway/http/exchange.h"
#include "gateway/route.h"
#include "gateway/surface.h"
#include "state/once.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
    MESSAGE_MAX_BYTES = REPLY_MAX_BYTES + (1 << 20), /* with its head */
    KEPT_BYTES = 64 << 10,
};

#define UNTIL_CLOSE UINT64_MAX

struct reply_header {
    struct reply_header *next;
    struct slice name, value;
};

static const struct {
    int status;
    struct slice phrase;
} reasons[] = {
    {200, SLICE_INIT("OK")},
    {201, SLICE_INIT("Created")},
    {202, SLICE_INIT("Accepted")},
    {204, SLICE_INIT("No Content")},
    {206, SLICE_INIT("Partial Content")},
    {304, SLICE_INIT("Not Modified")},
    {400, SLICE_INIT("Bad Request")},
    {401, SLICE_INIT("Unauthorized")},
    {403, SLICE_INIT("Forbidden")},
    {404, SLICE_INIT("Not Found")},
    {405, SLICE_INIT("Method Not Allowed")},
    {406, SLICE_INIT("Not Acceptable")},
    {408, SLICE_INIT("Request Timeout")},
    {409, SLICE_INIT("Conflict")},
    {412, SLICE_INIT("Precondition Failed")},
    {413, SLICE_INIT("Content Too Large")},
    {414, SLICE_INIT("URI Too Long")},
    {415, SLICE_INIT("Unsupported Media Type")},
    {416, SLICE_INIT("Range Not Satisfiable")},
    {417, SLICE_INIT("Expectation Failed")},
    {422, SLICE_INIT("Unprocessable Content")},
    {423, SLICE_INIT("Locked")},
    {426, SLICE_INIT("Upgrade Required")},
    {429, SLICE_INIT("Too Many Requests")},
    {431, SLICE_INIT("Request Header Fields Too Large")},
    {460, SLICE_INIT("Checksum Mismatch")},
    {500, SLICE_INIT("Internal Server Error")},
    {501, SLICE_INIT("Not Implemented")},
    {503, SLICE_INIT("Service Unavailable")},
    {505, SLICE_INIT("HTTP Version Not Supported")},
    {507, SLICE_INIT("Insufficient Storage")},
};

static struct slice reason(int status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].phrase;
    return SLICE(""); /* may be empty, and means nothing (RFC 9112 section 4) */
}

/* A value may come from a client (a file's name): a line end in it would be a header of theirs. */
static struct slice without_controls(struct arena *arena, struct slice value)
{
    char *copy = arena_cstr(arena, value);

    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)copy[i] < ' ' || copy[i] == 0x7f)
            copy[i] = '_';
    return (struct slice){copy, value.n};
}

void reply_header(struct request *req, const char *name, struct slice value)
{
    struct reply_header *header = ARENA_NEW(req->task.arena, struct reply_header);

    assert(!req->answered);
    header->name = slice_from(name);
    header->value = without_controls(req->task.arena, value);
    header->next = req->headers;
    req->headers = header;
}

static bool has_header(const struct request *req, struct slice name)
{
    for (const struct reply_header *header = req->headers; header; header = header->next)
        if (slice_eq_nocase(header->name, name))
            return true;
    return false;
}

/* --- the message -------------------------------------------------------------------------------
 */

static void add(struct buf *out, struct slice name, struct slice value)
{
    buf_add(out, name);
    buf_add(out, SLICE(": "));
    buf_add(out, value);
    buf_add(out, SLICE("\r\n"));
}

static void add_digits(struct buf *out, struct slice before, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    buf_add(out, before);
    buf_add(out, (struct slice){digits + at, sizeof digits - at});
}

static void add_number(struct buf *out, struct slice name, uint64_t value)
{
    buf_add(out, name);
    add_digits(out, SLICE(": "), value);
    buf_add(out, SLICE("\r\n"));
}

/* The same within a second, so it is written once. */
static struct slice date_now(void)
{
    static uint64_t of_s;
    static char text[40];
    static size_t n;
    uint64_t now_ms = clock_unix_ms();

    if (now_ms / 1000 != of_s) {
        struct arena *arena = arena_new();
        struct slice date = clock_http_date(arena, now_ms);

        of_s = now_ms / 1000;
        n = date.n < sizeof text ? date.n : sizeof text;
        memcpy(text, date.p, n);
        arena_free(arena);
    }
    return (struct slice){text, n};
}

/* The two fields of draft-ietf-httpapi-ratelimit-headers (from -08 on), lists of one Item (RFC
 * 9651), beside those that were there before them. */
static void add_window(struct buf *out, const struct window *window, struct slice policy)
{
    uint64_t left = window_left(window);

    add_number(out, SLICE("X-RateLimit-Limit"), window->limit);
    add_number(out, SLICE("X-RateLimit-Remaining"), left);
    add_number(out, SLICE("X-RateLimit-Reset"), window->reset_s);
    buf_add(out, SLICE("RateLimit-Policy: \""));
    buf_add(out, policy);
    add_digits(out, SLICE("\";q="), window->limit);
    add_digits(out, SLICE(";w="), window->seconds);
    buf_add(out, SLICE("\r\nRateLimit: \""));
    buf_add(out, policy);
    add_digits(out, SLICE("\";r="), left);
    add_digits(out, SLICE(";t="), window_seconds_to_reset(window, clock_unix_ms()));
    buf_add(out, SLICE("\r\n"));
}

static void add_connection(struct buf *out, struct request *req)
{
    bool keep = exchange_keeps_alive(req->exchange);

    if (!keep)
        add(out, SLICE("Connection"), SLICE("close"));
    else if (req->head.minor_version == 0)
        add(out, SLICE("Connection"), SLICE("keep-alive"));
}

static void add_common(struct buf *out, struct request *req)
{
    add(out, SLICE("Date"), date_now());
    add_connection(out, req);
    add(out, SLICE("X-Content-Type-Options"), SLICE("nosniff"));
    if (req->tls)
        add(out, SLICE("Strict-Transport-Security"), SLICE("max-age=31536000"));
    add(out, SLICE("X-Request-Id"), req->task.request_id);
    if (req->has_window && req->surface->rate_headers)
        add_window(out, &req->window, req->rate_policy);
    cors_add_headers(req->gateway->cors_origins, &req->head, out);
    for (const struct reply_header *header = req->headers; header; header = header->next)
        add(out, header->name, header->value);
}

static bool has_no_body(int status)
{
    return status < 200 || status == 204 || status == 304;
}

static void add_status(struct buf *out, int status)
{
    char digits[] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
                     (char)('0' + status % 10), ' '};

    buf_add(out, SLICE("HTTP/1.1 "));
    buf_add(out, (struct slice){digits, sizeof digits});
    buf_add(out, reason(status));
    buf_add(out, SLICE("\r\n"));
}

/* body_bytes: UNTIL_CLOSE, or how many. */
static void begin(struct buf *out, struct request *req, int status, const char *content_type,
                  uint64_t body_bytes)
{
    assert(!req->answered);
    req->answered = true;
    req->status = status;
    if (req->once) /* its key is free again, or what it made stands */
        once_end(req->gateway->state, req->once);
    buf_clear(out);
    add_status(out, status);
    if (content_type)
        add(out, SLICE("Content-Type"), slice_from(content_type));
    if (!has_no_body(status) && body_bytes != UNTIL_CLOSE)
        add_number(out, SLICE("Content-Length"), body_bytes);
    add_common(out, req);
    buf_add(out, SLICE("\r\n"));
}

/* One message at a time is built, without a suspension in between: its memory is kept. */
static struct buf *message_buf(void)
{
    static struct buf message;

    if (message.size > KEPT_BYTES)
        buf_fini(&message);
    if (!message.max_bytes)
        buf_init(&message, MESSAGE_MAX_BYTES);
    return &message;
}

static void send_message(struct request *req, int status, const char *content_type,
                         struct slice body)
{
    struct buf *message = message_buf();

    begin(message, req, status, content_type, body.n);
    if (req->head.method != METHOD_HEAD && !has_no_body(status)) {
        buf_add(message, body);
        req->sent_bytes = body.n;
    }
    assert(!message->overflow);
    exchange_send(req->exchange, message);
}

/* --- answers -----------------------------------------------------------------------------------
 */

static struct buf *envelope_buf(void)
{
    static struct buf envelope;

    if (envelope.size > KEPT_BYTES)
        buf_fini(&envelope);
    if (!envelope.max_bytes)
        buf_init(&envelope, REPLY_MAX_BYTES);
    buf_clear(&envelope);
    return &envelope;
}

static void free_writer(void *arg)
{
    buf_fini(arg);
}

struct buf *reply_writer(struct request *req)
{
    if (!req->writer.max_bytes) {
        buf_init(&req->writer, REPLY_MAX_BYTES);
        arena_defer(req->task.arena, free_writer, &req->writer);
    }
    buf_clear(&req->writer);
    return &req->writer;
}

struct json_writer reply_json(struct request *req)
{
    struct json_writer w;

    jw_init(&w, reply_writer(req));
    return w;
}

/* Small answers always may. */
static bool may_wait(struct request *req, size_t bytes)
{
    struct arena *arena = req->task.arena;
    struct slice user = req->principal.user_id;

    return bytes <= EXCHANGE_PIECE_BYTES ||
           exchange_may_wait(
               req->exchange,
               user.n ? arena_dup(arena, user) : address_prefix_text(arena, req->peer_ip), bytes);
}

/* body: complete, unless `cut`. */
static void send_body(struct request *req, int status, const char *content_type, struct slice body,
                      bool cut)
{
    if (cut || req->writer.overflow || body.n > REPLY_MAX_BYTES) {
        log_event(LOG_ERROR, "answer_too_large", F("request_id", req->task.request_id),
                  F("operation", req->route ? req->route->operation : ""));
        reply_error(req, ERR_INTERNAL, SLICE_NONE);
    } else if (!may_wait(req, body.n)) {
        reply_error(req, ERR_OVERLOADED, SLICE_NONE);
    } else {
        send_message(req, status, content_type, body);
    }
}

void reply_written_page(struct request *req, const struct page *page)
{
    struct buf *envelope = envelope_buf();

    req->surface->wrap_data(req, envelope, buf_slice(&req->writer), page);
    send_body(req, 200, "application/json", buf_slice(envelope), envelope->overflow);
}

void reply_data(struct request *req, int status, struct slice json)
{
    struct buf *envelope = envelope_buf();

    req->surface->wrap_data(req, envelope, json, NULL);
    send_body(req, status, "application/json", buf_slice(envelope), envelope->overflow);
}

void reply_written(struct request *req, int status)
{
    reply_data(req, status, buf_slice(&req->writer));
}

static void send_error(struct request *req, enum err why, struct slice detail,
                       const struct field_error *errors, size_t n)
{
    const struct err_row *row = err_row(why);
    struct buf *envelope = envelope_buf();

    if (!has_header(req, SLICE("Retry-After"))) {
        if (row->status == 503)
            reply_header(req, "Retry-After", SLICE("1"));
        else if (row->status == 507) /* room is made by people */
            reply_header(req, "Retry-After", SLICE("60"));
    }
    req->surface->wrap_error(req, envelope, why, detail.n ? detail : row->message, errors, n);
    send_message(req, row->status, "application/json", buf_slice(envelope));
}

void reply_error(struct request *req, enum err why, struct slice detail)
{
    send_error(req, why, detail, NULL, 0);
}

bool ok_or_reply(struct request *req, enum err err)
{
    if (err)
        reply_error(req, err, SLICE_NONE);
    return !err;
}

void reply_field_errors(struct request *req, enum err why, const struct field_error *errors,
                        size_t n)
{
    send_error(req, why, SLICE_NONE, errors, n);
}

void reply_raw(struct request *req, int status, const char *content_type, struct slice body)
{
    send_body(req, status, content_type, body, false);
}

void reply_empty(struct request *req, int status)
{
    send_message(req, status, NULL, SLICE_NONE);
}

static void lay_over(const void *mask, uint64_t offset, char *bytes, size_t n)
{
    mask_apply(mask, offset, bytes, n);
}

void reply_file(struct request *req, const struct file_reply *file)
{
    struct buf *message = message_buf();

    begin(message, req, file->status, file->content_type, file->length);
    if (req->head.method == METHOD_HEAD) {
        close(file->fd);
        exchange_write(req->exchange, buf_slice(message));
        return;
    }
    req->sent_bytes = file->length;
    exchange_send_file(req->exchange, buf_slice(message),
                       &(struct pump_file){.fd = file->fd,
                                           .offset = file->offset,
                                           .length = file->length,
                                           .alter = file->mask ? lay_over : NULL,
                                           .alter_arg = file->mask});
}

void reply_upgrade(struct request *req, struct slice answer,
                   void (*open)(struct connection *connection, struct slice early_bytes, void *arg),
                   void *arg)
{
    assert(!req->answered);
    req->answered = true;
    req->status = 101;
    exchange_write(req->exchange, answer);
    exchange_upgrade(req->exchange, open, arg);
}

void reply_stream(struct request *req, const char *content_type,
                  void (*open)(struct connection *connection, struct slice early_bytes, void *arg),
                  void *arg)
{
    struct buf *message = message_buf();

    assert(req->head.method != METHOD_HEAD);
    exchange_close_after(req->exchange);
    if (reply_stream_is_chunked(req))
        reply_header(req, "Transfer-Encoding", SLICE("chunked"));
    begin(message, req, 200, content_type, UNTIL_CLOSE);
    exchange_write(req->exchange, buf_slice(message));
    exchange_upgrade(req->exchange, open, arg);
}

bool reply_stream_is_chunked(const struct request *req)
{
    return req->head.minor_version > 0;
}
