#include "scratch.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "store/layout.h"
#include "store/partial.h"
#include "store/store_content.h"
#include "store/upload.h"

enum { PLENTY = 1 << 30, BYTES = 3 * UPLOAD_BLOCK_BYTES + 77 };

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

static struct slice content(struct arena *arena, size_t n)
{
    char *bytes = arena_alloc(arena, n);

    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    return (struct slice){bytes, n};
}

static const struct upload_resumption all_of = {.name = SLICE_INIT("upl_A"),
                                                .proven_bytes = UINT64_MAX};

static struct upload *resume(struct task *task, const struct upload_resumption *how, uint64_t at)
{
    struct upload *upload;

    assert_int_equal(upload_resume(task, store, PLENTY, how, &upload), OK);
    assert_int_equal(upload_size(upload), at);
    return upload;
}

static void add(struct task *task, struct slice all, size_t from, size_t to)
{
    struct upload *upload = resume(task, &all_of, from);

    assert_int_equal(upload_write(task, upload, (struct slice){all.p + from, to - from}), OK);
    assert_int_equal(upload_pause(task, upload), OK);
}

static struct partial_look look(struct task *task)
{
    struct partial_look look;

    assert_int_equal(partial_look(task, store, all_of.name, &look), OK);
    return look;
}

static void keep_all(struct task *task, struct slice all)
{
    struct upload *upload = resume(task, &all_of, all.n);
    struct slice hash, head = upload_head(upload);
    uint64_t size;
    int fd;

    assert_true(slice_starts_with(all, head) && head.n > 0);
    assert_int_equal(upload_keep(task, upload, &hash), OK);
    assert_true(slice_eq(hash, sha256_hex(task->arena, all)));
    assert_int_equal(store_blob_open(task, store, hash, &fd, &size), OK);
    assert_int_equal(size, all.n);
    close(fd);
    /* Until it is removed it can be kept again. */
    assert_int_equal(look(task).size, all.n);
}

static const char *note_path(void)
{
    return scratch_path("store/partial/upl_A.hash");
}

static void go_on(struct task *task, void *arg)
{
    static const size_t cuts[] = {0, 1, 64, 1000, UPLOAD_BLOCK_BYTES, BYTES - 1, BYTES};
    struct slice all = content(task->arena, BYTES);

    assert_int_equal(look(task).size, 0);
    assert_int_equal(look(task).changed_ms, 0);
    for (size_t i = 0; i + 1 < COUNT_OF(cuts); i++) {
        add(task, all, cuts[i], cuts[i + 1]);
        assert_int_equal(look(task).size, cuts[i + 1]);
    }
    assert_true(look(task).changed_ms + 60000 > clock_unix_ms());
    keep_all(task, all);
    keep_all(task, all); /* as after a crash before the record */
    partial_remove(task, store, all_of.name);
    assert_int_equal(look(task).size, 0);
    assert_int_not_equal(access(note_path(), F_OK), 0);
}

static void test_goes_on(void **state)
{
    run_on_fiber(go_on, NULL);
}

/* A note that is torn, missing, or of bytes that are not there (any more) is none. */
static void forget_notes(struct task *task, void *arg)
{
    struct slice all = content(task->arena, BYTES);
    struct upload_resumption less = all_of;

    add(task, all, 0, 5000);
    assert_int_equal(truncate(note_path(), 50), 0);
    add(task, all, 5000, 6000);
    scratch_write("store/partial/upl_A.hash", SLICE("nonsense"), 0);
    add(task, all, 6000, 7000);
    assert_int_equal(unlink(note_path()), 0);
    add(task, all, 7000, 8000);
    less.proven_bytes = 6500;
    assert_int_equal(upload_pause(task, resume(task, &less, 6500)), OK);
    assert_int_equal(look(task).size, 6500);
    /* As a power cut may leave it: fewer bytes than the note has seen, and then others. */
    assert_int_equal(truncate(scratch_path("store/partial/upl_A"), 100), 0);
    struct upload *upload = resume(task, &all_of, 100);
    assert_int_not_equal(access(note_path(), F_OK), 0);
    assert_int_equal(upload_write(task, upload, (struct slice){all.p + 100, BYTES - 100}), OK);
    assert_int_equal(upload_pause(task, upload), OK);
    keep_all(task, all);
    partial_remove(task, store, all_of.name);
}

