#include "unit.h"

#include "base/buf.h"
#include "gateway/http/multipart.h"

#include <string.h>

#define TYPE "multipart/form-data; boundary=XyZ"
#define PART(head, body) "--XyZ\r\n" head "\r\n\r\n" body "\r\n"
#define FILE_HEAD "Content-Disposition: form-data; name=\"file\"; filename=\"a.jpg\""
#define END "--XyZ--\r\n"

enum { LOG_MAX = 4 << 20 };

/* Reads a body given in pieces and writes what happened as text: "P(name|filename|type)", the data,
 * ".", and "$" at the end, or "!" for an error. */
static void read_in_pieces(struct slice body, size_t piece, struct buf *log)
{
    struct arena *arena = arena_new();
    struct multipart *multipart = multipart_new(arena, SLICE(TYPE));
    enum multipart_event event = MULTIPART_NEED_MORE;
    struct multipart_part part;
    struct slice data;
    size_t at = 0;

    assert_non_null(multipart);
    for (bool fed_all = false;;) {
        if (multipart_next(multipart, &event, &part, &data) != OK) {
            buf_add_char(log, '!');
            break;
        }
        if (event == MULTIPART_PART)
            buf_printf(log, "P(%.*s|%s%.*s|%.*s)", SLICE_ARG(part.name),
                       part.has_filename ? "" : "-", SLICE_ARG(part.filename),
                       SLICE_ARG(part.content_type));
        else if (event == MULTIPART_DATA)
            buf_add(log, data);
        else if (event == MULTIPART_PART_END)
            buf_add_char(log, '.');
        else if (event == MULTIPART_END)
            buf_add_char(log, '$');
        else if (fed_all)
            break;
        else {
            size_t n = body.n - at < piece ? body.n - at : piece;
            multipart_feed(multipart, (struct slice){body.p + at, n});
            at += n;
            fed_all = n == 0;
        }
    }
    arena_free(arena);
}

static void expect_log(struct slice body, struct slice expected)
{
    for (size_t piece = 1; piece <= body.n + 1; piece += piece < 100 ? 1 : 1000) {
        struct buf log;

        buf_init(&log, LOG_MAX);
        read_in_pieces(body, piece, &log);
        if (!slice_eq(buf_slice(&log), expected))
            fail_msg("in pieces of %zu: \"%.*s\" gave \"%.*s\"", piece, SLICE_ARG(body),
                     SLICE_ARG(buf_slice(&log)));
        buf_fini(&log);
    }
}

struct row {
    struct slice body, log;
};

#define ROW(body, log)                                                                             \
    {                                                                                              \
        SLICE_INIT(body), SLICE_INIT(log)                                                          \
    }
#define NAME "Content-Disposition: form-data; name="

static const struct row good[] = {
    ROW(PART(FILE_HEAD "\r\nContent-Type: image/jpeg", "\xff\xd8\0\r\n") END,
        "P(file|a.jpg|image/jpeg)\xff\xd8\0\r\n.$"),
    ROW(PART(NAME "\"title\"", "Sea") PART(FILE_HEAD, "x") END, "P(title|-|)Sea.P(file|a.jpg|)x.$"),
    ROW(PART(NAME "title", "") "--XyZ--", "P(title|-|).$"),
    ROW("preamble\r\n" PART(NAME "a", "b") END "epilogue", "P(a|-|)b.$"),
    ROW("\r\n" PART(NAME "a", "b") END, "P(a|-|)b.$"),
    /* What only begins like a boundary is payload. */
    ROW(PART(NAME "a", "\r\r\n\r\n-\r\n--Xy\r\n--X\r\r\n--Xy") END,
        "P(a|-|)\r\r\n\r\n-\r\n--Xy\r\n--X\r\r\n--Xy.$"),
    ROW(PART(NAME "a", "--XyZ") END, "P(a|-|)--XyZ.$"),
    ROW(PART(NAME "a", "\n--XyZ\n") END, "P(a|-|)\n--XyZ\n.$"),
    /* Headers: any case, unknown ones ignored, harmless encodings accepted. */
    ROW(PART("content-disposition:FORM-DATA;name=a\r\nX-More: 1\r\n"
             "Content-Transfer-Encoding: binary",
             "b") END,
        "P(a|-|)b.$"),
    ROW("--XyZ--\r\n", "$"),
};

static void test_good_bodies(void **state)
{
    for (size_t i = 0; i < COUNT_OF(good); i++)
        expect_log(good[i].body, good[i].log);
}

