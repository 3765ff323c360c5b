#include "unit.h"
#include "wire/wire.h"

#include <dirent.h>
#include <math.h>
#include <msgpack.h>
#include <stdio.h>
#include <string.h>

static struct arena *arena;
static struct buf buf;

static int set_up(void **state)
{
    arena = arena_new();
    buf_init(&buf, WIRE_MAX_BYTES);
    return 0;
}

static int tear_down(void **state)
{
    arena_free(arena);
    buf_fini(&buf);
    return 0;
}

static struct wire_message again(const struct wire_message *message)
{
    struct wire_message back;

    buf_clear(&buf);
    assert_true(wire_encode(&buf, message));
    assert_int_equal(wire_decode(arena, buf_slice(&buf), &back), WIRE_FINE);
    assert_int_equal(back.type, message->type);
    return back;
}

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_job_survives_the_wire(void **state)
{
    struct wire_output outputs[] = {{SLICE("large.jpg"), WIRE_PRODUCT_THUMBNAIL, 800},
                                    {SLICE("small.jpg"), WIRE_PRODUCT_THUMBNAIL, 200}};
    struct wire_message message = {.type = WIRE_JOB,
                                   .job = {.id = SLICE("job_1"),
                                           .media = SLICE("media_1"),
                                           .kind = WIRE_KIND_VIDEO,
                                           .attempt = 2,
                                           .lease = SLICE("job_1:x"),
                                           .input = SLICE(SHA),
                                           .outputs = outputs,
                                           .outputs_count = 2,
                                           .params = {.max_pixels = 270000000, .duration_ms = 12},
                                           .deadline_ms = 60000}};
    struct wire_message back = again(&message);

    assert_true(slice_eq(back.job.media, SLICE("media_1")));
    assert_int_equal(back.job.kind, WIRE_KIND_VIDEO);
    assert_int_equal(back.job.outputs_count, 2);
    assert_true(slice_eq(back.job.outputs[1].file, SLICE("small.jpg")));
    assert_int_equal(back.job.outputs[1].size, 200);
    assert_int_equal(back.job.params.max_pixels, 270000000);
}

static void test_results_keep_what_is_known_and_what_is_not(void **state)
{
    struct wire_made made[] = {
        {SLICE("small.jpg"), 10233, SLICE("0123456789abcdef0123456789abcdef")}};
    struct wire_message message = {
        .type = WIRE_DONE,
        .done = {.lease = SLICE("l"),
                 .made = made,
                 .made_count = 1,
                 .results = {.width = 4000,
                             .height = 3000,
                             .has_taken_ms = true,
                             .taken_ms = -459791450000,
                             .metadata = {.camera = SLICE("Caméra"),
                                          .has_aperture = true,
                                          .aperture = 1.8,
                                          .has_location = true,
                                          .location = {.latitude = -22.5, .longitude = 180}}}}};
    struct wire_done done = again(&message).done;
    struct wire_results back = done.results;

    assert_true(back.has_taken_ms && back.taken_ms == -459791450000);
    assert_int_equal(done.made_count, 1);
    assert_true(slice_eq(done.made[0].file, made[0].file) && done.made[0].size == 10233);
    assert_true(slice_eq(done.made[0].etag, made[0].etag));
    assert_true(slice_eq(back.metadata.camera, SLICE("Caméra")));
    assert_int_equal(back.metadata.lens.n, 0);
    assert_false(back.metadata.has_iso);
    assert_true(back.metadata.aperture == 1.8);
    assert_true(back.metadata.has_location);
    assert_true(back.metadata.location.latitude == -22.5);
    assert_false(back.metadata.location.has_altitude);
}

static void test_small_messages(void **state)
{
    static const enum wire_type bare[] = {WIRE_DRAIN, WIRE_GO_ON, WIRE_CANCEL, WIRE_AGAIN};
    struct wire_message ready = {.type = WIRE_READY,
                                 .ready = {SLICE("w1"), SLICE("b1"), 7,
                                           1U << WIRE_KIND_IMAGE | 1U << WIRE_KIND_TRANSCODE,
                                           WIRE_HOLD_WHOLE}};

    for (size_t i = 0; i < COUNT_OF(bare); i++) {
        struct wire_message message = {.type = bare[i]};
        again(&message);
    }
    assert_int_equal(again(&ready).ready.kinds, 5);
}

/* What the schema says of each message, as large and as small as it may be. */
static void test_every_message_of_the_schema(void **state)
{
    DIR *folder = opendir(WIRE_SEEDS);
    const struct dirent *entry;
    unsigned seen[WIRE_TYPE_COUNT] = {0};
    char *bytes = arena_alloc(arena, WIRE_MAX_BYTES);

    assert_non_null(folder);
    while ((entry = readdir(folder))) {
        struct wire_message message;
        char path[512];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", WIRE_SEEDS, entry->d_name);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        size_t n = fread(bytes, 1, WIRE_MAX_BYTES, file);
        fclose(file);
        if (wire_decode(arena, (struct slice){bytes, n}, &message) != WIRE_FINE)
            fail_msg("%s is refused", entry->d_name);
        again(&message);
        seen[message.type]++;
    }
    closedir(folder);
    for (size_t i = 0; i < WIRE_TYPE_COUNT; i++)
        assert_int_equal(seen[i], 2);
}

