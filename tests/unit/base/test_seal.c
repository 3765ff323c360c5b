#include "base/crypto.h"
#include "base/seal.h"
#include "unit.h"

static struct arena *arena;
static struct seal_key key = {.bytes = "one"}, other = {.bytes = "two"};

static enum seal_verdict opens(const struct seal_key *with, struct slice place, struct slice text)
{
    struct slice plain;
    enum seal_verdict verdict = seal_open(arena, with, place, text, &plain);

    if (verdict == SEAL_OPENED)
        assert_true(slice_eq(plain, SLICE("secret")));
    return verdict;
}

static void only_in_its_place_with_its_key(void **state)
{
    struct slice text = seal(arena, &key, SLICE("here"), SLICE("secret"));

    assert_int_equal(opens(&key, SLICE("here"), text), SEAL_OPENED);
    assert_int_equal(opens(&key, SLICE("there"), text), SEAL_BROKEN);
    assert_int_equal(opens(&other, SLICE("here"), text), SEAL_OTHER_KEY);
    assert_true(slice_eq(seal_name(text), slice_from(key.name)));
    assert_false(slice_eq(text, seal(arena, &key, SLICE("here"), SLICE("secret"))));
    assert_null(memmem(text.p, text.n, "secret", 6));
}

static void no_byte_may_change(void **state)
{
    struct slice text = seal(arena, &key, SLICE("here"), SLICE("secret"));

    for (size_t i = 0; i < text.n; i++) {
        char *changed = arena_cstr(arena, text);

        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_int_not_equal(opens(&key, SLICE("here"), slice_from(changed)), SEAL_OPENED);
        assert_int_not_equal(opens(&key, SLICE("here"), (struct slice){text.p, i}), SEAL_OPENED);
    }
}

static void what_was_never_sealed_is_plain(void **state)
{
    struct slice plain;

    assert_int_equal(seal_open(arena, &key, SLICE("here"), SLICE("whsec_x"), &plain), SEAL_PLAIN);
    assert_true(slice_eq(plain, SLICE("whsec_x")));
    assert_int_equal(seal_open(arena, &key, SLICE("here"), SLICE(""), &plain), SEAL_PLAIN);
    assert_int_equal(seal_name(SLICE("whsec_x")).n, 0);
    struct slice nothing = seal(arena, &key, SLICE("here"), SLICE(""));
    assert_int_equal(seal_open(arena, &key, SLICE("here"), nothing, &plain), SEAL_OPENED);
    assert_int_equal(plain.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_in_its_place_with_its_key),
        cmocka_unit_test(no_byte_may_change),
        cmocka_unit_test(what_was_never_sealed_is_plain),
    };

    crypto_init();
    arena = arena_new();
    seal_key_name(&key);
    seal_key_name(&other);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
