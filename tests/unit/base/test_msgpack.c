#include "base/msgpack.h"
#include "unit.h"

#define S(text) SLICE_INIT(text)

static void accepts_and_refuses(void **state)
{
    static const struct {
        const char *what;
        struct slice bytes;
        bool ok;
    } cases[] = {
        {"fixint", S("\x07"), true},
        {"negative fixint", S("\xFF"), true},
        {"nil", S("\xC0"), true},
        {"map",
         S("\x82\xA1"
           "a\x01\xA1"
           "b\x92\x01\x02"),
         true},
        {"empty array 16", S("\xDC\x00\x00"), true},
        {"str 8",
         S("\xD9\x03"
           "abc"),
         true},
        {"bin 8", S("\xC4\x02\x00\x01"), true},
        {"bin 32", S("\xC6\x00\x00\x00\x01\x00"), true},
        {"ext 8", S("\xC7\x01\x05\x00"), true},
        {"fixext 16",
         S("\xD8\x01"
           "0123456789abcdef"),
         true},
        {"uint 64", S("\xCF\x00\x00\x00\x00\x00\x00\x00\x01"), true},
        {"double", S("\xCB\x00\x00\x00\x00\x00\x00\x00\x01"), true},
        {"nothing", {NULL, 0}, false},
        {"never used", S("\xC1"), false},
        {"trailing byte", S("\x07\x07"), false},
        {"cut string",
         S("\xA3"
           "ab"),
         false},
        {"cut length", S("\xDA\x00"), false},
        {"cut uint 64", S("\xCF\x00\x00"), false},
        {"cut array", S("\x92\x01"), false},
        {"hostile array 32", S("\xDD\xFF\xFF\xFF\xFF"), false},
        {"hostile map 32", S("\xDF\xFF\xFF\xFF\xFF\x01\x01"), false},
        {"hostile str 32",
         S("\xDB\xFF\xFF\xFF\xFF"
           "a"),
         false},
        {"hostile ext 32", S("\xC9\xFF\xFF\xFF\xFF\x01"), false},
        {"hostile array in array", S("\x91\xDD\x7F\xFF\xFF\xFF\x01"), false},
        {"cut map value",
         S("\x81\xA1"
           "a"),
         false},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        msgpack_object object;

        if (msgpack_parse(arena, cases[i].bytes, &object) != cases[i].ok)
            fail_msg("%s", cases[i].what);
    }
    arena_free(arena);
}

static void depth_is_bounded(void **state)
{
    struct arena *arena = arena_new();
    char bytes[200];
    msgpack_object object;

    memset(bytes, '\x91', sizeof bytes);
    bytes[MSGPACK_MAX_DEPTH] = '\x01';
    assert_true(msgpack_parse(arena, (struct slice){bytes, MSGPACK_MAX_DEPTH + 1}, &object));
    bytes[MSGPACK_MAX_DEPTH] = '\x91';
    bytes[MSGPACK_MAX_DEPTH + 1] = '\x01';
    assert_false(msgpack_parse(arena, (struct slice){bytes, MSGPACK_MAX_DEPTH + 2}, &object));
    bytes[MSGPACK_MAX_DEPTH + 1] = '\x91';
    bytes[sizeof bytes - 1] = '\x01';
    assert_false(msgpack_parse(arena, (struct slice){bytes, sizeof bytes}, &object));
    arena_free(arena);
}

static void size_is_bounded(void **state)
{
    struct arena *arena = arena_new();
    size_t n = MSGPACK_MAX_BYTES - 5;
    char *bytes = arena_zalloc(arena, MSGPACK_MAX_BYTES + 1);
    msgpack_object object;

    memcpy(bytes, (const char[]){'\xC6', 0, (char)(n >> 16), (char)(n >> 8), (char)n}, 5);
    assert_true(msgpack_parse(arena, (struct slice){bytes, MSGPACK_MAX_BYTES}, &object));
    assert_int_equal(object.via.bin.size, n);
    bytes[4]++;
    assert_false(msgpack_parse(arena, (struct slice){bytes, MSGPACK_MAX_BYTES + 1}, &object));
    arena_free(arena);
}

static void round_trip(void **state)
{
    struct arena *arena = arena_new();
    msgpack_sbuffer buffer;
    msgpack_packer packer;
    msgpack_object object;

    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, 1);
    msgpack_pack_str_with_body(&packer, "percent", 7);
    msgpack_pack_array(&packer, 300);
    for (int i = 0; i < 300; i++)
        msgpack_pack_int(&packer, i * 1000);
    struct slice bytes = {buffer.data, buffer.size};
    assert_true(msgpack_parse(arena, bytes, &object));
    assert_int_equal(object.type, MSGPACK_OBJECT_MAP);
    struct slice key = {object.via.map.ptr[0].key.via.str.ptr,
                        object.via.map.ptr[0].key.via.str.size};
    assert_true(slice_eq(key, SLICE("percent")));
    assert_true(key.p > bytes.p && key.p < bytes.p + bytes.n);
    assert_int_equal(object.via.map.ptr[0].val.via.array.ptr[299].via.u64, 299000);
    msgpack_sbuffer_destroy(&buffer);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_and_refuses),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(size_is_bounded),
        cmocka_unit_test(round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
