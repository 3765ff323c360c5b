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
    /* Heads as they are sent: blanks behind boundaries, loose parameters, names of any bytes. */
    ROW("--XyZ \t\r\n" NAME "a\r\n\r\nb\r\n" END, "P(a|-|)b.$"),
    ROW(PART(NAME "\"\"", "x") END, "P(|-|)x.$"),
    ROW(PART(NAME "\"a", "x") END, "P(a|-|)x.$"),
    ROW(PART(NAME "a b", "x") END, "P(a b|-|)x.$"),
    ROW(PART(NAME " \"a\" ;; ", "x") END, "P(a|-|)x.$"),
    ROW(PART(NAME "\"a\" filename=\"b\"; c; =d; e=", "x") END, "P(a|b|)x.$"),
    ROW(PART(NAME "\"b\xfc"
                  "cher\"",
             "x") END,
        "P(b\xc3\xbc"
        "cher|-|)x.$"),
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
    ROW("--XyZZ\r\n" NAME "a\r\n\r\nabc\r\n" END, "!"),
    ROW("--XyZ\r\n\r\nabc\r\n" END, "!"),
    ROW(PART("Content-Type: text/plain", "x") END, "!"),
    ROW(PART("Content-Disposition: form-data", "x") END, "!"),
    ROW(PART("Content-Disposition: attachment; name=a", "x") END, "!"),
    ROW(PART(NAME "a; name=b", "x") END, "!"),
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
        /* Other encodings, by guess and by name. */
        {"filename=\"M\xfcnchen.jpg\"", "M\xc3\xbcnchen.jpg"},
        {"filename=\"caf\xe9.jpg\"", "caf\xc3\xa9.jpg"},
        {"filename=\"\x8e\xca\x90^.jpg\"", "\xe5\x86\x99\xe7\x9c\x9f.jpg"},
        {"filename=\"\x95\\.jpg\"", "\xe8\xa1\xa8.jpg"},
        {"filename=\"\x83\\\x95\\\"", "\xe3\x82\xbd\xe8\xa1\xa8"},
        {"filename*=ISO-8859-1''%E4.jpg", "\xc3\xa4.jpg"},
        {"filename*=iso-8859-1'en'%A3%20rates; filename=x", "\xc2\xa3 rates"},
        {"filename*=Shift_JIS''%8E%CA%90%5E.jpg", "\xe5\x86\x99\xe7\x9c\x9f.jpg"},
        {"filename*=UTF-8''%FC.jpg", "\xc3\xbc.jpg"},
        {"filename*=unheard''%FC.jpg", "\xc3\xbc.jpg"},
        {"filename*=UTF-8''%zz%4", "%zz%4"},
        {"filename*=UTF-8'a.jpg", "UTF-8'a.jpg"},
        {"filename*=broken; filename=a.jpg", "a.jpg"},
        {"filename*=UTF-8''%E4%BD.jpg; filename=a.jpg", "a.jpg"},
        {"filename*=UTF-8''%zz.jpg; filename=a.jpg", "a.jpg"},
        {"filename*=unheard''b.jpg; filename=a.jpg", "a.jpg"},
        {"filename*=UTF-8''; filename=a.jpg", "a.jpg"},
        {"filename*=\"UTF-8''%c3%a4.jpg\"", "\xc3\xa4.jpg"},
        {"filename=\"=?UTF-8?B?w6QuanBn?=\"", "\xc3\xa4.jpg"},
        {"filename=\"=?iso-8859-1?Q?M=FCn_?= =?utf-8?q?chen?=.jpg\"", "M\xc3\xbcn chen.jpg"},
        {"filename=\"=?UTF-8?B?!!?=\"", "=?UTF-8?B?!!?="},
        {"filename=\"=?no=?words\"", "=?no=?words"},
        {"filename=\"cut \xc3\xa4\xc3\xb6\xc3\"", "cut \xc3\xa4\xc3\xb6\xef\xbf\xbd"},
        /* Loose writing. */
        {"filename=my photo.jpg", "my photo.jpg"},
        {"filename=a,b.jpg", "a,b.jpg"},
        {"filename=\"a,b;c.jpg\";", "a,b;c.jpg"},
        {"filename=\"a\tb.jpg\"", "a b.jpg"},
        {"filename=\"a\x01\x7f.jpg\"", "a  .jpg"},
        {"filename = \"a.jpg\" ; size=5", "a.jpg"},
        {"filename=\"a.jpg", "a.jpg"},
        {"filename=\"a\\\"", ""},
        {"filename=\"C:\\dir\\\"; x=y", ""},
        {"filename=\"a%22b%0D%0a.jpg\"", "a\"b  .jpg"},
        {"filename=\"100%20%.jpg\"", "100%20%.jpg"},
        /* Nothing that does harm where it is shown. */
        {"filename*=UTF-8''a%00.jpg", "a .jpg"},
        {"filename*=UTF-8''a%0d%0a.jpg", "a  .jpg"},
        {"filename*=UTF-8''..%2f..%2f", ""},
        {"filename=\"photo\xe2\x80\xaegpj.exe\"", "photogpj.exe"},
        {"filename=\"\xef\xbb\xbf"
         "a\xe2\x80\xa8"
         "b\xc2\x85.jpg\"",
         "a b .jpg"},
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
        {"multipart/form-data; boundary=*****@b", true},
        {"multipart/form-data; boundary = a b ;", true},
        {"multipart/form-data; boundary='a'", true},
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

