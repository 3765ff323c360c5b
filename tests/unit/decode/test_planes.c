/* Planes of pictures: scaled, turned, from RGB and back; and which picture of a TIFF is looked at.
 */
#include "decode/planes.h"
#include "decode/tiff_pictures.h"
#include "unit.h"

static struct arena *arena;

static int make_arena(void **state)
{
    arena = arena_new();
    return 0;
}

static int free_arena(void **state)
{
    arena_free(arena);
    return 0;
}

static struct plane filled(int width, int height, int across, int down)
{
    struct plane plane = plane_new(arena, width, height);

    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            plane.pixels[y * plane.stride + x] = (uint8_t)(x * across + y * down);
    return plane;
}

static int at(const struct plane *plane, int x, int y)
{
    return plane->pixels[y * plane->stride + x];
}

static void test_fit(void **state)
{
    static const int cases[][5] = {
        {4000, 3000, 800, 800, 600}, {3000, 4000, 800, 600, 800}, {100, 50, 800, 100, 50},
        {800, 800, 800, 800, 800},   {9000, 1, 200, 200, 1},      {1, 1, 200, 1, 1},
        {1601, 3, 800, 800, 1},      {4001, 3001, 400, 400, 300},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int width, height;

        planes_fit(cases[i][0], cases[i][1], cases[i][2], &width, &height);
        assert_int_equal(width, cases[i][3]);
        assert_int_equal(height, cases[i][4]);
    }
}

/* A flat picture stays flat, a ramp a ramp, down to the thinnest. */
static void test_scaled(void **state)
{
    static const int sizes[][4] = {{1000, 750, 800, 600}, {800, 600, 200, 150}, {64, 64, 63, 61},
                                   {17, 33, 8, 16},       {300, 2, 150, 1},     {2, 300, 1, 150},
                                   {40, 3, 20, 2},        {1, 1, 1, 1},         {5, 5, 9, 9}};

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        int width = sizes[i][2], height = sizes[i][3];
        struct planes grey = {1, {filled(sizes[i][0], sizes[i][1], 0, 0)}}, out;

        for (int n = 0; n < grey.plane[0].stride * sizes[i][1]; n++)
            grey.plane[0].pixels[n] = 24;
        assert_true(planes_scale(arena, &grey, width, height, false, &out));
        assert_int_equal(out.plane[0].width, width);
        assert_int_equal(out.plane[0].height, height);
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                assert_int_equal(at(&out.plane[0], x, y), 24);
    }
    struct planes thin = {1, {filled(40, 2, 0, 100)}}, mean;
    assert_true(planes_scale(arena, &thin, 40, 1, false, &mean));
    assert_int_equal(at(&mean.plane[0], 20, 0), 50);
}

static void test_colour_is_halved(void **state)
{
    struct plane plane = filled(101, 51, 1, 1);
    struct planes full = {3, {plane, plane, plane}}, out;

    assert_true(planes_scale(arena, &full, 101, 51, false, &out));
    assert_ptr_equal(out.plane[0].pixels, plane.pixels);
    assert_int_equal(out.plane[1].width, 51);
    assert_int_equal(out.plane[2].height, 26);
    assert_true(planes_scale(arena, &out, 101, 51, true, &out));
    assert_int_equal(out.plane[1].width, 101);
}

/* Of a 3 x 2 picture 0 1 2 / 10 11 12: the row on top, then the first of the next. */
static void test_turned(void **state)
{
    static const int tops[][4] = {{0, 1, 2, 10},  {2, 1, 0, 12},  {12, 11, 10, 2}, {10, 11, 12, 0},
                                  {0, 10, 1, 11}, {10, 0, 11, 1}, {12, 2, 11, 1},  {2, 12, 1, 11}};
    struct planes flat = {1, {filled(3, 2, 1, 10)}};

    for (unsigned orientation = 0; orientation < 10; orientation++) {
        struct planes out = planes_turn(arena, &flat, orientation);
        const int *top = tops[orientation >= 1 && orientation <= 8 ? orientation - 1 : 0];
        int width = out.plane[0].width;

        assert_int_equal(width, orientation >= 5 && orientation <= 8 ? 2 : 3);
        for (int i = 0; i < 4; i++)
            assert_int_equal(at(&out.plane[0], i % width, i / width), top[i]);
    }
}

static void test_there_and_back(void **state)
{
    static const uint8_t edges[] = {0, 1, 24, 127, 128, 254, 255};
    uint8_t in[3], out[3];

    for (size_t i = 0; i < 7 * 7 * 7; i++) {
        in[0] = edges[i % 7];
        in[1] = edges[i / 7 % 7];
        in[2] = edges[i / 49];
        struct planes planes = planes_from_packed(arena, in, 3, 1, 1, 3);
        planes_to_packed(&planes, out, 3);
        for (int c = 0; c < 3; c++)
            assert_in_range(out[c], in[c] > 2 ? in[c] - 2 : 0, in[c] + 2);
        if (in[0] == in[1] && in[1] == in[2]) /* grey has no colour */
            assert_memory_equal(in, out, 3);
    }
}

static void test_no_tiff(void **state)
{
    struct tiff_pictures found;

    assert_false(tiff_pictures(SLICE(""), &found));
    assert_false(tiff_pictures(SLICE("\xff\xd8\xff"), &found));
    assert_true(tiff_pictures(SLICE("II*\0"), &found));
    assert_true(tiff_pictures(SLICE("II*\0\x08\0\0\0\xff\xff"), &found));
    assert_false(found.raw);
    assert_int_equal(found.subifd, -1);
    /* A directory that follows itself. */
    assert_true(tiff_pictures(SLICE("II*\0\x08\0\0\0\0\0\x08\0\0\0"), &found));
    /* CR2 by its mark, without a preview. */
    assert_true(tiff_pictures(SLICE("II*\0\x10\0\0\0CR\x02\0\0\0\0\0"), &found));
    assert_true(found.raw && found.preview.n == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fit),     cmocka_unit_test(test_scaled),
        cmocka_unit_test(test_turned),  cmocka_unit_test(test_colour_is_halved),
        cmocka_unit_test(test_no_tiff), cmocka_unit_test(test_there_and_back),
    };

    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