static void test_notes_that_do_not_fit(void **state)
{
    run_on_fiber(forget_notes, NULL);
}

static void take_back(struct task *task, void *arg)
{
    struct slice all = content(task->arena, BYTES);
    struct upload_resumption how = all_of;
    struct digest *digest = digest_new(SLICE("sha256"));
    uint8_t sum[DIGEST_BYTES_MAX];

    how.provisional = true;
    add(task, all, 0, 1000);
    struct upload *upload = resume(task, &how, 1000);
    assert_int_equal(upload_write(task, upload, (struct slice){all.p + 1000, BYTES - 1000}), OK);
    assert_int_equal(upload_digest(task, upload, 1000, digest), OK);
    struct slice seen = text_hex(task->arena, sum, digest_final(digest, sum));
    digest_free(digest);
    assert_true(
        slice_eq(seen, sha256_hex(task->arena, (struct slice){all.p + 1000, BYTES - 1000})));
    assert_int_equal(upload_rewind(task, upload, 1000), OK);
    assert_int_equal(look(task).size, 1000);
    add(task, all, 1000, BYTES);
    keep_all(task, all);
    partial_remove(task, store, all_of.name);
}

static void test_takes_back(void **state)
{
    run_on_fiber(take_back, NULL);
}

static void hold(struct task *task, void *arg)
{
    struct upload *upload = resume(task, &all_of, 0), *other;

    assert_int_equal(upload_resume(task, store, PLENTY, &all_of, &other), ERR_LOCKED);
    assert_int_equal(upload_write(task, upload, SLICE("abc")), OK);
    assert_int_equal(upload_pause(task, upload), OK);
    assert_int_equal(upload_resume(task, store, 2, &all_of, &other), OK);
    assert_int_equal(upload_write(task, other, SLICE("d")), ERR_PAYLOAD_TOO_LARGE);
    upload_drop(task, other);
    assert_int_equal(look(task).size, 0);
}

static void test_one_at_a_time(void **state)
{
    run_on_fiber(hold, NULL);
}

static void join(struct task *task, void *arg)
{
    struct slice all = content(task->arena, BYTES), hash;
    struct upload *whole;

    add(task, all, 0, BYTES);
    assert_int_equal(upload_begin(task, store, PLENTY, 0, &whole), OK);
    assert_int_equal(upload_append(task, whole, all_of.name), OK);
    assert_int_equal(upload_append(task, whole, all_of.name), OK);
    assert_int_equal(upload_append(task, whole, SLICE("upl_B")), ERR_NOT_FOUND);
    assert_int_equal(upload_keep(task, whole, &hash), OK);
    char *bytes = arena_alloc(task->arena, 2 * all.n);
    memcpy(bytes, all.p, all.n);
    memcpy(bytes + all.n, all.p, all.n);
    struct slice twice = {bytes, 2 * all.n};
    assert_true(slice_eq(hash, sha256_hex(task->arena, twice)));
    partial_remove(task, store, all_of.name);
}

static void test_pieces(void **state)
{
    run_on_fiber(join, NULL);
}

static void list(struct task *task, void *arg)
{
    struct slice names[4];
    uint64_t later_ms = clock_unix_ms() + 5000;

    add(task, SLICE("abc"), 0, 3);
    scratch_write("store/partial/.odd name", SLICE(""), 0);
    scratch_write("store/partial/what is this", SLICE(""), 0);
    assert_int_equal(partial_list(task->arena, store, 1, names, 4), 0);
    assert_int_equal(partial_list(task->arena, store, later_ms, names, 4), 2);
    assert_true(slice_eq(names[0], all_of.name) && slice_eq(names[1], all_of.name));
    assert_int_equal(partial_list(task->arena, store, later_ms, names, 1), 1);
    /* Nobody holds it: it is no remain for all that. */
    store_clean_incoming(store);
    assert_int_equal(look(task).size, 3);
    partial_remove(task, store, all_of.name);
}

static void test_lists(void **state)
{
    run_on_fiber(list, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_on),    cmocka_unit_test(test_notes_that_do_not_fit),
        cmocka_unit_test(test_takes_back), cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_pieces),     cmocka_unit_test(test_lists),
    };

    return cmocka_run_group_tests(tests, open_store, close_store);
}