static const struct row bad[] = {
    ROW("", "!"),
    ROW("nothing", "!"),
    ROW("--XyZ", "!"),
    ROW("--XyZ\r\n", "!"),
    ROW("--XyZ\r\n" NAME "a\r\n", "!"),
    ROW("--XyZ\r\n" NAME "a\r\n\r\nabc", "P(a|-|)abc!"),
    ROW("--XyZ\r\n" NAME "a\r\n\r\nabc\r\n--XyZ", "P(a|-|)abc.!"),
    ROW("--XyZ\r\n" NAME "a\r\n\r\nabc\r\n--XyZ-", "P(a|-|)abc.!"),
    ROW("--XyZ\n" NAME "a\r\n\r\nabc\r\n" END, "!"),
    ROW("--XyZ \r\n" NAME "a\r\n\r\nabc\r\n" END, "!"),
    ROW("--XyZZ\r\n" NAME "a\r\n\r\nabc\r\n" END, "!"),
    ROW("--XyZ\r\n\r\nabc\r\n" END, "!"),
    ROW(PART("Content-Type: text/plain", "x") END, "!"),
    ROW(PART("Content-Disposition: form-data", "x") END, "!"),
    ROW(PART("Content-Disposition: attachment; name=a", "x") END, "!"),
    ROW(PART(NAME "\"\"", "x") END, "!"),
    ROW(PART(NAME "\"a", "x") END, "!"),
    ROW(PART(NAME "a; name=b", "x") END, "!"),
    ROW(PART(NAME "a b", "x") END, "!"),
    ROW(PART(NAME "a;", "x") END, "!"),
    ROW(PART(NAME "a\r\n" NAME "b", "x") END, "!"),
    ROW(PART(NAME "a;\r\n filename=b", "x") END, "!"),
    ROW(PART(NAME "a\r\n\tb", "x") END, "!"),
    ROW(PART(NAME "a\nX: y", "x") END, "!"),
    ROW(PART(NAME "a\rX: y", "x") END, "!"),
    ROW(PART(NAME "a\0", "x") END, "!"),
    ROW(PART(NAME "a\r\nX : y", "x") END, "!"),
    ROW(PART(NAME "a\r\nno colon", "x") END, "!"),
    ROW(PART(NAME "a\r\nContent-Type: multipart/mixed; boundary=b", "x") END, "!"),
    ROW(PART(NAME "a\r\nContent-Type: a/b\r\nContent-Type: a/b", "x") END, "!"),
    ROW(PART(NAME "a\r\nContent-Transfer-Encoding: base64", "x") END, "!"),
    ROW(PART(NAME "\"\xff\"", "x") END, "!"),
};

static void test_bad_bodies(void **state)
{
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        expect_log(bad[i].body, bad[i].log);
}

static void test_file_names(void **state)
{
    static const struct {
        const char *params, *log;
    } rows[] = {
        {"filename=\"a b.jpg\"", "a b.jpg"},
        {"filename=plain.jpg", "plain.jpg"},
        {"filename=\"\"", ""},
        {"filename=\"a;b\\\"c\\\\d.jpg\"", "d.jpg"},
        {"filename=\"semi;colon\\\"quote.jpg\"", "semi;colon\"quote.jpg"},
        {"filename=\"C:\\Users\\me\\photo.jpg\"", "photo.jpg"},
        {"filename=\"../../etc/passwd\"", "passwd"},
        {"filename=\"/abs/x.jpg\"", "x.jpg"},
        {"filename=\"..\"", ""},
        {"filename=\".\"", ""},
        {"filename=\"folder/\"", ""},
        {"filename=\"\xc3\xa4.jpg\"", "\xc3\xa4.jpg"},
        {"filename*=UTF-8''%C3%A4%20%2Fb.jpg", "b.jpg"},
        {"filename*=utf-8'de'%E2%82%AC.jpg; filename=euro.jpg", "\xe2\x82\xac.jpg"},
        {"filename=\"\xff.jpg\"", NULL},
        {"filename*=ISO-8859-1''%E4.jpg", NULL},
        {"filename*=UTF-8''%FF.jpg", NULL},
        {"filename*=UTF-8''a%00.jpg", NULL},
        {"filename*=UTF-8''a%0d%0a.jpg", NULL},
        {"filename*=UTF-8''%zz", NULL},
        {"filename*=UTF-8'a.jpg", NULL},
        {"filename=a; filename=b", NULL},
        {"filename=a; FILENAME=b", NULL},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slice body =
            arena_printf(arena, "--XyZ\r\n" NAME "file; %s\r\n\r\nx\r\n" END, rows[i].params);

        expect_log(body,
                   rows[i].log ? arena_printf(arena, "P(file|%s|)x.$", rows[i].log) : SLICE("!"));
    }
    arena_free(arena);
}

