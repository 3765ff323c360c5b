/* The strict reading of HTTP/1.1: each row is an input that lenient servers read in two ways. */
#include "unit.h"

#include "gateway/http/http1.h"

#include <string.h>

#define GET "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

struct head_row {
    const char *name;
    struct slice input;
    enum err expected;
};

#define ROW(name, text, expected)                                                                  \
    {                                                                                              \
        name, SLICE_INIT(text), expected                                                           \
    }

static const struct head_row head_rows[] = {
    ROW("plain", GET HOST "\r\n", OK),
    ROW("empty line before", "\r\n" GET HOST "\r\n", OK),
    ROW("absolute form", "GET http://a/x HTTP/1.1\r\n" HOST "\r\n", OK),
    ROW("asterisk with OPTIONS", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", OK),
    ROW("unknown method", "PROPFIND / HTTP/1.1\r\n" HOST "\r\n", OK),
    ROW("HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", OK),
    ROW("HTTP/1.2", "GET / HTTP/1.2\r\n" HOST "\r\n", OK),
    ROW("HTTP/1.9 with chunks", "POST / HTTP/1.9\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
        OK),
    ROW("chunked", POST "Transfer-Encoding: Chunked\r\n\r\n", OK),
    ROW("length", POST "Content-Length: 5\r\n\r\n", OK),
    ROW("empty value", GET HOST "X:\r\n\r\n", OK),
    ROW("obs-text in a value", GET HOST "X: \303\251\r\n\r\n", OK),

    ROW("asterisk with GET", "GET * HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST),
    ROW("CONNECT", "CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST),
    ROW("fragment", "GET /#a HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST),
    ROW("two blanks", "GET  / HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST),
    ROW("blank after the version", "GET / HTTP/1.1 \r\n" HOST "\r\n", ERR_BAD_REQUEST),
    ROW("no version", "GET /\r\n" HOST "\r\n", ERR_BAD_REQUEST),
    ROW("raw bytes in the target", "GET /\303\251 HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST),
    ROW("lower case version", "GET / http/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST),
    ROW("HTTP/9.9", "GET / HTTP/9.9\r\n" HOST "\r\n", ERR_HTTP_VERSION),
    ROW("HTTP/2.0", "PRI * HTTP/2.0\r\n\r\n", ERR_HTTP_VERSION),
    ROW("field before the request line", HOST GET "\r\n", ERR_BAD_REQUEST),

    ROW("length and chunked", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        ERR_BAD_REQUEST),
    ROW("chunked and length", POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        ERR_BAD_REQUEST),
    ROW("two lengths", POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", ERR_BAD_REQUEST),
    ROW("the same length twice", POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
        ERR_BAD_REQUEST),
    ROW("a list of lengths", POST "Content-Length: 5, 5\r\n\r\n", ERR_BAD_REQUEST),
    ROW("negative length", POST "Content-Length: -1\r\n\r\n", ERR_BAD_REQUEST),
    ROW("signed length", POST "Content-Length: +5\r\n\r\n", ERR_BAD_REQUEST),
    ROW("hexadecimal length", POST "Content-Length: 0x5\r\n\r\n", ERR_BAD_REQUEST),
    ROW("length with letters", POST "Content-Length: 5abc\r\n\r\n", ERR_BAD_REQUEST),
    ROW("empty length", POST "Content-Length: \r\n\r\n", ERR_BAD_REQUEST),
    ROW("length of 20 digits", POST "Content-Length: 99999999999999999999\r\n\r\n",
        ERR_BAD_REQUEST),
    ROW("length past 63 bits", POST "Content-Length: 9223372036854775808\r\n\r\n", ERR_BAD_REQUEST),
    ROW("two codings", POST "Transfer-Encoding: gzip, chunked\r\n\r\n", ERR_NOT_IMPLEMENTED),
    ROW("unknown coding", POST "Transfer-Encoding: xchunked\r\n\r\n", ERR_NOT_IMPLEMENTED),
    ROW("unknown coding and a length", POST "Transfer-Encoding: x\r\nContent-Length: 5\r\n\r\n",
        ERR_BAD_REQUEST),
    ROW("chunked twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        ERR_BAD_REQUEST),
    ROW("chunked with HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        ERR_BAD_REQUEST),
    ROW("other expectation", POST "Expect: tea\r\n\r\n", ERR_EXPECTATION_FAILED),

    ROW("blank before the colon", POST "Content-Length : 5\r\n\r\n", ERR_BAD_REQUEST),
    ROW("obs-fold", GET HOST "X: a\r\n b\r\n\r\n", ERR_BAD_REQUEST),
    ROW("no colon", GET HOST "nonsense\r\n\r\n", ERR_BAD_REQUEST),
    ROW("empty name", GET HOST ": x\r\n\r\n", ERR_BAD_REQUEST),
    ROW("lone CR in a value", GET HOST "X: a\rb\r\n\r\n", ERR_BAD_REQUEST),
    ROW("NUL in a value", GET HOST "X: a\0b\r\n\r\n", ERR_BAD_REQUEST),
    ROW("DEL in a value", GET HOST "X: a\177b\r\n\r\n", ERR_BAD_REQUEST),
    ROW("no Host", GET "\r\n", ERR_BAD_REQUEST),
    ROW("no Host in HTTP/1.2", "GET / HTTP/1.2\r\n\r\n", ERR_BAD_REQUEST),
    ROW("two Hosts", GET HOST HOST "\r\n", ERR_BAD_REQUEST),
    ROW("empty Host", GET "Host:\r\n\r\n", ERR_BAD_REQUEST),
    ROW("user in Host", GET "Host: u@a\r\n\r\n", ERR_BAD_REQUEST),
    ROW("list in Host", GET "Host: a, b\r\n\r\n", ERR_BAD_REQUEST),
};

static void test_heads(void **state)
{
    for (size_t i = 0; i < COUNT_OF(head_rows); i++) {
        const struct head_row *row = &head_rows[i];
        struct arena *arena = arena_new();
        struct http_head head;
        size_t n;

        assert_int_equal(http1_find_head(row->input, &n), OK);
        assert_int_equal(n, row->input.n);
        enum err err = http1_parse_head(arena, row->input, &head);
        if (err != row->expected)
            fail_msg("%s: %d instead of %d", row->name, err, row->expected);
        arena_free(arena);
    }
}

static void test_fields(void **state)
{
    struct arena *arena = arena_new();
    struct http_head head;
    struct slice input = SLICE("PATCH /%2f+a//b?x=%26 HTTP/1.1\r\nhOsT: example:80\r\n"
                               "Content-Length: 12\r\nConnection: x, Close\r\nX-A: \t 1 2 \t\r\n"
                               "X-A: second\r\nExpect: 100-Continue\r\n\r\n");

    assert_int_equal(http1_parse_head(arena, input, &head), OK);
    assert_int_equal(head.method, METHOD_PATCH);
    assert_true(slice_eq(head.target, SLICE("/%2f+a//b?x=%26")));
    assert_int_equal(head.minor_version, 1);
    assert_int_equal(head.header_count, 6);
    assert_true(slice_eq(http1_header(&head, "x-a"), SLICE("1 2")));
    assert_true(slice_eq(http1_header(&head, "Host"), SLICE("example:80")));
    assert_null(http1_header(&head, "x-b").p);
    assert_true(head.has_length);
    assert_int_equal(head.content_length, 12);
    assert_true(head.expects_continue);
    assert_false(head.keep_alive);
    assert_false(head.chunked);
    arena_free(arena);
}

static void test_lists_over_lines(void **state)
{
    struct arena *arena = arena_new();
    struct http_head head;
    struct slice list;

    assert_int_equal(http1_parse_head(arena,
                                      SLICE(GET HOST "Connection: keep-alive\r\nX: 1\r\n"
                                                     "connection: Upgrade , x\r\n"
                                                     "Connection:\r\nCookie: a=b\r\n"
                                                     "Cookie: c=d\r\nEmpty:\r\n\r\n"),
                                      &head),
                     OK);
    list = http1_joined(arena, &head, "Connection", SLICE(", "));
    assert_true(slice_eq(list, SLICE("keep-alive, Upgrade , x, ")));
    assert_true(http1_list_has(list, SLICE("upgrade")));
    assert_true(slice_eq(http1_joined(arena, &head, "Cookie", SLICE("; ")), SLICE("a=b; c=d")));
    assert_true(slice_eq(http1_joined(arena, &head, "x", SLICE(", ")), SLICE("1")));
    assert_non_null(http1_joined(arena, &head, "Empty", SLICE(", ")).p);
    assert_null(http1_joined(arena, &head, "Y", SLICE(", ")).p);
    arena_free(arena);
}

static void test_keep_alive(void **state)
{
    static const struct {
        struct slice input;
        bool expected;
    } rows[] = {
        {SLICE_INIT(GET HOST "\r\n"), true},
        {SLICE_INIT(GET HOST "Connection: close\r\n\r\n"), false},
        {SLICE_INIT(GET HOST "Connection: keep-alive\r\nConnection: close\r\n\r\n"), false},
        {SLICE_INIT(GET HOST "Connection: close\r\nConnection: x\r\n\r\n"), false},
        {SLICE_INIT("GET / HTTP/1.2\r\n" HOST "\r\n"), true},
        {SLICE_INIT("GET / HTTP/1.0\r\n\r\n"), false},
        {SLICE_INIT("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), true},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new();
        struct http_head head;

        assert_int_equal(http1_parse_head(arena, rows[i].input, &head), OK);
        assert_int_equal(head.keep_alive, rows[i].expected);
        arena_free(arena);
    }
}

static void test_peek_path(void **state)
{
    static const struct {
        struct slice bytes, path;
    } rows[] = {
        {SLICE_INIT("GET /api/v1/media?q=1 HTTP/1.1"), SLICE_INIT("/api/v1/media")},
        {SLICE_INIT("\r\n\r\nPOST /a HTTP/1.1\nbare"), SLICE_INIT("/a")},
        {SLICE_INIT("GET /a\r\n"), SLICE_INIT("/a")},
        {SLICE_INIT("GET /api/v1/med"), {NULL, 0}}, /* who knows what would have come */
        {SLICE_INIT("GET http://a/b HTTP/1.1"), {NULL, 0}},
        {SLICE_INIT("G\0T /a HTTP/1.1"), {NULL, 0}},
        {SLICE_INIT("GET  /a HTTP/1.1"), {NULL, 0}},
        {SLICE_INIT("GET "), {NULL, 0}},
        {SLICE_INIT("\r\n"), {NULL, 0}},
        {SLICE_INIT(""), {NULL, 0}},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_true(slice_eq(http1_peek_path(rows[i].bytes), rows[i].path));
}

static void test_find_head(void **state)
{
    static const char text[] = GET HOST "\r\nrest";
    size_t end = sizeof text - 1 - 4, n;

    for (size_t i = 0; i < sizeof text; i++) {
        assert_int_equal(http1_find_head((struct slice){text, i}, &n), OK);
        assert_int_equal(n, i < end ? 0 : end);
    }
    assert_int_equal(http1_find_head(SLICE("GET / HTTP/1.1\n"), &n), ERR_BAD_REQUEST);
    assert_int_equal(http1_find_head(SLICE(GET HOST "\n"), &n), ERR_BAD_REQUEST);
    assert_int_equal(http1_find_head(SLICE("\n"), &n), ERR_BAD_REQUEST);
}

static void test_bounds(void **state)
{
    static char big[HTTP1_MAX_HEAD_BYTES + 64];
    struct arena *arena = arena_new();
    struct http_head head;
    size_t n;

    memset(big, 'a', sizeof big);
    assert_int_equal(http1_find_head((struct slice){big, 9000}, &n), ERR_URI_TOO_LONG);
    memcpy(big, GET "X: ", 19);
    assert_int_equal(http1_find_head((struct slice){big, sizeof big}, &n), ERR_HEADERS_TOO_LARGE);
    assert_int_equal(http1_find_head((struct slice){big, 9000}, &n), OK);
    assert_int_equal(n, 0);

    struct slice many = arena_printf(arena, GET HOST);
    for (int i = 0; i < HTTP1_MAX_HEADERS; i++)
        many = arena_printf(arena, "%.*sX: y\r\n", SLICE_ARG(many));
    many = arena_printf(arena, "%.*s\r\n", SLICE_ARG(many));
    assert_int_equal(http1_parse_head(arena, many, &head), ERR_HEADERS_TOO_LARGE);
    assert_true(slice_eq(http1_header(&head, "host"), SLICE("a"))); /* the refusal asks */
    arena_free(arena);
}

struct body_row {
    const char *name;
    struct slice input;
    enum err expected;
    struct slice payload, rest;
};

static const struct body_row chunked_rows[] = {
    {"two chunks", SLICE_INIT("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\nGET"), OK, SLICE_INIT("hello!"),
     SLICE_INIT("GET")},
    {"upper and lower case", SLICE_INIT("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"), OK,
     SLICE_INIT("01234567890123456789"), SLICE_INIT("")},
    {"extension", SLICE_INIT("1;a=\"b c\"\r\nx\r\n0;z\r\n\r\n"), OK, SLICE_INIT("x"),
     SLICE_INIT("")},
    {"trailer", SLICE_INIT("0\r\nX-Sum: 1\r\nY:\r\n\r\nnext"), OK, SLICE_INIT(""),
     SLICE_INIT("next")},
    {"leading zeros", SLICE_INIT("0001\r\nx\r\n000\r\n\r\n"), OK, SLICE_INIT("x"), SLICE_INIT("")},

    {"negative size", SLICE_INIT("-5\r\nhello"), ERR_BAD_REQUEST, {0}, {0}},
    {"prefixed size", SLICE_INIT("0x5\r\nhello"), ERR_BAD_REQUEST, {0}, {0}},
    {"no size", SLICE_INIT("\r\nhello"), ERR_BAD_REQUEST, {0}, {0}},
    {"only an extension", SLICE_INIT(";a\r\n"), ERR_BAD_REQUEST, {0}, {0}},
    {"17 digits", SLICE_INIT("10000000000000005\r\nhello"), ERR_BAD_REQUEST, {0}, {0}},
    {"blank after the size", SLICE_INIT("5 \r\nhello"), ERR_BAD_REQUEST, {0}, {0}},
    {"bare LF after the size", SLICE_INIT("5\nhello"), ERR_BAD_REQUEST, {0}, {0}},
    {"CR without LF after the size", SLICE_INIT("5\rhello"), ERR_BAD_REQUEST, {0}, {0}},
    {"bytes after the data", SLICE_INIT("5\r\nhelloXX0\r\n\r\n"), ERR_BAD_REQUEST, {0}, {0}},
    {"bare LF after the data", SLICE_INIT("5\r\nhello\n0\r\n\r\n"), ERR_BAD_REQUEST, {0}, {0}},
    {"control byte in an extension", SLICE_INIT("5;\001\r\nhello"), ERR_BAD_REQUEST, {0}, {0}},
    {"bare LF in an extension", SLICE_INIT("5;a\nhello"), ERR_BAD_REQUEST, {0}, {0}},
    {"trailer without a colon", SLICE_INIT("0\r\nnonsense\r\n\r\n"), ERR_BAD_REQUEST, {0}, {0}},
    {"trailer without a name", SLICE_INIT("0\r\n: x\r\n\r\n"), ERR_BAD_REQUEST, {0}, {0}},
    {"folded trailer", SLICE_INIT("0\r\nX: a\r\n b\r\n\r\n"), ERR_BAD_REQUEST, {0}, {0}},
    {"bare LF in the trailer", SLICE_INIT("0\r\nX: a\n\r\n"), ERR_BAD_REQUEST, {0}, {0}},
    {"bare LF at the end", SLICE_INIT("0\r\n\n"), ERR_BAD_REQUEST, {0}, {0}},
};

/* Feeds the input in pieces of `step` bytes; payload and what is left over are collected. */
static enum err decode(const struct body_row *row, size_t step, char *payload, size_t *n,
                       size_t *used, bool *done)
{
    struct http_head head = {.chunked = true};
    struct http1_body body;

    http1_body_init(&body, &head);
    *n = *used = 0;
    while (*used < row->input.n && body.state != BODY_DONE) {
        size_t left = row->input.n - *used;
        struct slice in = {row->input.p + *used, left < step ? left : step}, out;
        size_t before = in.n;
        enum err err = http1_body_next(&body, &in, &out);

        if (err)
            return err;
        if (out.n)
            memcpy(payload + *n, out.p, out.n);
        *n += out.n;
        *used += before - in.n;
    }
    *done = body.state == BODY_DONE;
    return OK;
}

static void test_chunked(void **state)
{
    for (size_t i = 0; i < COUNT_OF(chunked_rows); i++)
        for (size_t step = 1; step < 40; step += 3) {
            const struct body_row *row = &chunked_rows[i];
            char payload[256];
            size_t n, used;
            bool done = false;
            enum err err = decode(row, step, payload, &n, &used, &done);

            if (err != row->expected)
                fail_msg("%s by %zu: %d instead of %d", row->name, step, err, row->expected);
            if (err)
                continue;
            assert_true(done);
            assert_true(slice_eq((struct slice){payload, n}, row->payload));
            assert_true(slice_eq(slice_from_offset(row->input, used), row->rest));
        }
}

static void test_trailer(void **state)
{
    struct http_header announcing[] = {
        {SLICE_INIT("Trailer"), SLICE_INIT("X-None, upload-checksum")},
        {SLICE_INIT("trailer"), SLICE_INIT("X-Sum")}};
    struct http_head head = {.chunked = true, .headers = announcing, .header_count = 2};
    struct slice bytes = SLICE("1\r\nx\r\n0\r\nX-Sum:  1 \r\nUpload-Checksum:\r\nX-Sum: 2\r\n"
                               "Other: 3\r\n\r\nGET");

    for (size_t step = 1; step < bytes.n; step++) {
        struct http1_body body;
        struct slice rest = bytes, out;

        http1_body_init(&body, &head);
        while (body.state != BODY_DONE) {
            struct slice in = {rest.p, rest.n < step ? rest.n : step};
            size_t before = in.n;

            assert_null(http1_trailer(&body, &head, "X-Sum").p);
            assert_int_equal(http1_body_next(&body, &in, &out), OK);
            rest = slice_from_offset(rest, before - in.n);
        }
        assert_true(slice_eq(rest, SLICE("GET")));
        assert_true(slice_eq(http1_trailer(&body, &head, "x-sum"), SLICE("1")));
        assert_true(http1_trailer(&body, &head, "Upload-Checksum").p != NULL);
        assert_int_equal(http1_trailer(&body, &head, "Upload-Checksum").n, 0);
        assert_null(http1_trailer(&body, &head, "X-None").p);
        assert_null(http1_trailer(&body, &head, "Other").p); /* nobody announced it */
        http1_body_fini(&body);
    }
}

static void test_length(void **state)
{
    struct http_head head = {.has_length = true, .content_length = 5};
    struct http1_body body;
    struct slice in = SLICE("helloGET"), out;

    http1_body_init(&body, &head);
    assert_int_equal(http1_body_next(&body, &in, &out), OK);
    assert_true(slice_eq(out, SLICE("hello")));
    assert_true(slice_eq(in, SLICE("GET")));
    assert_int_equal(body.state, BODY_DONE);

    head.content_length = 0;
    http1_body_init(&body, &head);
    assert_int_equal(body.state, BODY_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_lists_over_lines),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_peek_path),
        cmocka_unit_test(test_find_head),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_chunked),
        cmocka_unit_test(test_trailer),
        cmocka_unit_test(test_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
