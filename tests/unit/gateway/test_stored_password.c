/* Passwords as the files of the Backup Repository keep them: made by others, made by us, and
 * broken. */
#include "unit.h"

#include "base/crypto.h"
#include "base/password.h"
#include "base/text.h"
#include "gateway/surfaces/backup_repository/stored/stored_password.h"

#include <sodium.h>

/* "test", by another program, in four lanes. */
#define OF_OTHERS                                                                                  \
    "JGFyZ29uMmlkJHY9MTkkbT02NTUzNix0PTEscD00JEtvRDRNbXJ6S1gxNkY3amY0ZHhUK3c9PSQ2MnJpSDNrNUlMblFZ" \
    "YnZGNkc5RDJ4dm84d3ZmcUpvcXVKcXhPeDVKdm5ZPQ=="

/* "lanes", by argon2-cffi 25.1, with one salt in one lane and in four. */
#define IN_ONE_LANE                                                                                \
    "JGFyZ29uMmlkJHY9MTkkbT02NTUzNix0PTEscD0xJEFBRUNBd1FGQmdjSUNRb0xEQTBPRHc9PSQybVdrcTJrZXRXYnRt" \
    "NVBZMDVvN2pVWlVxMThmME8xeFRXWFM5Y0NKNVk4PQ=="
#define IN_FOUR_LANES                                                                              \
    "JGFyZ29uMmlkJHY9MTkkbT02NTUzNix0PTEscD00JEFBRUNBd1FGQmdjSUNRb0xEQTBPRHc9PSRIMnM0THFZemsvUHZT" \
    "VllwWWo1ZTJHK3ZYUUxFUDNMUExEUUlYYnh1bE1nPQ=="

static int set_up(void **state)
{
    crypto_init();
    *state = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    arena_free(*state);
    return 0;
}

static bool verifies(struct arena *arena, struct slice phc, struct slice password)
{
    return crypto_pwhash_str_verify(arena_cstr(arena, phc), password.p, password.n) == 0;
}

static void made_by_others(void **state)
{
    struct slice phc = stored_password_phc(*state, SLICE(OF_OTHERS));

    assert_true(slice_starts_with(phc, SLICE("$argon2id$v=19$m=65536,t=1,p=4$")));
    assert_true(verifies(*state, phc, SLICE("test")));
    assert_false(verifies(*state, phc, SLICE("Test")));
}

static void lanes(void **state)
{
    struct slice one = stored_password_phc(*state, SLICE(IN_ONE_LANE));
    struct slice four = stored_password_phc(*state, SLICE(IN_FOUR_LANES));

    assert_true(slice_starts_with(one, SLICE("$argon2id$v=19$m=65536,t=1,p=1$")));
    assert_true(slice_starts_with(four, SLICE("$argon2id$v=19$m=65536,t=1,p=4$")));
    assert_true(verifies(*state, one, SLICE("lanes")));
    assert_true(verifies(*state, four, SLICE("lanes")));
    assert_false(verifies(*state, one, SLICE("lane")));
    assert_false(verifies(*state, four, SLICE("lane")));
}

static void in_lines(void **state)
{
    struct slice text = SLICE(OF_OTHERS), wrapped = SLICE("");

    for (size_t at = 0; at < text.n; at += 60)
        wrapped = arena_printf(*state, "%.*s%.*s\r\n", SLICE_ARG(wrapped),
                               (int)(text.n - at < 60 ? text.n - at : 60), text.p + at);
    assert_true(slice_eq(stored_password_phc(*state, wrapped), stored_password_phc(*state, text)));
}

static void made_here(void **state)
{
    static const struct slice passwords[] = {SLICE_INIT("admin"),
                                             SLICE_INIT(" pass $ w\303\266rd ")};

    for (size_t i = 0; i < COUNT_OF(passwords); i++) {
        struct slice stored = stored_password_make(*state, passwords[i]), text;
        struct slice phc = stored_password_phc(*state, stored);

        assert_true(verifies(*state, phc, passwords[i]));
        assert_false(verifies(*state, phc, SLICE("another")));
        /* With padding, as other readers of these files demand. */
        assert_true(text_unbase64(*state, stored, &text));
        assert_true(slice_ends_with(text, SLICE("=")));
    }
}

