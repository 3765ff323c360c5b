#include "scratch.h"

#include "base/clock.h"
#include "store/store_content.h"
#include "store/trash.h"
#include "store/walk.h"

#define HASH "abcd0123456789abcd0123456789abcd0123456789abcd0123456789abcd0123"
#define OTHER "abce0123456789abcd0123456789abcd0123456789abcd0123456789abcd0123"
#define SHA SLICE(HASH)

enum { HOUR_S = 3600 };

static struct store *store;
static char folder[64]; /* of it, in the scratch folder */

static uint64_t hour_ago_ms(void)
{
    return clock_unix_ms() - HOUR_S * 1000;
}

static void put_variant(struct slice bytes)
{
    char path[256];

    snprintf(path, sizeof path, "%s/variants/" HASH, folder);
    mkdir(scratch_path(path), 0700);
    snprintf(path, sizeof path, "%s/variants/" HASH "/small.jpg", folder);
    scratch_write(path, bytes, 0);
}

/* A fresh store with one blob of this age and one variant of it. */
static void begin(const char *name, time_t age_s)
{
    char *problem = NULL;
    char path[128];

    snprintf(folder, sizeof folder, "%s", name);
    store = store_open(slice_from(scratch_path(name)), 0, &problem);
    assert_non_null(store);
    put_variant(SLICE("variant"));
    snprintf(path, sizeof path, "%s/incoming/b", name);
    scratch_write(path, SLICE("blob"), age_s);
    assert_int_equal(store_blob_keep(store, SHA, "incoming/b"), OK);
}

static bool exists(const char *path)
{
    char full[256];

    snprintf(full, sizeof full, "%s/%s", folder, path);
    return access(scratch_path(full), F_OK) == 0;
}

static bool in_place(void)
{
    return exists("blobs/ab/cd/" HASH) && exists("variants/" HASH "/small.jpg");
}

static void test_old_goes_to_the_trash(void **unused)
{
    begin("old", 2 * HOUR_S);
    assert_int_equal(trash_put(store, SHA, hour_ago_ms()), OK);
    assert_false(exists("blobs/ab/cd/" HASH));
    assert_false(exists("variants/" HASH));
    assert_true(exists("trash/" HASH));
    assert_true(exists("trash/" HASH ".variants/small.jpg"));
    /* Again: somebody else was faster. */
    assert_int_equal(trash_put(store, SHA, hour_ago_ms()), OK);
    trash_purge(store, SHA);
    assert_int_equal(scratch_count("old/trash"), 0);
    trash_purge(store, SHA);
    store_close(store);
}

static void test_used_stays(void **unused)
{
    begin("used", HOUR_S / 2);
    assert_int_equal(trash_put(store, SHA, hour_ago_ms()), ERR_CONFLICT);
    assert_true(in_place());
    store_close(store);
}

static void test_restored_with_variants(void **unused)
{
    begin("restored", 2 * HOUR_S);
    assert_int_equal(trash_put(store, SHA, hour_ago_ms()), OK);
    assert_true(trash_restore(store, SHA));
    assert_true(in_place());
    assert_int_equal(scratch_count("restored/trash"), 0);
    assert_false(trash_restore(store, SHA));
    store_close(store);
}

/* The same content came anew while its old self was in the trash. */
static void test_restoring_keeps_what_is_there(void **unused)
{
    struct arena *arena = arena_new();

    begin("anew", 2 * HOUR_S);
    assert_int_equal(trash_put(store, SHA, hour_ago_ms()), OK);
    put_variant(SLICE("newer"));
    scratch_write("anew/incoming/b", SLICE("blob"), 0);
    assert_int_equal(store_blob_keep(store, SHA, "incoming/b"), OK);
    assert_false(trash_restore(store, SHA));
    assert_true(slice_eq(scratch_read(arena, "anew/variants/" HASH "/small.jpg"), SLICE("newer")));
    assert_int_equal(scratch_count("anew/trash"), 0);
    arena_free(arena);
    store_close(store);
}

/* A second life that ended as well finds the first one's variants in the trash. */
static void test_trash_takes_the_newer_variants(void **unused)
{
    struct arena *arena = arena_new();

    begin("twice", 2 * HOUR_S);
    assert_int_equal(trash_put(store, SHA, hour_ago_ms()), OK);
    put_variant(SLICE("newer"));
    assert_int_equal(trash_put(store, SHA, hour_ago_ms()), OK);
    assert_true(
        slice_eq(scratch_read(arena, "twice/trash/" HASH ".variants/small.jpg"), SLICE("newer")));
    arena_free(arena);
    store_close(store);
}

static void open_variant(struct task *task, void *arg)
{
    uint64_t size;
    int fd;

    assert_int_equal(store_variant_open(task, store, SHA, SLICE("small.jpg"), &fd, &size), OK);
    close(fd);
}

static void test_reading_a_variant_brings_all_back(void **unused)
{
    begin("read", 2 * HOUR_S);
    assert_int_equal(trash_put(store, SHA, hour_ago_ms()), OK);
    run_on_fiber(open_variant, NULL);
    assert_true(in_place());
    store_close(store);
}

static size_t walk_all(enum store_area area, size_t step, struct store_entry *entries)
{
    struct store_walk *walk = store_walk_open(store, area);
    size_t n = 0, got;

    while ((got = store_walk_next(walk, entries + n, step)))
        n += got;
    assert_int_equal(store_walk_next(walk, entries + n, step), 0);
    store_walk_close(walk);
    return n;
}

static void test_walk(void **unused)
{
    struct store_entry entries[8];

    begin("walk", 2 * HOUR_S);
    assert_int_equal(mkdir(scratch_path("walk/blobs/ab/ce"), 0700), 0);
    scratch_write("walk/blobs/ab/ce/" OTHER, SLICE("other"), 0);
    scratch_write("walk/blobs/ab/ce/" HASH "x", SLICE("no hash"), 0);
    scratch_write("walk/blobs/stray", SLICE("no folder"), 0);
    for (size_t step = 1; step <= 4; step++) {
        assert_int_equal(walk_all(STORE_BLOBS, step, entries), 2);
        const struct store_entry *first = &entries[strcmp(entries[0].hex, HASH) != 0];
        assert_string_equal(first->hex, HASH);
        assert_int_equal(first->size, 4);
        assert_true(first->changed_ms < hour_ago_ms() && first->moved_ms > hour_ago_ms());
    }
    assert_int_equal(walk_all(STORE_VARIANTS, 4, entries), 1);
    assert_string_equal(entries[0].hex, HASH);
    assert_int_equal(walk_all(STORE_TRASH, 4, entries), 0);
    assert_int_equal(trash_put(store, SHA, hour_ago_ms()), OK);
    assert_int_equal(walk_all(STORE_TRASH, 4, entries), 2);
    assert_string_equal(entries[0].hex, HASH);
    assert_string_equal(entries[1].hex, HASH);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_old_goes_to_the_trash),
        cmocka_unit_test(test_used_stays),
        cmocka_unit_test(test_restored_with_variants),
        cmocka_unit_test(test_restoring_keeps_what_is_there),
        cmocka_unit_test(test_trash_takes_the_newer_variants),
        cmocka_unit_test(test_reading_a_variant_brings_all_back),
        cmocka_unit_test(test_walk),
    };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
