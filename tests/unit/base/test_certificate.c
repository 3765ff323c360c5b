#include "base/certificate.h"

#include "unit.h"

#include <sys/stat.h>

static const struct slice names[] = {SLICE_INIT("localhost"), SLICE_INIT("hub.local"),
                                     SLICE_INIT("192.168.1.5"), SLICE_INIT("fd00::5")};

struct pair {
    struct arena *arena;
    char folder[64];
    const char *chain, *key;
};

static void make_pair(struct pair *pair, const char *name)
{
    struct slice problem = SLICE_NONE;

    pair->chain = arena_printf(pair->arena, "%s/%s.cert.pem", pair->folder, name).p;
    pair->key = arena_printf(pair->arena, "%s/%s.key.pem", pair->folder, name).p;
    assert_true(
        certificate_make(pair->arena, pair->chain, pair->key, names, COUNT_OF(names), &problem));
}

static int setup(void **state)
{
    static struct pair pair;

    pair = (struct pair){.arena = arena_new(), .folder = "/tmp/mediahub_certificate_XXXXXX"};
    assert_non_null(mkdtemp(pair.folder));
    make_pair(&pair, "own");
    *state = &pair;
    return 0;
}

static int teardown(void **state)
{
    const struct pair *pair = *state;
    static const char *const files[] = {"own.cert.pem", "own.key.pem", "other.cert.pem",
                                        "other.key.pem", "garbage.pem"};
    for (size_t i = 0; i < COUNT_OF(files); i++)
        unlink(arena_printf(pair->arena, "%s/%s", pair->folder, files[i]).p);
    assert_int_equal(rmdir(pair->folder), 0);
    arena_free(pair->arena);
    return 0;
}

static void one_of_our_own_is_good_for_its_names(void **state)
{
    const struct pair *pair = *state;
    struct slice fault = SLICE_NONE;
    struct stat st;
    bool in_key;
    struct certificate *own =
        certificate_load(pair->arena, pair->chain, pair->key, &in_key, &fault);

    assert_non_null(own);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        assert_true(certificate_covers(own, pair->arena, names[i]));
    assert_false(certificate_covers(own, pair->arena, SLICE("other.local")));
    assert_false(certificate_covers(own, pair->arena, SLICE("192.168.1.6")));
    assert_false(certificate_covers(own, pair->arena, SLICE("fd00::6")));
    assert_true(certificate_seconds_left(own) > 800 * 86400);
    assert_true(certificate_seconds_left(own) <= CERTIFICATE_MADE_DAYS * 86400);
    struct slice fingerprint = certificate_fingerprint(own, pair->arena);
    assert_int_equal(fingerprint.n, 32 * 3 - 1);
    certificate_free(own);
    assert_int_equal(stat(pair->key, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void write_file(const char *path, const char *text, size_t n)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static void expect_fault(struct pair *pair, const char *chain, const char *key, bool in_key,
                         const char *part)
{
    struct slice fault = SLICE_NONE;
    bool told_key = !in_key;

    assert_null(certificate_load(pair->arena, chain, key, &told_key, &fault));
    assert_int_equal(told_key, in_key);
    if (!strstr(fault.p, part))
        fail_msg("\"%s\" instead of \"%s\"", fault.p, part);
}

static void what_is_wrong_is_said_of_the_right_file(void **state)
{
    struct pair *pair = *state, other = *pair;
    const char *none = arena_printf(pair->arena, "%s/none.pem", pair->folder).p;
    const char *garbage = arena_printf(pair->arena, "%s/garbage.pem", pair->folder).p;
    static char text[8192];

    make_pair(&other, "other");
    expect_fault(pair, none, pair->key, false, "cannot be read (No such file");
    expect_fault(pair, pair->chain, none, true, "cannot be read (No such file");
    expect_fault(pair, pair->chain, other.key, true, "is not the key of the first certificate");
    expect_fault(pair, pair->key, pair->chain, false, "has no certificate in it");
    expect_fault(pair, pair->chain, pair->chain, true, "has no private key in it");
    write_file(garbage, "", 0);
    expect_fault(pair, garbage, pair->key, false, "has no certificate in it");
    expect_fault(pair, pair->chain, garbage, true, "has no private key in it");
    memset(text, 0xff, sizeof text);
    write_file(garbage, text, sizeof text);
    expect_fault(pair, garbage, pair->key, false, "has no certificate in it");
    expect_fault(pair, pair->chain, garbage, true, "has no private key in it");

    FILE *file = fopen(pair->chain, "r");
    assert_non_null(file);
    size_t n = fread(text, 1, sizeof text - 100, file);
    fclose(file);
    write_file(garbage, text, n / 2);
    expect_fault(pair, garbage, pair->key, false, "has no certificate in it");
    memcpy(text + n, "-----BEGIN CERTIFICATE-----\nAAAA\n", 33);
    write_file(garbage, text, n + 33);
    expect_fault(pair, garbage, pair->key, false, "has a broken certificate after its first one");
}

static void a_folder_that_is_not_there(void **state)
{
    const struct pair *pair = *state;
    struct slice problem = SLICE_NONE;

    assert_false(certificate_make(pair->arena, "/nonexistent/c.pem", "/nonexistent/k.pem", names,
                                  COUNT_OF(names), &problem));
    assert_non_null(strstr(problem.p, "/nonexistent/c.pem"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_of_our_own_is_good_for_its_names, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_said_of_the_right_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_is_not_there, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