/* What a login computes for a name that nobody has is what it computes for theirs. */
static void of_one_kind(void **state)
{
    const struct password_kind kind = STORED_PASSWORD_KIND;
    struct password_kinds kinds = {0};

    assert_true(password_kinds_add(&kinds, stored_password_phc(*state, SLICE(OF_OTHERS))));
    assert_true(password_kinds_add(
        &kinds, stored_password_phc(*state, stored_password_make(*state, SLICE("admin")))));
    assert_int_equal(kinds.n, 1);
    assert_int_equal(kinds.list[0].memory_kib, kind.memory_kib);
    assert_int_equal(kinds.list[0].passes, kind.passes);
}

static void broken(void **state)
{
    static const struct slice texts[] = {
        SLICE_INIT(""),
        SLICE_INIT("plain"),
        SLICE_INIT("$argon2id$v=19$m=65536,t=1,p=4$c2FsdHNhbHRzYWx0c2FsdA==$aGFzaA=="),
    };
    /* As base64 each: */
    static const struct slice inner[] = {
        SLICE_INIT("$argon2id$v=19$m=65536,t=1,p=4$c2FsdHNhbHRzYWx0c2FsdA=="),
        SLICE_INIT("$argon2id$v=19$m=65536,t=1,p=4$c2FsdHNhbHRzYWx0c2FsdA$aGFzaA=="), /* unpadded */
        SLICE_INIT("$argon2id$v=19$m=4294967295,t=1,p=4$c2FsdHNhbHRzYWx0c2FsdA==$aGFzaA=="),
        SLICE_INIT("$argon2id$v=19$m=65536,t=99,p=4$c2FsdHNhbHRzYWx0c2FsdA==$aGFzaA=="),
        SLICE_INIT("$argon2id$v=19$m=262145,t=1,p=4$c2FsdHNhbHRzYWx0c2FsdA==$aGFzaA=="),
        SLICE_INIT("$argon2id$v=19$m=65536,t=11,p=4$c2FsdHNhbHRzYWx0c2FsdA==$aGFzaA=="),
        SLICE_INIT("$argon2id$v=19$m=65536,t=1,p=9$c2FsdHNhbHRzYWx0c2FsdA==$aGFzaA=="),
        SLICE_INIT("argon2id$v=19$m=65536,t=1,p=4$c2FsdHNhbHRzYWx0c2FsdA==$aGFzaA=="),
        SLICE_INIT("$argon2id$v=19$m=65536,t=1,p=4$c2Fs*HNhbHRzYWx0c2FsdA==$aGFzaA=="),
        SLICE_INIT("$argon2id$v=19$m=65536,t=1,p=4$c2FsdHNhbHRzYWx0c2FsdA==$aGF-aA=="),
        SLICE_INIT("$argon2i$v=19$m=65536,t=1,p=4$c2FsdHNhbHRzYWx0c2FsdA==$aGFzaA=="),
        SLICE_INIT("x$argon2id$v=19$m=65536,t=1,p=4$c2FsdHNhbHRzYWx0c2FsdA==$aGFzaA=="),
        SLICE_INIT("$argon2id$v=19$m=65536,t=1,p=4$c2FsdHNhbHRzYWx0c2FsdA==$aGFzaA==$"),
        SLICE_INIT("$argon2id$v=19$m=65536,t=1,p=4$c2FsdHNhbHRzYWx0c2FsdA==$aGFz\0aA=="),
    };

    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_int_equal(stored_password_phc(*state, texts[i]).n, 0);
    for (size_t i = 0; i < COUNT_OF(inner); i++)
        assert_int_equal(stored_password_phc(*state, text_base64(*state, inner[i])).n, 0);
    for (size_t n = 0; n < sizeof OF_OTHERS - 60; n++)
        assert_int_equal(stored_password_phc(*state, (struct slice){OF_OTHERS, n}).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(made_by_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lanes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(in_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(made_here, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_one_kind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broken, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
