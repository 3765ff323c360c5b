#include "gateway/http/http1.h"

#include <string.h>

enum { CHUNK_LINE_MAX = 256, CHUNK_DIGITS_MAX = 16, REQUEST_LINE_REST = 64 };

static const struct slice method_names[METHOD_COUNT] = {
    [METHOD_GET] = SLICE_INIT("GET"),         [METHOD_HEAD] = SLICE_INIT("HEAD"),
    [METHOD_POST] = SLICE_INIT("POST"),       [METHOD_PUT] = SLICE_INIT("PUT"),
    [METHOD_PATCH] = SLICE_INIT("PATCH"),     [METHOD_DELETE] = SLICE_INIT("DELETE"),
    [METHOD_OPTIONS] = SLICE_INIT("OPTIONS"), [METHOD_OTHER] = SLICE_INIT("OTHER"),
};

struct slice http_method_name(enum http_method method)
{
    return method_names[method];
}

enum http_method http_method_of(struct slice name)
{
    for (int i = 0; i < METHOD_OTHER; i++)
        if (slice_eq(name, method_names[i]))
            return (enum http_method)i;
    return METHOD_OTHER;
}

/* tchar of RFC 9110 section 5.6.2. */
static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

/* field-vchar, obs-text, space and tab: what may stand in a field's value. */
static bool is_value_char(char c)
{
    unsigned char byte = (unsigned char)c;

    return byte == '\t' || (byte >= ' ' && byte != 0x7f);
}

static bool is_token(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_token_char(s.p[i]))
            return false;
    return s.n > 0;
}

static size_t leading_empty_lines(struct slice bytes)
{
    size_t n = 0;

    while (bytes.n - n >= 2 && bytes.p[n] == '\r' && bytes.p[n + 1] == '\n')
        n += 2;
    return n;
}

enum err http1_find_head(struct slice bytes, size_t *n)
{
    size_t line = leading_empty_lines(bytes);
    size_t first_line = line;

    *n = 0;
    for (;;) {
        struct slice rest = slice_from_offset(bytes, line);
        size_t at;

        if (!slice_find(rest, '\n', &at))
            break;
        if (at == 0 || rest.p[at - 1] != '\r')
            return ERR_BAD_REQUEST;
        line += at + 1;
        if (at == 1) {
            if (line > HTTP1_MAX_HEAD_BYTES)
                return ERR_HEADERS_TOO_LARGE;
            *n = line;
            return OK;
        }
    }
    if (line == first_line && bytes.n - line > HTTP1_MAX_TARGET_BYTES + REQUEST_LINE_REST)
        return ERR_URI_TOO_LONG;
    return bytes.n >= HTTP1_MAX_HEAD_BYTES ? ERR_HEADERS_TOO_LARGE : OK;
}

/* Cuts the next line, without its CRLF. http1_find_head() has proven that every line ends so. */
static struct slice next_line(struct slice *rest)
{
    const char *end = memchr(rest->p, '\n', rest->n);
    struct slice line = {rest->p, (size_t)(end - rest->p) - 1};

    *rest = slice_from_offset(*rest, line.n + 2);
    return line;
}

struct slice http1_peek_path(struct slice bytes)
{
    struct slice line = slice_from_offset(bytes, leading_empty_lines(bytes)), method, target;
    size_t n = 0;

    if (!slice_split(line, ' ', &method, &target) || !is_token(method))
        return SLICE_NONE;
    while (n < target.n && target.p[n] > ' ' && target.p[n] != '?')
        n++;
    bool whole = n > 0 && n < target.n; /* not cut off within */
    return whole && target.p[0] == '/' ? (struct slice){target.p, n} : SLICE_NONE;
}

/* A higher minor version is spoken to as the highest of ours (RFC 9110 section 2.5). */
static enum err parse_version(struct slice text, int *minor)
{
    if (text.n != 8 || !slice_starts_with(text, SLICE("HTTP/")) || text.p[5] < '0' ||
        text.p[5] > '9' || text.p[6] != '.' || text.p[7] < '0' || text.p[7] > '9')
        return ERR_BAD_REQUEST;
    if (text.p[5] != '1')
        return ERR_HTTP_VERSION;
    *minor = text.p[7] == '0' ? 0 : 1;
    return OK;
}

