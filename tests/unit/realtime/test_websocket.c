/* RFC 6455 from the server's side: what a client may send, whole and byte by byte. */
#include "unit.h"

#include "base/crypto.h"
#include "base/memory.h"
#include "realtime/handshake.h"
#include "realtime/websocket.h"

#include <string.h>

static const uint8_t mask[4] = {0x37, 0xFA, 0x21, 0x3D};

/* A masked frame with the shortest length form. */
static void put_frame(struct buf *out, unsigned first, struct slice payload)
{
    uint8_t head[10] = {(uint8_t)first};
    size_t n = 2;

    if (payload.n < 126) {
        head[1] = (uint8_t)(0x80 | payload.n);
    } else if (payload.n < 65536) {
        head[1] = 0x80 | 126;
        head[2] = (uint8_t)(payload.n >> 8);
        head[3] = (uint8_t)payload.n;
        n = 4;
    } else {
        head[1] = 0x80 | 127;
        for (int i = 0; i < 8; i++)
            head[2 + i] = (uint8_t)((uint64_t)payload.n >> (56 - 8 * i));
        n = 10;
    }
    buf_add(out, (struct slice){(const char *)head, n});
    buf_add(out, (struct slice){(const char *)mask, 4});
    for (size_t i = 0; i < payload.n; i++)
        buf_add_char(out, (char)((uint8_t)payload.p[i] ^ mask[i & 3]));
}

/* What a decoder makes of the bytes, as text: "T:hello P: C1000:bye F1002". */
static void describe(struct buf *out, enum websocket_item item, const struct websocket_message *m)
{
    if (out->n)
        buf_add_char(out, ' ');
    switch (item) {
    case WEBSOCKET_TEXT:
        buf_printf(out, "T:%.*s", SLICE_ARG(m->payload));
        break;
    case WEBSOCKET_PING:
        buf_printf(out, "P:%.*s", SLICE_ARG(m->payload));
        break;
    case WEBSOCKET_PONG:
        buf_printf(out, "O:%.*s", SLICE_ARG(m->payload));
        break;
    case WEBSOCKET_CLOSE:
        buf_printf(out, "C%u:%.*s", m->code, SLICE_ARG(m->payload));
        break;
    case WEBSOCKET_FAILED:
        buf_printf(out, "F%u", m->code);
        break;
    case WEBSOCKET_MORE:
        break;
    }
}

static void decode_in_pieces(struct slice bytes, size_t piece, struct buf *out)
{
    struct websocket_message m;
    struct websocket ws;

    websocket_init(&ws);
    while (bytes.n) {
        struct slice in = {bytes.p, bytes.n < piece ? bytes.n : piece};
        enum websocket_item item;

        bytes = slice_from_offset(bytes, in.n);
        while ((item = websocket_next(&ws, &in, &m)) != WEBSOCKET_MORE)
            describe(out, item, &m);
        assert_int_equal(in.n, 0);
    }
    websocket_fini(&ws);
}

static void expect(struct slice bytes, const char *expected)
{
    static const size_t pieces[] = {1, 2, 3, 7, 1 << 20};

    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        struct buf seen;

        buf_init(&seen, 1 << 20);
        decode_in_pieces(bytes, pieces[i], &seen);
        buf_add_char(&seen, '\0');
        assert_string_equal(buf_slice(&seen).p, expected);
        buf_fini(&seen);
    }
}

struct frame_case {
    unsigned first; /* byte */
    struct slice payload;
};

struct stream_case {
    struct frame_case frames[5];
    const char *expected;
};

#define S(text) SLICE_INIT(text)

