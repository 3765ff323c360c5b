/* What is decoded, what waits for more memory, and what is refused, by headers alone. */
#include "decode/appraisal.h"
#include "decode/webp.h"
#include "unit.h"

#include <sys/mman.h>

enum { MEGA = 1000 * 1000, MAX_PIXELS = 270 * MEGA };
static const uint64_t MIB = 1 << 20;

enum fate { DECODED, WAITS, REFUSED };

static enum fate fate_of(const struct appraisal *appraisal, uint64_t memory_mib, off_t file_bytes)
{
    struct decoding decoding = {
        .request = {.max_pixels = MAX_PIXELS, .memory_bytes = memory_mib * MIB},
        .input = memfd_create("file", MFD_CLOEXEC)};

    assert_int_equal(ftruncate(decoding.input, file_bytes), 0);
    bool fine = appraisal_admit(&decoding, appraisal);
    close(decoding.input);
    if (fine)
        return DECODED;
    if (decoding.needs_bytes) {
        assert_true(decoding.needs_bytes > memory_mib * MIB);
        assert_int_equal(decoding.needs_bytes, appraisal_bytes(appraisal));
        return WAITS;
    }
    assert_int_equal(decoding.reason, WIRE_REASON_TOO_MANY_PIXELS);
    return REFUSED;
}

static void test_fates(void **state)
{
    static const struct {
        struct appraisal appraisal;
        unsigned memory_mib;
        off_t file_bytes;
        enum fate fate;
    } cases[] = {
        /* Rows never wait, and pass up to the bound. */
        {{APPRAISAL_ROWS, 32000, 7344, 0}, 256, 1000, DECODED},
        {{APPRAISAL_ROWS, 16384, 16384, 0}, 256, 1000, DECODED},
        {{APPRAISAL_ROWS, 64250, 64250, 0}, 256, MEGA, REFUSED},
        {{APPRAISAL_ROWS, 4294967295, 4294967295, 0}, 256, MEGA, REFUSED},
        {{APPRAISAL_ROWS, MAX_PIXELS + 1, 0, 0}, 256, MEGA, REFUSED},
        /* Progressive: 12, 200 and 235 megapixels; one that its file cannot hold. */
        {{APPRAISAL_SCANS, 4000, 3000, 18 * MEGA}, 256, MEGA, DECODED},
        {{APPRAISAL_SCANS, 20000, 10000, 300 * MEGA}, 256, 20 * MEGA, WAITS},
        {{APPRAISAL_SCANS, 20000, 10000, 300 * MEGA}, 1024, 20 * MEGA, DECODED},
        {{APPRAISAL_SCANS, 32000, 7344, 705 * MEGA}, 1536, 20 * MEGA, DECODED},
        {{APPRAISAL_SCANS, 16000, 16000, 384 * MEGA}, 1536, 1000, REFUSED},
        /* HEIC and AVIF: a phone's 12, 24 and 48, a very good one's 108, the bomb. */
        {{APPRAISAL_HEIF, 4000, 3000, 12 * MEGA}, 256, 1000, DECODED},
        {{APPRAISAL_HEIF, 8192, 6144, 50 * MEGA}, 256, 1000, WAITS},
        {{APPRAISAL_HEIF, 12000, 9000, 108 * MEGA}, 1536, 3 * MEGA, DECODED},
        {{APPRAISAL_HEIF, 12000, 9000, 108 * MEGA}, 1536, 1000, REFUSED},
        {{APPRAISAL_HEIF, 16384, 16384, 268435456}, 1536, MEGA, REFUSED},
        /* Frames of 4K, 8K, and what no camera makes. */
        {{APPRAISAL_FRAMES, 3840, 2160, 12441600}, 256, MEGA, DECODED},
        {{APPRAISAL_FRAMES, 7680, 4320, 49766400}, 256, MEGA, WAITS},
        {{APPRAISAL_FRAMES, 16000, 16000, 384 * MEGA}, 1536, MEGA, REFUSED},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum fate fate = fate_of(&cases[i].appraisal, cases[i].memory_mib, cases[i].file_bytes);

        if (fate != cases[i].fate)
            fail_msg("case %zu ended as %d", i, fate);
    }
}

static void test_sizes_of_webp(void **state)
{
    static const struct {
        struct slice file;
        uint64_t width, height;
    } cases[] = {
        {SLICE_INIT("RIFF....WEBPVP8X....\x02...\x0f\x27\0\x01\0\0..."), 10000, 2},
        {SLICE_INIT("RIFF....WEBPVP8L....\x2f\xff\xff\xff\x0f......."), 16384, 16384},
        {SLICE_INIT("RIFF....WEBPVP8 .......\x9d\x01\x2a\x80\x42\xe0\x01.."), 640, 480},
    };
    uint64_t width, height;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(webp_size(cases[i].file, &width, &height));
        assert_int_equal(width, cases[i].width);
        assert_int_equal(height, cases[i].height);
    }
    assert_false(webp_size(SLICE("RIFF....WEBPVP8L....\x2f"), &width, &height));
    assert_false(webp_size(SLICE("RIFF....WEBPALPH.................."), &width, &height));
    assert_false(webp_size(SLICE(""), &width, &height));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fates),
        cmocka_unit_test(test_sizes_of_webp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