/* Origin form, absolute form, or "*" with OPTIONS (RFC 9112 section 3.2). CONNECT's authority form
 * is not ours: this is no proxy. */
static enum err check_target(enum http_method method, struct slice target)
{
    if (target.n > HTTP1_MAX_TARGET_BYTES)
        return ERR_URI_TOO_LONG;
    for (size_t i = 0; i < target.n; i++)
        if (target.p[i] <= ' ' || target.p[i] == 0x7f || target.p[i] == '#')
            return ERR_BAD_REQUEST;
    if (slice_eq(target, SLICE("*")))
        return method == METHOD_OPTIONS ? OK : ERR_BAD_REQUEST;
    if (slice_starts_with(target, SLICE("/")))
        return OK;
    bool absolute =
        target.n > 8 && (slice_eq_nocase((struct slice){target.p, 7}, SLICE("http://")) ||
                         slice_eq_nocase((struct slice){target.p, 8}, SLICE("https://")));
    return absolute ? OK : ERR_BAD_REQUEST;
}

static enum err parse_request_line(struct slice line, struct http_head *head)
{
    struct slice rest, target, version;

    if (!slice_split(line, ' ', &head->method_text, &rest) || !is_token(head->method_text) ||
        !slice_split(rest, ' ', &target, &version) || target.n == 0 || !version.p)
        return ERR_BAD_REQUEST;
    head->method = http_method_of(head->method_text);
    enum err err = parse_version(version, &head->minor_version);
    enum err misfit = check_target(head->method, target);
    if (!misfit)
        head->target = target;
    return err ? err : misfit;
}

static enum err parse_field(struct slice line, struct http_header *out)
{
    if (!slice_split(line, ':', &out->name, &out->value) || !out->value.p || !is_token(out->name))
        return ERR_BAD_REQUEST;
    for (size_t i = 0; i < out->value.n; i++)
        if (!is_value_char(out->value.p[i]))
            return ERR_BAD_REQUEST;
    out->value = slice_trim(out->value);
    return OK;
}

bool http1_list_has(struct slice list, struct slice token)
{
    struct slice element;

    while (slice_split(list, ',', &element, &list))
        if (slice_eq_nocase(slice_trim(element), token))
            return true;
    return false;
}

/* What the framing and the connection's life depend on, gathered over all fields. */
struct seen {
    unsigned hosts, lengths, codings;
    bool close, keep_alive;
};

static bool is_host(struct slice value)
{
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] <= ' ' || strchr("/?#@,\\\"<>", value.p[i]))
            return false;
    return value.n > 0;
}

static enum err note_length(const struct http_header *field, struct http_head *head)
{
    head->has_length = true;
    return slice_to_u64(field->value, &head->content_length) &&
                   head->content_length <= (uint64_t)INT64_MAX
               ? OK
               : ERR_BAD_REQUEST;
}

static enum err note_field(const struct http_header *field, struct http_head *head,
                           struct seen *seen)
{
    switch (field->name.n) {
    case 4:
        if (slice_eq_nocase(field->name, SLICE("host")))
            return ++seen->hosts == 1 && is_host(field->value) ? OK : ERR_BAD_REQUEST;
        return OK;
    case 6:
        if (!slice_eq_nocase(field->name, SLICE("expect")))
            return OK;
        head->expects_continue = slice_eq_nocase(field->value, SLICE("100-continue"));
        return head->expects_continue ? OK : ERR_EXPECTATION_FAILED;
    case 10:
        if (slice_eq_nocase(field->name, SLICE("connection"))) {
            seen->close |= http1_list_has(field->value, SLICE("close"));
            seen->keep_alive |= http1_list_has(field->value, SLICE("keep-alive"));
        }
        return OK;
    case 14:
        if (slice_eq_nocase(field->name, SLICE("content-length")))
            return ++seen->lengths == 1 ? note_length(field, head) : ERR_BAD_REQUEST;
        return OK;
    case 17:
        if (!slice_eq_nocase(field->name, SLICE("transfer-encoding")))
            return OK;
        head->chunked = slice_eq_nocase(field->value, SLICE("chunked"));
        if (++seen->codings > 1)
            return ERR_BAD_REQUEST;
        return head->chunked ? OK : ERR_NOT_IMPLEMENTED;
    default:
        return OK;
    }
}

