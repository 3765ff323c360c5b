/* Known points of HLG and PQ, as ordinary screens show them. */
#include "decode/tone.h"
#include "unit.h"

#include <math.h>

static void map(enum tone tone, bool wide, const double signal[3], uint8_t out[3])
{
    uint16_t rgb[3];

    for (int c = 0; c < 3; c++)
        rgb[c] = (uint16_t)lround(signal[c] * 65535);
    tone_map(&(struct tone_source){.tone = tone,
                                   .wide = wide,
                                   .rows = (const uint8_t *)rgb,
                                   .stride = 6,
                                   .width = 1,
                                   .height = 1},
             out);
}

/* BT.2408 table 1: 75 % of HLG and 58 % of PQ are white, 38 % of both (nearly) middle grey. */
static void test_greys(void **state)
{
    static const struct {
        enum tone tone;
        double signal;
        int least, most;
    } cases[] = {
        {TONE_HLG, 0, 0, 0},       {TONE_HLG, 0.38, 100, 130}, {TONE_HLG, 0.75, 245, 252},
        {TONE_HLG, 1, 255, 255},   {TONE_PQ, 0, 0, 0},         {TONE_PQ, 0.38, 100, 130},
        {TONE_PQ, 0.58, 245, 252}, {TONE_PQ, 0.75, 253, 255},  {TONE_PQ, 1, 255, 255},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const double signal[3] = {cases[i].signal, cases[i].signal, cases[i].signal};
        uint8_t out[3];

        map(cases[i].tone, true, signal, out);
        if (out[0] < cases[i].least || out[0] > cases[i].most)
            fail_msg("%d at %g: %d", (int)cases[i].tone, cases[i].signal, out[0]);
        assert_in_range(out[1], out[0] > 0 ? out[0] - 1 : 0, out[0] + 1);
        assert_in_range(out[2], out[0] > 0 ? out[0] - 1 : 0, out[0] + 1);
    }
}

/* The red of BT.2020 lies outside of BT.709: as red as it gets there, and nothing wraps round. */
static void test_colours_from_outside(void **state)
{
    static const double red[3] = {0.58, 0, 0};
    uint8_t out[3];

    map(TONE_PQ, true, red, out);
    assert_int_equal(out[0], 255);
    assert_int_equal(out[1], 0);
    assert_int_equal(out[2], 0);
    map(TONE_PQ, false, red, out);
    assert_in_range(out[0], 245, 252);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_greys),
        cmocka_unit_test(test_colours_from_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
