/* http1.h: strict HTTP/1.1 message parsing (RFC 9112), byte-exact and without sockets: a head
 * parser over a complete header block, and an incremental decoder of bodies. Everything that two
 * readers could understand differently is refused: bare LF, obs-fold, blanks before a colon,
 * Content-Length with Transfer-Encoding, repeated lengths, codings other than chunked, control
 * bytes, a missing or repeated Host. Fuzzed (tests/fuzz). */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum {
    HTTP1_MAX_HEAD_BYTES = 32 << 10,
    HTTP1_MAX_HEADERS = 100,
    HTTP1_MAX_TARGET_BYTES = 8 << 10,
    HTTP1_MAX_TRAILER_BYTES = 8 << 10,
};

enum http_method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_OTHER,
    METHOD_COUNT
};

struct http_header {
    struct slice name, value; /* as sent, value trimmed */
};

struct http_head {
    enum http_method method;
    struct slice method_text, target; /* raw; origin form, absolute form or "*" */
    int minor_version;                /* 0, or 1 for 1.1 and above */
    struct http_header *headers;
    size_t header_count;
    bool keep_alive, chunked, expects_continue;
    bool has_length;
    uint64_t content_length;
};

/* Looks for the end of the header block in what has arrived. *n: its length with the blank line
 * (and with empty lines before the request line); *n == 0: not complete yet. ERR_BAD_REQUEST on a
 * bare LF, ERR_URI_TOO_LONG or ERR_HEADERS_TOO_LARGE past the bounds. */
enum err http1_find_head(struct slice bytes, size_t *n);
/* bytes: exactly what http1_find_head() found. Slices point into it; the header array lives in the
 * arena. ERR_BAD_REQUEST, ERR_URI_TOO_LONG, ERR_HEADERS_TOO_LARGE (too many), ERR_HTTP_VERSION,
 * ERR_NOT_IMPLEMENTED (a transfer coding), ERR_EXPECTATION_FAILED. On failure too *out holds what
 * was read so far (target: if it is acceptable): the refusal looks at it. */
enum err http1_parse_head(struct arena *arena, struct slice bytes, struct http_head *out);
/* The path of an origin-form target in a head that is refused, or of which only the beginning has
 * come; empty: there is none. Unchecked: it tells whose form the refusal has, and nothing else. */
struct slice http1_peek_path(struct slice bytes);
struct slice http1_header(const struct http_head *head, const char *name); /* the first; or empty */
/* All lines of a field as one value, in their order (RFC 9110 section 5.3): joined by `between`,
 * which is ", " for a list. Copied where there are several. p is NULL where there is none. */
struct slice http1_joined(struct arena *arena, const struct http_head *head, const char *name,
                          struct slice between);
struct slice http_method_name(enum http_method method);
enum http_method http_method_of(struct slice name); /* METHOD_OTHER: none of ours */
/* Is `token` an element of this comma-separated list (RFC 9110 section 5.6.1), ignoring case? */
bool http1_list_has(struct slice list, struct slice token);

/* Incremental body decoder: by length or chunked. */
struct http1_body {
    enum http1_body_state {
        BODY_DONE,
        BODY_LENGTH,
        BODY_CHUNK_SIZE,
        BODY_CHUNK_EXTENSION,
        BODY_CHUNK_SIZE_LF,
        BODY_CHUNK_DATA,
        BODY_CHUNK_CR,
        BODY_CHUNK_LF,
        BODY_TRAILER,
        BODY_TRAILER_LF
    } state;
    uint64_t left; /* of the length or of this chunk */
    unsigned digits, line_bytes, trailer_bytes;
    bool colon;         /* seen in this line of the trailer */
    struct buf trailer; /* its lines, where the head announces any */
};

void http1_body_init(struct http1_body *body, const struct http_head *head);
void http1_body_fini(struct http1_body *body); /* what is all zeros too */
/* Consumes from *in; *out gets the next run of payload inside *in (may be empty). Call until *in is
 * empty or the state is BODY_DONE. ERR_BAD_REQUEST on broken framing: stop then. */
enum err http1_body_next(struct http1_body *body, struct slice *in, struct slice *out);
/* At the end: the value of a trailer field, the first of its name; p is NULL where there is none,
 * or where the head's Trailer does not name it (RFC 9110 section 6.6.2). Valid until fini. */
struct slice http1_trailer(const struct http1_body *body, const struct http_head *head,
                           const char *name);
