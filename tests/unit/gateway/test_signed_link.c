#include "unit.h"

#include "base/crypto.h"
#include "gateway/access/signed_link.h"

#include <string.h>

#define PATH "/api/v1/media/media_01/thumbnail"
enum { NOW_S = 1700000000 };

static struct keyring keyring = {
    .link_keys = {{.secret = "0123456789abcdef0123456789abcde"}, {.secret = "the one before"}},
    .link_n = 2,
};
static struct arena *arena;

static int setup(void **state)
{
    crypto_init();
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    arena_free(arena);
    return 0;
}

static bool opens(struct slice link, uint64_t now_s)
{
    struct slice user;

    return link_verify(arena, &keyring, link, now_s, &user) && slice_eq(user, SLICE("user_7"));
}

static void test_opens_for_its_time(void **state)
{
    static const struct slice paths[] = {SLICE_INIT(PATH), SLICE_INIT(PATH "?size=large"),
                                         SLICE_INIT("/a?exp=1&user=2&sig=3")};

    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct slice link = link_sign(arena, &keyring, paths[i], SLICE("user_7"), NOW_S);

        assert_true(slice_starts_with(link, paths[i]));
        assert_true(opens(link, NOW_S));
        assert_true(opens(link, NOW_S + LINK_LIFE_S - 1));
        assert_false(opens(link, NOW_S + LINK_LIFE_S + LINK_ROUND_S));
    }
}

static void test_stays_the_same_for_caches(void **state)
{
    uint64_t start_s = NOW_S / LINK_ROUND_S * LINK_ROUND_S + 1;
    struct slice first = link_sign(arena, &keyring, SLICE(PATH), SLICE("user_7"), start_s);
    struct slice last =
        link_sign(arena, &keyring, SLICE(PATH), SLICE("user_7"), start_s + LINK_ROUND_S - 1);
    struct slice next =
        link_sign(arena, &keyring, SLICE(PATH), SLICE("user_7"), start_s + LINK_ROUND_S);

    assert_true(slice_eq(first, last));
    assert_false(slice_eq(first, next));
}

/* No byte of a link can be changed, none added or taken away. */
static void test_nothing_may_change(void **state)
{
    struct slice link =
        link_sign(arena, &keyring, SLICE(PATH "?size=small"), SLICE("user_7"), NOW_S);

    for (size_t i = 0; i < link.n; i++) {
        char *copy = arena_cstr(arena, link);

        copy[i] ^= 1;
        assert_false(opens((struct slice){copy, link.n}, NOW_S));
        assert_false(opens((struct slice){link.p, i}, NOW_S));
    }
    assert_false(opens(arena_printf(arena, "%.*s&size=large", SLICE_ARG(link)), NOW_S));
    assert_false(opens(arena_printf(arena, "%.*s&sig=", SLICE_ARG(link)), NOW_S));
}

static void test_far_future_is_refused(void **state)
{
    struct slice link =
        link_sign(arena, &keyring, SLICE(PATH), SLICE("user_7"), NOW_S + 10 * LINK_LIFE_S);

    assert_false(opens(link, NOW_S));
}

static void test_other_key(void **state)
{
    struct keyring before = {.link_keys = {keyring.link_keys[1]}, .link_n = 1};
    struct keyring other = {.link_keys = {{.secret = "another"}}, .link_n = 1};

    assert_true(opens(link_sign(arena, &before, SLICE(PATH), SLICE("user_7"), NOW_S), NOW_S));
    assert_false(opens(link_sign(arena, &other, SLICE(PATH), SLICE("user_7"), NOW_S), NOW_S));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opens_for_its_time), cmocka_unit_test(test_stays_the_same_for_caches),
        cmocka_unit_test(test_nothing_may_change), cmocka_unit_test(test_far_future_is_refused),
        cmocka_unit_test(test_other_key),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
