#include "scratch.h"

#include "base/memory.h"
#include "store/layout.h"
#include "store/store_errno.h"
#include "store/upload.h"

enum { BLOCK = UPLOAD_BLOCK_BYTES, PLENTY = 1 << 30 };

static struct store *store;

static int open_store(void **state)
{
    char *problem = NULL;

    if (scratch_setup(state) != 0)
        return -1;
    store = store_open(slice_from(scratch_path("store")), 0, &problem);
    return store ? 0 : -1;
}

static int close_store(void **state)
{
    store_close(store);
    return scratch_teardown(state);
}

static struct slice pattern(struct arena *arena, size_t n, unsigned seed)
{
    char *bytes = arena_alloc(arena, n);

    for (size_t i = 0; i < n; i++) {
        seed = seed * 1103515245u + 12345u;
        bytes[i] = (char)(seed >> 16);
    }
    return (struct slice){bytes, n};
}

static struct slice upload_all(struct task *task, struct slice content, size_t piece)
{
    struct upload *upload;
    struct slice hash;

    assert_int_equal(upload_begin(task, store, PLENTY, content.n, &upload), OK);
    for (size_t at = 0; at < content.n; at += piece) {
        size_t left = content.n - at;
        struct slice part = {content.p + at, left < piece ? left : piece};

        assert_int_equal(upload_write(task, upload, part), OK);
    }
    assert_int_equal(upload_size(upload), content.n);
    size_t head_n = content.n < UPLOAD_HEAD_BYTES ? content.n : UPLOAD_HEAD_BYTES;
    assert_true(slice_eq(upload_head(upload), (struct slice){content.p, head_n}));
    assert_int_equal(upload_keep(task, upload, &hash), OK);
    return hash;
}

static const char *blob_file(struct task *task, struct slice hash)
{
    char path[LAYOUT_PATH_MAX];

    layout_blob(path, hash);
    return arena_printf(task->arena, "store/%s", path).p;
}

static void keep_sizes(struct task *task, void *arg)
{
    static const struct {
        size_t n, piece;
    } rows[] = {
        {0, 1},
        {1, 1},
        {BLOCK - 1, BLOCK},
        {BLOCK, BLOCK},
        {BLOCK, 1000},
        {BLOCK + 1, BLOCK},
        {3 * BLOCK + 5, 7777},
        {9 * BLOCK, 3 * BLOCK},
        {20 << 20, 65520},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slice content = pattern(task->arena, rows[i].n, (unsigned)i);
        struct slice hash = upload_all(task, content, rows[i].piece);

        assert_true(slice_eq(hash, sha256_hex(task->arena, content)));
        assert_true(slice_eq(scratch_read(task->arena, blob_file(task, hash)), content));
        assert_int_equal(scratch_count("store/incoming"), 0);
    }
}

static void test_keeps_by_content(void **state)
{
    run_on_fiber(keep_sizes, NULL);
}

static void keep_twice(struct task *task, void *arg)
{
    struct slice content = pattern(task->arena, 100000, 99);
    const char *file = blob_file(task, upload_all(task, content, 5000));
    struct stat before, after;

    scratch_write(file, content, 10000);
    assert_int_equal(stat(scratch_path(file), &before), 0);
    upload_all(task, content, 6000);
    assert_int_equal(stat(scratch_path(file), &after), 0);
    assert_true(before.st_ino == after.st_ino);
    assert_true(after.st_mtime >= before.st_mtime + 9000);
    assert_int_equal(scratch_count("store/incoming"), 0);
}

static void test_same_content_is_one_blob_marked_as_used(void **state)
{
    run_on_fiber(keep_twice, NULL);
}

static void begin_and_drop(struct task *task, void *arg)
{
    struct slice content = pattern(task->arena, 2 * BLOCK, 5);
    struct upload *upload;

    assert_int_equal(upload_begin(task, store, PLENTY, 0, &upload), OK);
    assert_int_equal(upload_write(task, upload, content), OK);
    assert_int_equal(scratch_count("store/incoming"), 1);
    upload_drop(task, upload); /* a write is under way */
    upload_drop(task, NULL);
    assert_int_equal(scratch_count("store/incoming"), 0);
    assert_int_equal(upload_begin(task, store, PLENTY, 0, &upload), OK);
    upload_drop(task, upload);
}

static void test_drop_leaves_nothing(void **state)
{
    run_on_fiber(begin_and_drop, NULL);
    assert_int_equal(scratch_count("store/incoming"), 0);
}

static void past_the_limit(struct task *task, void *arg)
{
    struct upload *upload;

    assert_int_equal(upload_begin(task, store, 10, 0, &upload), OK);
    assert_int_equal(upload_write(task, upload, SLICE("0123456789")), OK);
    assert_int_equal(upload_write(task, upload, SLICE("!")), ERR_PAYLOAD_TOO_LARGE);
    upload_drop(task, upload);
}

static void test_limit(void **state)
{
    run_on_fiber(past_the_limit, NULL);
    assert_int_equal(scratch_count("store/incoming"), 0);
}

static void onto_a_full_disk(struct task *task, void *arg)
{
    char *problem = NULL;
    struct store *full = store_open(slice_from(scratch_path("full")), UINT64_MAX >> 1, &problem);
    struct upload *upload;

    assert_int_equal(upload_begin(task, full, PLENTY, 0, &upload), ERR_STORAGE_FULL);
    store_close(full);
    assert_int_equal(upload_begin(task, store, PLENTY, UINT64_MAX >> 1, &upload), ERR_STORAGE_FULL);
}

static void test_reserve_is_kept(void **state)
{
    run_on_fiber(onto_a_full_disk, NULL);
    assert_int_equal(scratch_count("full/incoming"), 0);
    assert_int_equal(store_errno("write", ENOSPC), ERR_STORAGE_FULL);
}

enum { CROWD = UPLOAD_CROWD + 20 };
static char hashes[CROWD][SHA256_HEX + 1];

static void race(struct task *task, void *arg)
{
    size_t number = *(const size_t *)arg;
    struct slice content = pattern(task->arena, 5 * BLOCK + 3, 1234);
    struct slice hash = upload_all(task, content, 1000 + 100 * number);

    memcpy(hashes[number], hash.p, hash.n);
}

static void test_many_at_once(void **state)
{
    static size_t numbers[CROWD];

    for (size_t i = 0; i < CROWD; i++) {
        numbers[i] = i;
        assert_true(task_spawn(race, &numbers[i]));
    }
    uv_run(loop_get(), UV_RUN_DEFAULT);
    for (size_t i = 0; i < CROWD; i++)
        assert_string_equal(hashes[i], hashes[0]);
    assert_int_equal(strlen(hashes[0]), SHA256_HEX);
    assert_int_equal(scratch_count("store/incoming"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_by_content),
        cmocka_unit_test(test_same_content_is_one_blob_marked_as_used),
        cmocka_unit_test(test_drop_leaves_nothing),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_reserve_is_kept),
        cmocka_unit_test(test_many_at_once),
    };

    return cmocka_run_group_tests(tests, open_store, close_store);
}
