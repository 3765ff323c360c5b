/* What ffmpeg is told, and what it says of its progress. */
#include "unit.h"
#include "workers/transcode.h"

#include <string.h>

static void test_progress_lines(void **state)
{
    static const struct {
        const char *line;
        uint64_t duration_ms;
        unsigned percent;
        uint64_t frames;
    } cases[] = {
        {"out_time_us=0", 1000, 0, 7},        {"out_time_us=250000", 1000, 25, 7},
        {"out_time_us=1000000", 1000, 99, 7}, {"out_time_us=99000000", 1000, 99, 7},
        {"out_time_us=250000 ", 1000, 25, 7}, {"out_time_us=250000", 0, 5, 7},
        {"out_time_us=N/A", 1000, 5, 7},      {"out_time_us=-20", 1000, 5, 7},
        {"out_time_us=", 1000, 5, 7},         {"out_time_us", 1000, 5, 7},
        {"out_time_ms=250000", 1000, 5, 7},   {"frame=12", 1000, 5, 12},
        {"frame=12 ", 1000, 5, 12},           {"frame=", 1000, 5, 7},
        {"progress=end", 1000, 5, 7},         {"", 1000, 5, 7},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct transcode_progress told = {cases[i].duration_ms, 5, 7};

        transcode_note_progress(&told, slice_from(cases[i].line));
        if (told.percent != cases[i].percent || told.frames != cases[i].frames)
            fail_msg("\"%s\" gave %u, %llu", cases[i].line, told.percent,
                     (unsigned long long)told.frames);
    }
}

/* The value behind an option, "" where it is not there. */
static const char *value_of(const char **arguments, const char *option, unsigned nth)
{
    for (; *arguments; arguments++)
        if (strcmp(*arguments, option) == 0 && nth-- == 0)
            return arguments[1];
    return "";
}

static const char **arguments_for(struct arena *arena, const struct wire_clip *clip)
{
    return recipe_arguments(arena, &(struct recipe){clip, 720});
}

static void test_streams_are_those_of_the_probe(void **state)
{
    struct arena *arena = arena_new();
    struct wire_clip clip = {.video = 3, .has_audio = true, .audio = 5, .frame_pixels = 1};
    const char **arguments = arguments_for(arena, &clip);

    assert_string_equal(value_of(arguments, "-map", 0), "0:3");
    assert_string_equal(value_of(arguments, "-map", 1), "0:5");
    assert_string_equal(value_of(arguments, "-c:a", 0), "aac");
    clip.has_audio = false;
    arguments = arguments_for(arena, &clip);
    assert_string_equal(value_of(arguments, "-map", 0), "0:3");
    assert_string_equal(value_of(arguments, "-map", 1), "");
    assert_string_equal(value_of(arguments, "-c:a", 0), "");
    arena_free(arena);
}

static void test_rates(void **state)
{
    static const struct {
        uint64_t frames, duration_ms;
        const char *rate, *most;
    } cases[] = {
        {75, 3000, "fps=25", "150"},    {75, 36000000, "fps=1", "150"},
        {1000, 1000, "fps=60", "2000"}, {30000, 1001000, "fps=30", "60000"},
        {0, 3000, "fps=30", ""},        {75, 0, "fps=30", "150"},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct wire_clip clip = {.has_frames = cases[i].frames > 0,
                                 .frames = cases[i].frames,
                                 .duration_ms = cases[i].duration_ms,
                                 .frame_pixels = 1};
        const char **arguments = arguments_for(arena, &clip);

        assert_string_equal(value_of(arguments, "-x264-params", 0), cases[i].rate);
        assert_string_equal(value_of(arguments, "-frames:v", 0), cases[i].most);
        assert_string_equal(value_of(arguments, "-fps_mode", 0), "vfr");
    }
    arena_free(arena);
}

static void test_only_hdr_is_tone_mapped(void **state)
{
    struct arena *arena = arena_new();

    for (enum wire_transfer t = 0; t < WIRE_TRANSFER_COUNT; t++) {
        struct wire_clip clip = {.transfer = t, .frame_pixels = 1};
        const char *filters = value_of(arguments_for(arena, &clip), "-vf", 0);

        assert_int_equal(strstr(filters, "tonemap") != NULL, t != WIRE_TRANSFER_SDR);
        assert_int_equal(strstr(filters, "tin=smpte2084") != NULL, t == WIRE_TRANSFER_PQ);
    }
    arena_free(arena);
}

static void test_what_it_may_cost(void **state)
{
    /* 33 kB of 50 frames with a gap of 10 hours is a small job; a minute is for the start. */
    struct wire_clip gap = {
        .has_frames = true, .frames = 50, .duration_ms = 36000000, .frame_pixels = 640 * 360};
    struct wire_clip film = {.has_frames = true,
                             .frames = 2 * 3600 * 30,
                             .duration_ms = 7200000,
                             .frame_pixels = 1920 * 1080};
    struct wire_clip monster = {.has_frames = true,
                                .frames = UINT64_C(1000000000000),
                                .duration_ms = 1,
                                .frame_pixels = UINT64_C(10000000000)};
    struct wire_clip uncounted = {.duration_ms = 3000, .frame_pixels = 1000000};

    assert_int_equal(recipe_deadline_ms(&gap), 62304);
    assert_true(recipe_affordable(&gap));
    assert_true(recipe_deadline_ms(&film) > 8 * 3600 * 1000);
    assert_true(recipe_affordable(&film));
    assert_false(recipe_affordable(&monster));
    assert_true(recipe_deadline_ms(&monster) <= UINT64_C(86400) * 1000);
    assert_int_equal(recipe_deadline_ms(&uncounted), 60000 + 4 * 60 / 5 * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_progress_lines),
        cmocka_unit_test(test_streams_are_those_of_the_probe),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_only_hdr_is_tone_mapped),
        cmocka_unit_test(test_what_it_may_cost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
