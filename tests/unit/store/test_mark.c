#include "base/memory.h"
#include "scratch.h"
#include "store/mark.h"
#include "store/store.h"

static enum mark_found look(const char *folder, struct slice *mark)
{
    static struct arena *arena;

    arena_free(arena);
    arena = folder ? arena_new() : NULL;
    return folder ? mark_look(arena, slice_from(scratch_path(folder)), mark) : MARK_ABSENT;
}

static struct store *open_store(const char *name)
{
    char *problem = NULL;
    struct store *store = store_open(slice_from(scratch_path(name)), 0, &problem);

    assert_non_null(store);
    return store;
}

static void from_absent_to_marked(void **state)
{
    struct slice mark;

    assert_int_equal(look("one", &mark), MARK_ABSENT);
    struct store *store = open_store("one");
    assert_int_equal(look("one", &mark), MARK_EMPTY);
    assert_int_equal(mkdir(scratch_path("one/blobs/ab"), 0700), 0);
    assert_int_equal(look("one", &mark), MARK_NONE);
    assert_int_equal(store_mark(store, SLICE("hub_A 1")), OK);
    assert_int_equal(look("one", &mark), MARK_FOUND);
    assert_true(slice_eq(mark, SLICE("hub_A 1")));
    store_close(store);
}

static void what_is_no_mark(void **state)
{
    static const struct {
        const char *text;
        enum mark_found found;
    } cases[] = {
        {"mediahub store 1\nhub_A 1\n", MARK_FOUND},
        {"mediahub store 2\nwhatever\n", MARK_NEWER},
        {"mediahub store 12\nhub_A 1\n", MARK_NEWER},
        {"mediahub store 1\nhub_A 1", MARK_UNREADABLE},
        {"mediahub store 1\n\n", MARK_UNREADABLE},
        {"something else\n", MARK_UNREADABLE},
        {"", MARK_UNREADABLE},
        {"mediahub store 1\n0123456789012345678901234567890123456789012345678901234567890123456\n",
         MARK_UNREADABLE},
    };
    struct slice mark;

    store_close(open_store("two"));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scratch_write("two/hub", slice_from(cases[i].text), 0);
        if (look("two", &mark) != cases[i].found)
            fail_msg("case %zu", i);
    }
}

static void only_a_marked_store_is_joined(void **state)
{
    char *problem = NULL;
    struct stat info;

    assert_null(store_join(slice_from(scratch_path("three")), &problem));
    assert_int_equal(stat(scratch_path("three"), &info), -1);
    mem_free(problem);
    struct store *store = open_store("three");
    assert_null(store_join(slice_from(scratch_path("three")), &problem));
    assert_non_null(strstr(problem, "mounted"));
    mem_free(problem);
    store_mark(store, SLICE("hub_A 1"));
    struct store *joined = store_join(slice_from(scratch_path("three")), &problem);
    assert_non_null(joined);
    store_close(joined);
    store_close(store);
}

static void move(const char *from, const char *to)
{
    char source[512];

    snprintf(source, sizeof source, "%s", scratch_path(from));
    assert_int_equal(rename(source, scratch_path(to)), 0);
}

/* A disk that goes, leaves an empty mount point, and comes back; then another one in its place. */
static void a_store_that_leaves_its_place(void **state)
{
    struct store *store = open_store("four"), *other = open_store("other");

    assert_int_equal(store_check_place(store), OK); /* nobody's yet */
    store_mark(store, SLICE("hub_A 1"));
    store_mark(other, SLICE("hub_B 1"));
    assert_int_equal(store_check_place(store), OK);
    move("four", "away");
    assert_int_equal(store_check_place(store), ERR_STORE_UNAVAILABLE);
    assert_int_equal(mkdir(scratch_path("four"), 0700), 0);
    assert_int_equal(store_check_place(store), ERR_STORE_UNAVAILABLE);
    assert_int_equal(scratch_count("four"), 0);
    assert_int_equal(rmdir(scratch_path("four")), 0);
    move("other", "four");
    assert_int_equal(store_check_place(store), ERR_STORE_UNAVAILABLE);
    move("four", "other");
    move("away", "four");
    assert_int_equal(store_check_place(store), OK);
    store_close(store);
    store_close(other);
}

/* A folder of the same mark is the store, wherever the old one is; what is written goes there. */
static void a_store_that_is_mounted_anew(void **state)
{
    char path[LAYOUT_PATH_MAX];
    struct store *store = open_store("five");
    int fd;

    store_mark(store, SLICE("hub_A 1"));
    move("five", "old");
    struct store *again = open_store("five");
    store_mark(again, SLICE("hub_A 1"));
    assert_int_equal(store_check_place(store), OK);
    assert_int_equal(store_incoming_open(store, path, &fd), OK);
    assert_int_equal(scratch_count("five/incoming"), 1);
    assert_int_equal(scratch_count("old/incoming"), 0);
    close(fd);
    store_close(again);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_absent_to_marked),
        cmocka_unit_test(what_is_no_mark),
        cmocka_unit_test(only_a_marked_store_is_joined),
        cmocka_unit_test(a_store_that_leaves_its_place),
        cmocka_unit_test(a_store_that_is_mounted_anew),
    };
    int failed = cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);

    look(NULL, NULL);
    return failed;
}