static void test_full_buffer_is_told(void **state)
{
    struct buf tiny;
    struct wire_message message = {.type = WIRE_ACCEPTED, .accepted = {SLICE("lease")}};

    buf_init(&tiny, 8);
    assert_false(wire_encode(&tiny, &message));
    buf_fini(&tiny);
}

/* A message by hand: 't' a text, 'n' a number, 'd' a real, 'm' and 'a' the start of a map or array
 * with that many entries, '-' a negative number, 'b' bytes instead of a text. */
static struct slice pack(const char *items, ...)
{
    static char bytes[1024];
    msgpack_sbuffer out;
    msgpack_packer packer;
    va_list args;

    msgpack_sbuffer_init(&out);
    msgpack_packer_init(&packer, &out, msgpack_sbuffer_write);
    va_start(args, items);
    for (; *items; items++) {
        switch (*items) {
        case 't': {
            const char *text = va_arg(args, const char *);
            msgpack_pack_str_with_body(&packer, text, strlen(text));
            break;
        }
        case 'b':
            msgpack_pack_bin_with_body(&packer, "x", 1);
            break;
        case 'n':
            msgpack_pack_int64(&packer, va_arg(args, int));
            break;
        case 'd':
            msgpack_pack_double(&packer, va_arg(args, double));
            break;
        case 'm':
            msgpack_pack_map(&packer, (size_t)va_arg(args, int));
            break;
        case 'a':
            msgpack_pack_array(&packer, (size_t)va_arg(args, int));
            break;
        default:
            fail();
        }
    }
    va_end(args);
    assert_true(out.size < sizeof(bytes));
    memcpy(bytes, out.data, out.size);
    struct slice result = {bytes, out.size};
    msgpack_sbuffer_destroy(&out);
    return result;
}

static void refused(enum wire_fault expected, struct slice bytes)
{
    struct wire_message message;

    assert_string_equal(wire_fault_name(wire_decode(arena, bytes, &message)),
                        wire_fault_name(expected));
}

static void test_accepts_a_message_by_hand(void **state)
{
    refused(WIRE_FINE, pack("mtntttttn", 4, "v", WIRE_VERSION, "type", "progress", "lease", "l",
                            "percent", 100));
    refused(WIRE_FINE, pack("mtttntttn", 4, "lease", "l", "v", WIRE_VERSION, "type", "progress",
                            "percent", 0));
}

static void test_refuses_what_is_not_a_message(void **state)
{
    char cut[64];
    struct slice whole =
        pack("mtntttttn", 4, "v", WIRE_VERSION, "type", "progress", "lease", "l", "percent", 1);

    assert_true(whole.n < sizeof(cut));
    memcpy(cut, whole.p, whole.n);
    for (size_t n = 0; n < whole.n; n++)
        refused(WIRE_MALFORMED, (struct slice){cut, n});
    cut[whole.n] = 0;
    refused(WIRE_MALFORMED, (struct slice){cut, whole.n + 1});
    refused(WIRE_MALFORMED, SLICE("\xdf\xff\xff\xff\xff"));
    refused(WIRE_MALFORMED, pack("an", 1, 1));
    refused(WIRE_MALFORMED, pack("n", 1));
}

static void test_refuses_wrong_heads(void **state)
{
    refused(WIRE_MISSING_FIELD, pack("mtt", 1, "type", "drain"));
    refused(WIRE_MISSING_FIELD, pack("mtn", 1, "v", WIRE_VERSION));
    refused(WIRE_WRONG_VERSION, pack("mtntt", 2, "v", WIRE_VERSION + 1, "type", "drain"));
    refused(WIRE_WRONG_TYPE, pack("mtttt", 2, "v", "1", "type", "drain"));
    refused(WIRE_WRONG_TYPE, pack("mtntb", 2, "v", WIRE_VERSION, "type"));
    refused(WIRE_UNKNOWN_TYPE, pack("mtntt", 2, "v", WIRE_VERSION, "type", "drains"));
}