static void test_bounds(void **state)
{
    assert_true(passes(many_parts, MULTIPART_MAX_PARTS));
    assert_false(passes(many_parts, MULTIPART_MAX_PARTS + 1));
    assert_false(passes(many_parts, 10000));
    assert_true(passes(long_head, MULTIPART_MAX_PART_HEAD - 100));
    assert_false(passes(long_head, MULTIPART_MAX_PART_HEAD));
    assert_true(passes(long_preamble, MULTIPART_MAX_IGNORED - 10));
    assert_false(passes(long_preamble, MULTIPART_MAX_IGNORED));
}

/* The end is told before what follows it is seen, so the log does not end with it then. */
static void test_epilogue_is_bounded(void **state)
{
    assert_true(passes(long_epilogue, MULTIPART_MAX_IGNORED - 2));
    assert_false(passes(long_epilogue, MULTIPART_MAX_IGNORED));
}

/* Cut between two letters, and with its suffix. */
static void test_long_names(void **state)
{
    struct arena *arena = arena_new();
    struct buf log, letters;

    buf_init(&letters, LOG_MAX);
    for (size_t i = 0; i < 1000; i++)
        buf_add(&letters, SLICE("\xc3\xa4"));
    for (size_t n = 200; n <= 2000; n += 600) {
        struct slice part =
            arena_printf(arena, "--XyZ\r\n" NAME "file; filename=\"%.*s.jpeg\"\r\n\r\nx\r\n" END,
                         (int)n, buf_slice(&letters).p);
        struct slice name = arena_printf(arena, "P(file|%.*s.jpeg|)x.$", (int)(n < 1000 ? n : 1018),
                                         buf_slice(&letters).p);
        buf_init(&log, LOG_MAX);
        read_in_pieces(part, 65520, &log);
        assert_true(slice_eq(buf_slice(&log), name));
        buf_fini(&log);
    }
    buf_fini(&letters);
    arena_free(arena);
}

/* What is wrong is said, whatever it is. */
static void test_problems(void **state)
{
    static const struct {
        struct slice body;
        const char *problem;
    } rows[] = {
        {SLICE_INIT(""), "no line with the boundary"},
        {SLICE_INIT("--XyZ\n" NAME "a\n\nb\n--XyZ--\n"), "ends in LF"},
        {SLICE_INIT("\n--XyZ\n"), "do not end in CR LF"},
        {SLICE_INIT("--XyZ\r\n" NAME "a\n\n"), "does not end in CR LF"},
        {SLICE_INIT("--XyZ\r\n" NAME "a\r\n\r\nabc"), "ends before"},
        {SLICE_INIT("--XyZZ\r\n"), "neither CR LF"},
        {SLICE_INIT(PART(NAME "a\0", "x") END), "NUL"},
        {SLICE_INIT(PART("Content-Disposition: form-data", "x") END), "no name"},
        {SLICE_INIT(PART("Content-Type: text/plain", "x") END), "no Content-Disposition"},
        {SLICE_INIT(PART(NAME "a; name=b", "x") END), "twice"},
        {SLICE_INIT(PART(NAME "a\r\nContent-Transfer-Encoding: base64", "x") END), "binary"},
        {SLICE_INIT(PART(NAME "a\r\nContent-Type: multipart/mixed; boundary=b", "x") END),
         "one by one"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new();
        struct multipart *multipart = multipart_new(arena, SLICE(TYPE));
        enum multipart_event event = MULTIPART_NEED_MORE;
        struct multipart_part part;
        struct slice data;

        multipart_feed(multipart, rows[i].body);
        while (multipart_next(multipart, &event, &part, &data) == OK)
            if (event == MULTIPART_NEED_MORE)
                multipart_feed(multipart, SLICE(""));
        if (!strstr(arena_cstr(arena, multipart_problem(multipart)), rows[i].problem))
            fail_msg("%.*s", SLICE_ARG(multipart_problem(multipart)));
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_bodies), cmocka_unit_test(test_bad_bodies),
        cmocka_unit_test(test_file_names),  cmocka_unit_test(test_content_types),
        cmocka_unit_test(test_bounds),      cmocka_unit_test(test_epilogue_is_bounded),
        cmocka_unit_test(test_long_names),  cmocka_unit_test(test_problems),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