static const struct stream_case streams[] = {
    {{{0x81, S("hello")}}, "T:hello"},
    {{{0x81, S("")}}, "T:"},
    {{{0x81, S("a")}, {0x81, S("b")}}, "T:a T:b"},
    {{{0x01, S("he")}, {0x00, S("l")}, {0x80, S("lo")}}, "T:hello"},
    {{{0x01, S("")}, {0x80, S("")}}, "T:"},
    {{{0x01, S("he")}, {0x89, S("x")}, {0x80, S("llo")}, {0x81, S("z")}}, "P:x T:hello T:z"},
    {{{0x8A, S("late")}, {0x89, S("")}}, "O:late P:"},
    {{{0x88, S("")}}, "C0:"},
    {{{0x88, S("\x03\xE8")}}, "C1000:"},
    {{{0x88, S("\x03\xE8 bye")}, {0x81, S("ignored")}}, "C1000: bye"},
    {{{0x88, S("\x0F\xA1")}}, "C4001:"},
    /* Text in pieces that cut a sequence. */
    {{{0x01, S("\xE2\x82")}, {0x80, S("\xAC")}}, "T:\xE2\x82\xAC"},
    {{{0x81, S("\xF0\x9F\x98\x80")}}, "T:\xF0\x9F\x98\x80"},
    /* What the RFC forbids. */
    {{{0xC1, S("rsv1")}}, "F1002"},
    {{{0xA1, S("rsv2")}}, "F1002"},
    {{{0x91, S("rsv3")}}, "F1002"},
    {{{0x83, S("")}}, "F1002"},
    {{{0x87, S("")}}, "F1002"},
    {{{0x8B, S("")}}, "F1002"},
    {{{0x8F, S("")}}, "F1002"},
    {{{0x80, S("nothing to continue")}}, "F1002"},
    {{{0x00, S("nothing to continue")}}, "F1002"},
    {{{0x01, S("a")}, {0x81, S("b")}}, "F1002"},
    {{{0x01, S("a")}, {0x82, S("b")}}, "F1002"},
    {{{0x09, S("cut ping")}}, "F1002"},
    {{{0x08, S("")}}, "F1002"},
    {{{0x82, S("binary")}}, "F1003"},
    {{{0x02, S("binary")}}, "F1003"},
    {{{0x88, S("\x03")}}, "F1002"},
    {{{0x88, S("\x03\xE7")}}, "F1002"},
    {{{0x88, S("\x03\xED")}}, "F1002"},
    {{{0x88, S("\x03\xEE")}}, "F1002"},
    {{{0x88, S("\x03\xF7")}}, "F1002"},
    {{{0x88, S("\x07\xD0")}}, "F1002"},
    {{{0x88, S("\x13\x88")}}, "F1002"},
    {{{0x88, S("\x03\xE8\xFF")}}, "F1007"},
    {{{0x88, S("\x03\xE8\xE2\x82")}}, "F1007"},
    {{{0x81, S("\xC0\xAF")}}, "F1007"},
    {{{0x81, S("\xED\xA0\x80")}}, "F1007"},
    {{{0x81, S("\xF4\x90\x80\x80")}}, "F1007"},
    {{{0x81, S("\xE0\x80\x80")}}, "F1007"},
    {{{0x81, S("\x80")}}, "F1007"},
    {{{0x81, S("cut \xE2\x82")}}, "F1007"},
    {{{0x01, S("\xE2\x82")}, {0x80, S("x")}}, "F1007"},
    {{{0x01, S("\xCE")}, {0x80, S("")}}, "F1007"},
};

static void reads_streams_of_frames(void **unused)
{
    for (size_t i = 0; i < COUNT_OF(streams); i++) {
        const struct stream_case *c = &streams[i];
        struct buf bytes;

        buf_init(&bytes, 1 << 20);
        for (size_t k = 0; k < COUNT_OF(c->frames) && c->frames[k].payload.p; k++)
            put_frame(&bytes, c->frames[k].first, c->frames[k].payload);
        expect(buf_slice(&bytes), c->expected);
        buf_fini(&bytes);
    }
}

static const struct {
    struct slice bytes;
    const char *expected;
} heads[] = {
    {S("\x81\x05hello"), "F1002"},                    /* unmasked */
    {S("\x81\xFE\x00\x7D...."), "F1002"},             /* 125 in two bytes */
    {S("\x81\xFF\0\0\0\0\0\0\xFF\xFF...."), "F1002"}, /* 65535 in eight */
    {S("\x81\xFF\x80\0\0\0\0\0\0\0...."), "F1002"},   /* the sign bit */
    {S("\x81\xFF\0\0\0\0\0\1\0\1...."), "F1009"},     /* 65537 */
    {S("\x81\xFF\0\0\0\x02\x80\0\0\0...."), "F1009"}, /* 10 GiB */
    {S("\x89\xFE\x00\x7E...."), "F1002"},             /* ping of 126 */
    {S("\x88\xFF\0\0\0\0\0\1\0\0...."), "F1002"},     /* close of 65536 */
};

static void judges_heads(void **unused)
{
    for (size_t i = 0; i < COUNT_OF(heads); i++)
        expect(heads[i].bytes, heads[i].expected);
}