static void test_refuses_wrong_fields(void **state)
{
    refused(WIRE_MISSING_FIELD,
            pack("mtntttt", 3, "v", WIRE_VERSION, "type", "progress", "lease", "l"));
    refused(WIRE_UNKNOWN_FIELD, pack("mtntttn", 3, "v", WIRE_VERSION, "type", "drain", "speed", 1));
    refused(WIRE_UNKNOWN_FIELD, pack("mtntttttt", 4, "v", WIRE_VERSION, "type", "accepted", "lease",
                                     "a", "lease", "b"));
    refused(WIRE_WRONG_TYPE, pack("mtntttb", 3, "v", WIRE_VERSION, "type", "accepted", "lease"));
    refused(WIRE_WRONG_TYPE, pack("mtntttttt", 4, "v", WIRE_VERSION, "type", "progress", "lease",
                                  "l", "percent", "1"));
    refused(WIRE_WRONG_TYPE, pack("mtntttttn", 4, "v", WIRE_VERSION, "type", "progress", "lease",
                                  "l", "percent", -1));
    refused(WIRE_WRONG_TYPE, pack("mtntttttd", 4, "v", WIRE_VERSION, "type", "progress", "lease",
                                  "l", "percent", 1.0));
    refused(WIRE_OUT_OF_RANGE, pack("mtntttttn", 4, "v", WIRE_VERSION, "type", "progress", "lease",
                                    "l", "percent", 101));
    refused(WIRE_OUT_OF_RANGE,
            pack("mtntttt", 3, "v", WIRE_VERSION, "type", "accepted", "lease", ""));
}

static void test_refuses_wrong_tokens(void **state)
{
    static const char *const wrong[] = {"../x", ".x", "a/b", "a b", "a\n", "\xc3\xa9"};

    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        refused(WIRE_OUT_OF_RANGE,
                pack("mtntttt", 3, "v", WIRE_VERSION, "type", "accepted", "lease", wrong[i]));
}

static void test_refuses_wrong_sets(void **state)
{
    refused(WIRE_FINE, pack("mtntttttttntattt", 7, "v", WIRE_VERSION, "type", "ready", "worker",
                            "w", "boot", "b", "sequence", 1, "kinds", 1, "image", "hold", "whole"));
    refused(WIRE_OUT_OF_RANGE,
            pack("mtntttttttntattt", 7, "v", WIRE_VERSION, "type", "ready", "worker", "w", "boot",
                 "b", "sequence", 1, "kinds", 1, "sound", "hold", "whole"));
    refused(WIRE_OUT_OF_RANGE,
            pack("mtntttttttntatttt", 7, "v", WIRE_VERSION, "type", "ready", "worker", "w", "boot",
                 "b", "sequence", 1, "kinds", 2, "image", "image", "hold", "whole"));
    refused(WIRE_WRONG_TYPE,
            pack("mtntttttttntttt", 7, "v", WIRE_VERSION, "type", "ready", "worker", "w", "boot",
                 "b", "sequence", 1, "kinds", "image", "hold", "whole"));
}

static void test_refuses_reals_that_are_no_place(void **state)
{
    static const double wrong[] = {90.001, -91, 1e300, (double)INFINITY, (double)NAN};

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        refused(WIRE_OUT_OF_RANGE,
                pack("mtntttat"
                     "mtttntntnt"
                     "mt"
                     "mtdtd",
                     4, "v", WIRE_VERSION, "type", "decoded", "outputs", 0, "results", 5, "nature",
                     "image", "width", 1, "height", 1, "duration_ms", 0, "metadata", 1, "location",
                     2, "latitude", wrong[i], "longitude", 0.0));
    }
    refused(WIRE_FINE, pack("mtntttat"
                            "mtttntntnt"
                            "mt"
                            "mtdtd",
                            4, "v", WIRE_VERSION, "type", "decoded", "outputs", 0, "results", 5,
                            "nature", "image", "width", 1, "height", 1, "duration_ms", 0,
                            "metadata", 1, "location", 2, "latitude", 90.0, "longitude", 0.0));
}

static void test_clip(void **state)
{
    static const struct {
        const char *in;
        size_t max;
        const char *out;
    } cases[] = {
        {"plain", 10, "plain"},
        {"  blanks \n", 10, "blanks"},
        {"\xc3\xa9\xc3\xa9", 3, "\xc3\xa9"},
        {"a\x01\x7f\tb\nc", 10, "ab\nc"},
        {"bad\xff\xc3utf", 10, "badutf"},
        {"\xf0\x9f\x98\x80", 3, ""},
        {"", 3, ""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice out = wire_clip(arena, slice_from(cases[i].in), cases[i].max);
        assert_string_equal(arena_cstr(arena, out), cases[i].out);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_job_survives_the_wire),
        TEST(test_results_keep_what_is_known_and_what_is_not),
        TEST(test_small_messages),
        TEST(test_every_message_of_the_schema),
        TEST(test_full_buffer_is_told),
        TEST(test_accepts_a_message_by_hand),
        TEST(test_refuses_what_is_not_a_message),
        TEST(test_refuses_wrong_heads),
        TEST(test_refuses_wrong_fields),
        TEST(test_refuses_wrong_tokens),
        TEST(test_refuses_wrong_sets),
        TEST(test_refuses_reals_that_are_no_place),
        TEST(test_clip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