static void test_content_types(void **state)
{
    static const struct {
        const char *type;
        bool good;
    } rows[] = {
        {"multipart/form-data; boundary=a", true},
        {"Multipart/Form-Data;boundary=\"a b\"", true},
        {"multipart/form-data; charset=utf-8; boundary=----=_Part_1", true},
        {"multipart/form-data; boundary="
         "0123456789012345678901234567890123456789012345678901234567890123456789",
         true},
        {"multipart/form-data; boundary="
         "01234567890123456789012345678901234567890123456789012345678901234567890",
         false},
        {"multipart/form-data", false},
        {"multipart/form-data; boundary=", false},
        {"multipart/form-data; boundary=\"\"", false},
        {"multipart/form-data; boundary=\"a \"", false},
        {"multipart/form-data; boundary=\"a\rb\"", false},
        {"multipart/form-data; boundary=a; boundary=b", false},
        {"multipart/form-data; boundary=a@b", false},
        {"multipart/form-data, multipart/form-data; boundary=a", false},
        {"multipart/mixed; boundary=a", false},
        {"application/json", false},
        {"", false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new();

        if ((multipart_new(arena, slice_from(rows[i].type)) != NULL) != rows[i].good)
            fail_msg("%s", rows[i].type);
        arena_free(arena);
    }
}

/* Builds a body around `n` bytes or parts, and tells whether it was read to its end. */
static bool passes(void (*build)(struct buf *body, size_t n), size_t n)
{
    struct buf body, log;

    buf_init(&body, LOG_MAX);
    buf_init(&log, LOG_MAX);
    build(&body, n);
    read_in_pieces(buf_slice(&body), 65520, &log);
    assert_false(body.overflow || log.overflow);
    struct slice got = buf_slice(&log);
    bool passed = got.p[got.n - 1] == '$';
    buf_fini(&body);
    buf_fini(&log);
    return passed;
}

static void many_parts(struct buf *body, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_add(body, SLICE(PART(NAME "a", "b")));
    buf_add(body, SLICE(END));
}

static void long_head(struct buf *body, size_t n)
{
    buf_add(body, SLICE("--XyZ\r\n" NAME "a\r\nX: "));
    for (size_t i = 0; i < n; i++)
        buf_add_char(body, 'x');
    buf_add(body, SLICE("\r\n\r\nb\r\n" END));
}

static void long_preamble(struct buf *body, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_add_char(body, 'x');
    buf_add(body, SLICE("\r\n" PART(NAME "a", "b") END));
}

static void long_epilogue(struct buf *body, size_t n)
{
    many_parts(body, 1);
    for (size_t i = 0; i < n; i++)
        buf_add_char(body, 'x');
}

static void long_filename(struct buf *body, size_t n)
{
    buf_add(body, SLICE("--XyZ\r\n" NAME "a; filename="));
    for (size_t i = 0; i < n; i++)
        buf_add_char(body, 'x');
    buf_add(body, SLICE("\r\n\r\nb\r\n" END));
}

static void test_bounds(void **state)
{
    assert_true(passes(many_parts, MULTIPART_MAX_PARTS));
    assert_false(passes(many_parts, MULTIPART_MAX_PARTS + 1));
    assert_false(passes(many_parts, 10000));
    assert_true(passes(long_head, MULTIPART_MAX_PART_HEAD - 100));
    assert_false(passes(long_head, MULTIPART_MAX_PART_HEAD));
    assert_true(passes(long_preamble, MULTIPART_MAX_IGNORED - 10));
    assert_false(passes(long_preamble, MULTIPART_MAX_IGNORED));
    assert_true(passes(long_filename, MULTIPART_MAX_FILENAME));
    assert_false(passes(long_filename, MULTIPART_MAX_FILENAME + 1));
}

/* The end is told before what follows it is seen, so the log does not end with it then. */
static void test_epilogue_is_bounded(void **state)
{
    assert_true(passes(long_epilogue, MULTIPART_MAX_IGNORED - 2));
    assert_false(passes(long_epilogue, MULTIPART_MAX_IGNORED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_bodies), cmocka_unit_test(test_bad_bodies),
        cmocka_unit_test(test_file_names),  cmocka_unit_test(test_content_types),
        cmocka_unit_test(test_bounds),      cmocka_unit_test(test_epilogue_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
