#include "scratch.h"

#include "base/clock.h"
#include "base/memory.h"
#include "store/store_content.h"

#define HASH "abcd0123456789abcd0123456789abcd0123456789abcd0123456789abcd0123"

static struct store *open_here(const char *name)
{
    char *problem = NULL;
    struct store *store = store_open(slice_from(scratch_path(name)), 0, &problem);

    assert_non_null(store);
    return store;
}

static void read_open(struct arena *arena, int fd, uint64_t size, struct slice expected)
{
    char *bytes = arena_alloc(arena, expected.n);

    assert_int_equal(size, expected.n);
    assert_int_equal(read(fd, bytes, expected.n), expected.n);
    assert_memory_equal(bytes, expected.p, expected.n);
    close(fd);
}

static void open_missing(struct task *task, void *arg)
{
    struct store *store = open_here("missing");
    uint64_t size;
    int fd;
    static const char *const no_hashes[] = {
        "",
        "abc",
        "../../../../etc/passwd",
        "..........................................................passwd",
        "G123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "A123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0"};

    for (size_t i = 0; i < COUNT_OF(no_hashes); i++)
        assert_int_equal(store_blob_open(task, store, slice_from(no_hashes[i]), &fd, &size),
                         ERR_NOT_FOUND);
    assert_int_equal(store_blob_open(task, store, SLICE(HASH), &fd, &size), ERR_NOT_FOUND);
    assert_int_equal(store_variant_open(task, store, SLICE(HASH), SLICE("small.jpg"), &fd, &size),
                     ERR_NOT_FOUND);
    store_close(store);
}

static void test_missing(void **state)
{
    run_on_fiber(open_missing, NULL);
}

#define THUMBNAIL_ETAG "80f61f96184524ba54db767ed4948739"

static size_t keep_variant(struct store *store, struct slice bytes, struct variant_print *print)
{
    scratch_write("keep/incoming/b", bytes, 0);
    assert_int_equal(store_variant_keep(store, SLICE(HASH), SLICE("small.jpg"),
                                        scratch_path("keep/incoming/b"), print),
                     OK);
    assert_int_equal(print->size, bytes.n);
    assert_int_equal(scratch_count("keep/incoming"), 0);
    return scratch_count("keep/variants/" HASH);
}

/* Files are named by what they hold: the same twice is one, anything else leaves it alone. */
static void keep_thumbnails(struct task *task, struct store *store)
{
    struct variant_print print, other;
    uint64_t size;
    int fd;

    assert_int_equal(keep_variant(store, SLICE("thumbnail"), &print), 1);
    assert_string_equal(print.etag, THUMBNAIL_ETAG);
    assert_int_equal(keep_variant(store, SLICE("thumbnail"), &print), 1);
    assert_int_equal(keep_variant(store, SLICE("thumbnai1"), &other), 2);
    assert_string_not_equal(other.etag, THUMBNAIL_ETAG);
    assert_int_equal(store_variant_open(task, store, SLICE(HASH),
                                        SLICE("small-" THUMBNAIL_ETAG ".jpg"), &fd, &size),
                     OK);
    read_open(task->arena, fd, size, SLICE("thumbnail"));
}

static void keep_and_open(struct task *task, void *arg)
{
    struct store *store = open_here("keep");
    struct variant_print print;
    uint64_t size;
    int fd;

    scratch_write("keep/incoming/a", SLICE("original"), 0);
    assert_int_equal(store_blob_keep(store, SLICE(HASH), "incoming/a"), OK);
    assert_int_equal(store_blob_open(task, store, SLICE(HASH), &fd, &size), OK);
    read_open(task->arena, fd, size, SLICE("original"));

    keep_thumbnails(task, store);
    assert_int_equal(store_variant_keep(store, SLICE(HASH), SLICE("x.y"), "incoming/none", &print),
                     ERR_NOT_FOUND);
    store_close(store);
}

static void test_keep_and_open(void **state)
{
    run_on_fiber(keep_and_open, NULL);
}

/* What has come after the decision to remove stays. */
static void test_removal(void **state)
{
    struct arena *arena = arena_new();
    struct store *store = open_here("removal");
    uint64_t before_ms = clock_unix_ms() - 1000, after_ms;
    size_t n;

    assert_int_equal(mkdir(scratch_path("removal/variants/" HASH), 0700), 0);
    scratch_write("removal/variants/" HASH "/small.webp", SLICE("old"), 3600);
    scratch_write("removal/variants/" HASH "/large.jpg", SLICE("old"), 3600);
    store_variant_remove(store, SLICE(HASH), SLICE("small.webp"), before_ms);
    store_variant_files(arena, store, SLICE(HASH), before_ms, &n);
    assert_int_equal(n, 0);
    assert_int_equal(scratch_count("removal/variants/" HASH), 2);
    after_ms = clock_unix_ms() + 1000;
    struct slice *files = store_variant_files(arena, store, SLICE(HASH), after_ms, &n);
    assert_int_equal(n, 2);
    assert_true(slice_eq(files[0], SLICE("large.jpg")) || slice_eq(files[1], SLICE("large.jpg")));
    store_variant_remove(store, SLICE(HASH), SLICE("small.webp"), after_ms);
    store_variant_remove(store, SLICE(HASH), SLICE("small.webp"), after_ms);
    files = store_variant_files(arena, store, SLICE(HASH), after_ms, &n);
    assert_true(n == 1 && slice_eq(files[0], SLICE("large.jpg")));
    arena_free(arena);
    store_close(store);
}

static void open_from_trash(struct task *task, void *arg)
{
    struct store *store = open_here("trashed");
    uint64_t size;
    int fd;

    scratch_write("trashed/incoming/a", SLICE("wanted"), 0);
    assert_int_equal(store_blob_keep(store, SLICE(HASH), "incoming/a"), OK);
    char *blob = arena_cstr(task->arena, slice_from(scratch_path("trashed/blobs/ab/cd/" HASH)));
    assert_int_equal(rename(blob, scratch_path("trashed/trash/" HASH)), 0);

    assert_int_equal(store_blob_open(task, store, SLICE(HASH), &fd, &size), OK);
    read_open(task->arena, fd, size, SLICE("wanted"));
    assert_int_equal(scratch_count("trashed/trash"), 0);
    store_close(store);
}

static void test_trash_gives_back(void **state)
{
    run_on_fiber(open_from_trash, NULL);
}

static void test_remains_of_the_dead_go_at_open(void **state)
{
    struct store *store = open_here("stale");
    char path[LAYOUT_PATH_MAX];
    int fd;

    scratch_write("stale/incoming/remain", SLICE("x"), 0);
    assert_int_equal(store_incoming_open(store, path, &fd), OK);
    store_close(open_here("stale"));
    assert_int_equal(scratch_count("stale/incoming"), 1);
    close(fd);
    store_close(open_here("stale"));
    assert_int_equal(scratch_count("stale/incoming"), 0);
    store_close(store);
}

static void test_open_says_why_not(void **state)
{
    char *problem = NULL;

    scratch_write("file", SLICE("x"), 0);
    assert_null(store_open(slice_from(scratch_path("file")), 0, &problem));
    assert_non_null(strstr(problem, "cannot use"));
    assert_null(strchr(problem, '\n'));
    mem_free(problem);
}

static void test_folders_are_private(void **state)
{
    struct stat info;

    store_close(open_here("private"));
    assert_int_equal(stat(scratch_path("private/blobs"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
}

static void test_paths(void **state)
{
    char path[LAYOUT_PATH_MAX];

    layout_blob(path, SLICE(HASH));
    assert_string_equal(path, "blobs/ab/cd/" HASH);
    layout_variant(path, SLICE(HASH), SLICE("720p.mp4"));
    assert_string_equal(path, "variants/" HASH "/720p.mp4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_keep_and_open),
        cmocka_unit_test(test_removal),
        cmocka_unit_test(test_trash_gives_back),
        cmocka_unit_test(test_remains_of_the_dead_go_at_open),
        cmocka_unit_test(test_open_says_why_not),
        cmocka_unit_test(test_folders_are_private),
        cmocka_unit_test(test_paths),
    };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
