/* The short way through baseline JPEG against the coefficients that libjpeg reads from the same
 * bytes: what is taken is the same picture, what is not whole is not taken. */
#include "base/clock.h"
#include "decode/jpeg_baseline.h"
#include "unit.h"

#include <jerror.h>
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 83, HEIGHT = 61, MOST_BYTES = 64 << 10, MUTANTS = 3000 };

struct shape {
    int components, across, down; /* sampling factors of the luma */
    int restart_rows;
    bool optimised;
    int quality;
};

static const struct shape shapes[] = {
    {3, 2, 2, 0, false, 80}, {3, 2, 1, 0, true, 95},  {3, 1, 1, 1, false, 50},
    {3, 1, 2, 2, true, 100}, {1, 1, 1, 0, false, 90}, {1, 2, 2, 1, true, 20},
    {3, 4, 1, 0, false, 70},
};

/* -- Files -- */

static unsigned next_random(unsigned *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Waves, an edge, and noise enough for long codes. */
static int value_at(int x, int y, int channel, unsigned *state)
{
    double wave = 60 * sin(x * 0.11 * (channel + 1)) + 50 * cos(y * 0.07 + x * 0.02);
    int noise = x > WIDTH / 2 ? (int)(next_random(state) % 120) : 0;
    int value = (int)(wave + (y > HEIGHT / 2 ? 170 : 70)) + noise;

    return value < 0 ? 0 : value > 255 ? 255 : value;
}

static struct slice make_file(struct arena *arena, const struct shape *shape)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = arena_alloc(arena, MOST_BYTES), row[WIDTH * 3];
    unsigned long n = MOST_BYTES;
    unsigned state = 1;

    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &n);
    jpeg.image_width = WIDTH;
    jpeg.image_height = HEIGHT;
    jpeg.input_components = shape->components;
    jpeg.in_color_space = shape->components == 1 ? JCS_GRAYSCALE : JCS_YCbCr;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, shape->quality, TRUE);
    jpeg.comp_info[0].h_samp_factor = shape->across;
    jpeg.comp_info[0].v_samp_factor = shape->down;
    jpeg.restart_in_rows = shape->restart_rows;
    jpeg.optimize_coding = shape->optimised;
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < jpeg.image_height) {
        JSAMPROW rows[] = {row};

        for (int i = 0; i < WIDTH * shape->components; i++)
            row[i] = (unsigned char)value_at(i / shape->components, (int)jpeg.next_scanline,
                                             i % shape->components, &state);
        jpeg_write_scanlines(&jpeg, rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return (struct slice){(char *)bytes, n};
}

/* -- libjpeg -- */

struct reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf failed;
};

static void on_error(j_common_ptr jpeg)
{
    longjmp(((struct reader *)jpeg->client_data)->failed, 1);
}

static void on_message(j_common_ptr jpeg, int level)
{
    jpeg->err->num_warnings += level < 0;
}

static void open_reader(struct reader *reader, struct slice file)
{
    reader->jpeg.err = jpeg_std_error(&reader->errors);
    reader->errors.error_exit = on_error;
    reader->errors.emit_message = on_message;
    reader->jpeg.client_data = reader;
    jpeg_create_decompress(&reader->jpeg);
    jpeg_mem_src(&reader->jpeg, (const unsigned char *)file.p, file.n);
    jpeg_read_header(&reader->jpeg, TRUE);
}

static bool read_short(struct arena *arena, struct slice file, unsigned size, struct planes *planes)
{
    struct reader *reader = ARENA_NEW(arena, struct reader);
    volatile bool taken = false;

    if (setjmp(reader->failed) == 0) {
        open_reader(reader, file);
        reader->jpeg.scale_num = size;
        reader->jpeg.scale_denom = DCTSIZE;
        taken = jpeg_baseline_read(arena, &reader->jpeg, clock_ms() + 60000, planes);
    }
    jpeg_destroy_decompress(&reader->jpeg);
    return taken;
}

/* T.81, A.3.3, of the lowest frequencies alone, at the middle of each pixel that is left. */
static int expected_pixel(const JCOEF *block, const UINT16 *quant, int size, int x, int y)
{
    double sum = 0;

    for (int v = 0; v < size; v++)
        for (int u = 0; u < size; u++)
            sum += (u ? sqrt(2) : 1) * (v ? sqrt(2) : 1) * cos((2 * x + 1) * u * M_PI / 2 / size) *
                   cos((2 * y + 1) * v * M_PI / 2 / size) * block[v * DCTSIZE + u] *
                   quant[v * DCTSIZE + u] / 8;
    double value = floor(sum + 0.5 + 1e-9) + 128;
    return value < 0 ? 0 : value > 255 ? 255 : (int)value;
}