static enum err check_framing(struct http_head *head, const struct seen *seen)
{
    if (head->minor_version == 1 && seen->hosts == 0)
        return ERR_BAD_REQUEST;
    if (seen->codings && (seen->lengths || head->minor_version == 0))
        return ERR_BAD_REQUEST;
    if (head->minor_version == 0)
        head->expects_continue = false; /* RFC 9110 section 10.1.1: ignored in HTTP/1.0 */
    head->keep_alive = !seen->close && (head->minor_version == 1 || seen->keep_alive);
    return OK;
}

/* Framing errors win over "not implemented" and the like: those leave the message's end unknown. */
static enum err worse(enum err a, enum err b)
{
    return a == OK || b == ERR_BAD_REQUEST ? b : a;
}

enum err http1_parse_head(struct arena *arena, struct slice bytes, struct http_head *out)
{
    struct slice rest = slice_from_offset(bytes, leading_empty_lines(bytes));
    struct seen seen = {0};
    struct http_header fields[HTTP1_MAX_HEADERS];
    struct slice line;

    *out = (struct http_head){0};
    enum err err = parse_request_line(next_line(&rest), out);
    while (err != ERR_BAD_REQUEST && (line = next_line(&rest)).n > 0) {
        if (out->header_count == HTTP1_MAX_HEADERS) {
            err = ERR_HEADERS_TOO_LARGE;
            break;
        }
        struct http_header *field = &fields[out->header_count++];
        enum err malformed = parse_field(line, field);
        err = worse(err, malformed ? malformed : note_field(field, out, &seen));
    }
    err = worse(err, err == ERR_BAD_REQUEST ? err : check_framing(out, &seen));
    out->headers =
        ARENA_ARRAY(arena, struct http_header, out->header_count ? out->header_count : 1);
    memcpy(out->headers, fields, out->header_count * sizeof *fields);
    return err;
}

struct slice http1_header(const struct http_head *head, const char *name)
{
    struct slice wanted = slice_from(name);

    for (size_t i = 0; i < head->header_count; i++)
        if (slice_eq_nocase(head->headers[i].name, wanted))
            return head->headers[i].value;
    return SLICE_NONE;
}

struct slice http1_joined(struct arena *arena, const struct http_head *head, const char *name,
                          struct slice between)
{
    struct slice wanted = slice_from(name), all = SLICE_NONE;

    for (size_t i = 0; i < head->header_count; i++) {
        struct slice value = head->headers[i].value;

        if (!slice_eq_nocase(head->headers[i].name, wanted))
            continue;
        all = all.p ? arena_printf(arena, "%.*s%.*s%.*s", SLICE_ARG(all), SLICE_ARG(between),
                                   SLICE_ARG(value))
                    : value;
    }
    return all;
}

/* --- bodies ------------------------------------------------------------------------------------
 */

void http1_body_init(struct http1_body *body, const struct http_head *head)
{
    *body = (struct http1_body){.state = BODY_DONE};
    if (head->chunked) {
        body->state = BODY_CHUNK_SIZE;
    } else if (head->has_length && head->content_length) {
        body->state = BODY_LENGTH;
        body->left = head->content_length;
    }
    if (head->chunked && http1_header(head, "Trailer").n)
        buf_init(&body->trailer, HTTP1_MAX_TRAILER_BYTES);
}

void http1_body_fini(struct http1_body *body)
{
    buf_fini(&body->trailer);
}

static bool is_announced(const struct http_head *head, struct slice name)
{
    for (size_t i = 0; i < head->header_count; i++)
        if (slice_eq_nocase(head->headers[i].name, SLICE("trailer")) &&
            http1_list_has(head->headers[i].value, name))
            return true;
    return false;
}