static void bounds_the_message_over_its_fragments(void **unused)
{
    char *text = mem_alloc(WEBSOCKET_MAX_MESSAGE);
    struct buf bytes, seen;

    memset(text, 'x', WEBSOCKET_MAX_MESSAGE);
    for (int over = 0; over < 2; over++) {
        buf_init(&bytes, 1 << 20);
        buf_init(&seen, 1 << 20);
        put_frame(&bytes, 0x01, (struct slice){text, WEBSOCKET_MAX_MESSAGE - 10});
        put_frame(&bytes, 0x80, (struct slice){text, 10 + (size_t)over});
        decode_in_pieces(buf_slice(&bytes), 4096, &seen);
        if (over)
            assert_true(slice_eq(buf_slice(&seen), SLICE("F1009")));
        else
            assert_int_equal(seen.n, 2 + WEBSOCKET_MAX_MESSAGE);
        buf_fini(&bytes);
        buf_fini(&seen);
    }
    mem_free(text);
}

static void keeps_no_memory_between_messages(void **unused)
{
    struct websocket_message m;
    struct websocket ws;
    struct buf bytes;

    websocket_init(&ws);
    buf_init(&bytes, 1 << 20);
    put_frame(&bytes, 0x81, SLICE("hello"));
    put_frame(&bytes, 0x89, SLICE("ping"));
    struct slice in = buf_slice(&bytes);
    assert_int_equal(websocket_next(&ws, &in, &m), WEBSOCKET_TEXT);
    assert_int_equal(websocket_next(&ws, &in, &m), WEBSOCKET_PING);
    assert_int_equal(websocket_next(&ws, &in, &m), WEBSOCKET_MORE);
    assert_null(ws.message.p);
    assert_null(ws.control.p);
    websocket_fini(&ws);
    buf_fini(&bytes);
}

static void writes_the_shortest_head(void **unused)
{
    static const struct {
        size_t n;
        struct slice head;
    } cases[] = {
        {0, S("\x81\x00")},
        {125, S("\x81\x7D")},
        {126, S("\x81\x7E\x00\x7E")},
        {65535, S("\x81\x7E\xFF\xFF")},
        {65536, S("\x81\x7F\0\0\0\0\0\1\0\0")},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t head[WEBSOCKET_MAX_HEAD];
        size_t n = websocket_head(head, OPCODE_TEXT, cases[i].n);

        assert_true(slice_eq((struct slice){(const char *)head, n}, cases[i].head));
    }
}

static void accepts_a_handshake(void **unused)
{
    struct arena *arena = arena_new();
    struct slice answer;

    /* The example of RFC 6455 section 1.3. */
    assert_int_equal(handshake_accept(arena, SLICE("dGhlIHNhbXBsZSBub25jZQ=="), SLICE("13"),
                                      SLICE("chat, mediavault.v1"), &answer),
                     OK);
    assert_non_null(strstr(arena_cstr(arena, answer),
                           "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_non_null(
        strstr(arena_cstr(arena, answer), "\r\nSec-WebSocket-Protocol: mediavault.v1\r\n"));
    assert_true(slice_ends_with(answer, SLICE("\r\n\r\n")));
    assert_int_equal(handshake_accept(arena, SLICE("dGhlIHNhbXBsZSBub25jZQ=="), SLICE("13"),
                                      SLICE("mediavault.v10"), &answer),
                     OK);
    assert_null(strstr(arena_cstr(arena, answer), "Sec-WebSocket-Protocol"));
    assert_int_equal(
        handshake_accept(arena, SLICE("dGhlIHNhbXBsZSBub25jZQ=="), SLICE("8"), SLICE_NONE, &answer),
        ERR_UPGRADE_REQUIRED);
    assert_int_equal(handshake_accept(arena, SLICE("c2hvcnQ="), SLICE("13"), SLICE_NONE, &answer),
                     ERR_BAD_REQUEST);
    assert_int_equal(handshake_accept(arena, SLICE_NONE, SLICE("13"), SLICE_NONE, &answer),
                     ERR_BAD_REQUEST);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_streams_of_frames),
        cmocka_unit_test(judges_heads),
        cmocka_unit_test(bounds_the_message_over_its_fragments),
        cmocka_unit_test(keeps_no_memory_between_messages),
        cmocka_unit_test(writes_the_shortest_head),
        cmocka_unit_test(accepts_a_handshake),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
