/* What an API key looks like, and what is not one. */
#include "unit.h"

#include "base/arena.h"
#include "base/crypto.h"
#include "state/api_key_text.h"
#include "state/id.h"

enum { PARTITIONS = 3 };

static void made(void **state)
{
    struct arena *arena = arena_new();
    unsigned partition;

    for (unsigned made_in = 0; made_in < PARTITIONS; made_in++) {
        struct slice text = api_key_text_new(arena, made_in);

        assert_int_equal(text.n, API_KEY_CHARS);
        assert_true(slice_starts_with(text, SLICE(API_KEY_PREFIX)));
        assert_true(api_key_text_parse(text, PARTITIONS, &partition));
        assert_int_equal(partition, made_in);
        assert_false(api_key_text_parse(text, made_in, &partition));
        assert_false(slice_eq(text, api_key_text_new(arena, made_in)));
    }
    arena_free(arena);
}

/* Calculated elsewhere: what clients may check stays what it is. */
static void known(void **state)
{
    static const char *const keys[] = {
        "mvk_00LEO8bDX2CDuQp38IkvbdMCKSlsdZTmchHh90xaRMR",
        "mvk_01vgFkqKPQSCHpRFP3Af0jUnTCrjar7S0hjMb1H3jee",
        "mvk_02CXm1CrllIILl5yFz3gyabRqzQyqdM5exOaa00rAOn",
    };
    unsigned partition = 9;

    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        assert_true(api_key_text_parse(slice_from(keys[i]), PARTITIONS, &partition));
        assert_int_equal(partition, i);
    }
}

/* Every other character in every place, every length. */
static void mistyped(void **state)
{
    struct arena *arena = arena_new();
    struct slice text = api_key_text_new(arena, 1);
    char *copy = arena_cstr(arena, text);
    unsigned partition;

    for (size_t i = 0; i < text.n; i++) {
        for (int c = 0; c < 256; c++) {
            copy[i] = (char)c;
            assert_true(copy[i] == text.p[i] ||
                        !api_key_text_parse((struct slice){copy, text.n}, PARTITIONS, &partition));
        }
        copy[i] = text.p[i];
        assert_false(api_key_text_parse((struct slice){copy, i}, PARTITIONS, &partition));
    }
    assert_false(api_key_text_parse(arena_printf(arena, "%s0", copy), PARTITIONS, &partition));
    assert_false(api_key_text_parse(SLICE_NONE, PARTITIONS, &partition));
    for (size_t i = 5; i < text.n; i++) { /* two neighbours in the wrong order */
        copy[i - 1] = text.p[i];
        copy[i] = text.p[i - 1];
        assert_true(text.p[i] == text.p[i - 1] ||
                    !api_key_text_parse((struct slice){copy, text.n}, PARTITIONS, &partition));
        copy[i - 1] = text.p[i - 1];
        copy[i] = text.p[i];
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made),
        cmocka_unit_test(known),
        cmocka_unit_test(mistyped),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