struct slice http1_trailer(const struct http1_body *body, const struct http_head *head,
                           const char *name)
{
    struct slice rest = buf_slice(&body->trailer), wanted = slice_from(name);
    struct http_header field;

    if (body->state != BODY_DONE || !is_announced(head, wanted))
        return SLICE_NONE;
    while (rest.n)
        if (parse_field(next_line(&rest), &field) == OK && slice_eq_nocase(field.name, wanted))
            return field.value;
    return SLICE_NONE;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static enum err take_size_char(struct http1_body *body, char c)
{
    int digit = hex_value(c);

    if (digit >= 0) {
        if (++body->digits > CHUNK_DIGITS_MAX)
            return ERR_BAD_REQUEST;
        body->left = body->left << 4 | (unsigned)digit;
        return OK;
    }
    if (body->digits == 0 || (c != '\r' && c != ';'))
        return ERR_BAD_REQUEST;
    body->state = c == '\r' ? BODY_CHUNK_SIZE_LF : BODY_CHUNK_EXTENSION;
    body->line_bytes = 0;
    return OK;
}

static enum err take_extension_char(struct http1_body *body, char c)
{
    if (c == '\r') {
        body->state = BODY_CHUNK_SIZE_LF;
        return OK;
    }
    return is_value_char(c) && ++body->line_bytes <= CHUNK_LINE_MAX ? OK : ERR_BAD_REQUEST;
}

/* Trailer fields are checked like header fields, and dropped where nobody announced any. */
static enum err take_trailer_char(struct http1_body *body, char c)
{
    if (++body->trailer_bytes > HTTP1_MAX_TRAILER_BYTES)
        return ERR_BAD_REQUEST;
    if (body->trailer.max_bytes)
        buf_add_char(&body->trailer, c);
    if (c == '\r') {
        body->state = BODY_TRAILER_LF;
        return body->line_bytes == 0 || body->colon ? OK : ERR_BAD_REQUEST;
    }
    if (body->colon)
        return is_value_char(c) ? OK : ERR_BAD_REQUEST;
    if (c == ':') {
        body->colon = true;
        return body->line_bytes ? OK : ERR_BAD_REQUEST;
    }
    body->line_bytes++;
    return is_token_char(c) ? OK : ERR_BAD_REQUEST;
}

static enum err expect_char(struct http1_body *body, char c, char wanted,
                            enum http1_body_state next)
{
    if (c != wanted)
        return ERR_BAD_REQUEST;
    body->state = next;
    return OK;
}

static void begin_chunk_size(struct http1_body *body)
{
    body->left = 0;
    body->digits = 0;
}

static enum err take_line_end(struct http1_body *body, char c)
{
    enum err err = expect_char(body, c, '\n', body->line_bytes ? BODY_TRAILER : BODY_DONE);

    if (body->trailer.max_bytes)
        buf_add_char(&body->trailer, c);
    body->line_bytes = 0;
    body->colon = false;
    return err;
}

static enum err take_char(struct http1_body *body, char c)
{
    switch (body->state) {
    case BODY_CHUNK_SIZE:
        return take_size_char(body, c);
    case BODY_CHUNK_EXTENSION:
        return take_extension_char(body, c);
    case BODY_CHUNK_SIZE_LF:
        body->line_bytes = 0;
        return expect_char(body, c, '\n', body->left ? BODY_CHUNK_DATA : BODY_TRAILER);
    case BODY_CHUNK_CR:
        return expect_char(body, c, '\r', BODY_CHUNK_LF);
    case BODY_CHUNK_LF:
        begin_chunk_size(body);
        return expect_char(body, c, '\n', BODY_CHUNK_SIZE);
    case BODY_TRAILER:
        return take_trailer_char(body, c);
    case BODY_TRAILER_LF:
        return take_line_end(body, c);
    default:
        return ERR_INTERNAL;
    }
}

enum err http1_body_next(struct http1_body *body, struct slice *in, struct slice *out)
{
    *out = SLICE_NONE;
    while (in->n && body->state != BODY_DONE) {
        if (body->state == BODY_LENGTH || body->state == BODY_CHUNK_DATA) {
            *out = (struct slice){in->p, body->left < in->n ? (size_t)body->left : in->n};
            *in = slice_from_offset(*in, out->n);
            body->left -= out->n;
            if (body->left == 0)
                body->state = body->state == BODY_LENGTH ? BODY_DONE : BODY_CHUNK_CR;
            return OK;
        }
        enum err err = take_char(body, *in->p);
        if (err)
            return err;
        *in = slice_from_offset(*in, 1);
    }
    return OK;
}