static void compare(struct reader *reader, jvirt_barray_ptr *blocks, int i, int size,
                    const struct plane *plane)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    const jpeg_component_info *info = &jpeg->comp_info[i];

    assert_int_equal(plane->width, (int)((info->downsampled_width * (unsigned)size + 7) / 8));
    assert_int_equal(plane->height, (int)((info->downsampled_height * (unsigned)size + 7) / 8));
    for (int y = 0; y < plane->height; y++) {
        JBLOCKARRAY row = jpeg->mem->access_virt_barray((j_common_ptr)jpeg, blocks[i],
                                                        (JDIMENSION)(y / size), 1, FALSE);

        for (int x = 0; x < plane->width; x++)
            assert_int_equal(plane->pixels[(ptrdiff_t)y * plane->stride + x],
                             expected_pixel(row[0][x / size], info->quant_table->quantval, size,
                                            x % size, y % size));
    }
}

/* What was taken is what libjpeg reads, without a word of complaint about the scan. */
static void is_right(struct arena *arena, struct slice file, int size, const struct planes *planes)
{
    struct reader *reader = ARENA_NEW(arena, struct reader);

    assert_int_equal(setjmp(reader->failed), 0);
    open_reader(reader, file);
    reader->errors.num_warnings = 0;
    jvirt_barray_ptr *blocks = jpeg_read_coefficients(&reader->jpeg);
    assert_int_equal(reader->errors.num_warnings, 0);
    assert_int_equal(planes->count, reader->jpeg.num_components);
    for (int i = 0; i < planes->count; i++)
        compare(reader, blocks, i, size, &planes->plane[i]);
    jpeg_destroy_decompress(&reader->jpeg);
}

/* -- Tests -- */

static void test_every_shape(void **state)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        for (unsigned size = 1; size <= 2; size++) {
            struct arena *arena = arena_new();
            struct slice file = make_file(arena, &shapes[i]);
            struct planes planes;

            assert_true(read_short(arena, file, size, &planes));
            is_right(arena, file, (int)size, &planes);
            arena_free(arena);
        }
    }
}

static void test_no_cut_is_taken(void **state)
{
    struct arena *all = arena_new();
    struct slice file = make_file(all, &shapes[0]);

    for (size_t n = 2; n < file.n; n += n < file.n - 40 ? 7 : 1) {
        struct arena *arena = arena_new();
        struct planes planes;
        char *cut = arena_alloc(arena, n);

        memcpy(cut, file.p, n);
        assert_false(read_short(arena, (struct slice){cut, n}, 2, &planes));
        arena_free(arena);
    }
    arena_free(all);
}

/* Changed bits may make another picture of the same length: then it is the one that libjpeg sees.
 */
static void test_mutants(void **state)
{
    unsigned chance = 7, taken = 0;

    for (int i = 0; i < MUTANTS; i++) {
        struct arena *arena = arena_new();
        struct slice file = make_file(arena, &shapes[i % 7]);
        unsigned char *bytes = (unsigned char *)(uintptr_t)file.p;
        struct planes planes;
        int size = 1 + i % 2;

        for (int n = i % 3; n >= 0; n--)
            bytes[20 + next_random(&chance) % (file.n - 20)] ^= (unsigned char)(1u << chance % 8);
        if (read_short(arena, file, (unsigned)size, &planes)) {
            is_right(arena, file, size, &planes);
            taken++;
        }
        arena_free(arena);
    }
    assert_in_range(taken, MUTANTS / 100, MUTANTS - MUTANTS / 100);
}

static void test_other_kinds_are_left_alone(void **state)
{
    struct arena *arena = arena_new();
    struct slice file = make_file(arena, &shapes[0]);
    struct planes planes;

    for (unsigned size = 3; size <= 8; size++)
        assert_false(read_short(arena, file, size, &planes));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_shape),
        cmocka_unit_test(test_no_cut_is_taken),
        cmocka_unit_test(test_mutants),
        cmocka_unit_test(test_other_kinds_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
