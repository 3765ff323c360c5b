/* Who refers to which content, and going through all media. */
#include "media_fixture.h"
#include "state_fixture.h"

#include "state/blob.h"
#include "state/id.h"
#include "state/media.h"
#include "state/media_members.h"

#define A "aaaac44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define B "bbbbc44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* As records held them before there were rows. */
static struct slice number[] = {SLICE_INIT("7")};

static struct media create(struct task *task, struct state *state, unsigned partition,
                           struct slice sha256)
{
    struct media media = {.owner = id_new(task->arena, SLICE("user_"), partition),
                          .title = SLICE("a"),
                          .description = SLICE(""),
                          .filename = SLICE("a.jpg"),
                          .mime_type = SLICE("image/jpeg"),
                          .type = MEDIA_IMAGE,
                          .status = MEDIA_READY,
                          .variants = number,
                          .variant_count = 1,
                          .sha256 = sha256};

    assert_int_equal(media_create(task, state, &media, NULL, NULL, NULL), OK);
    return media;
}

static void references(struct task *task, struct state *state)
{
    const struct slice hashes[] = {SLICE(A), SLICE(B)};
    unsigned last = state->partitions - 1;
    bool referenced[2] = {true, true};
    uint64_t count;

    assert_int_equal(blob_referenced(task, state, hashes, 2, referenced), OK);
    assert_false(referenced[0] || referenced[1]);
    struct media first = create(task, state, 0, SLICE(A));
    struct media second = create(task, state, last, SLICE(A));
    assert_int_equal(blob_count(task, state, SLICE(A), &count), OK);
    assert_int_equal(count, 2);
    assert_int_equal(blob_count(task, state, SLICE(B), &count), OK);
    assert_int_equal(count, 0);
    assert_int_equal(blob_referenced(task, state, hashes, 2, referenced), OK);
    assert_true(referenced[0] && !referenced[1]);
    assert_int_equal(delete_media(task, state, &first), OK);
    assert_int_equal(blob_referenced(task, state, hashes, 2, referenced), OK);
    assert_true(referenced[0] && !referenced[1]);
    assert_int_equal(delete_media(task, state, &second), OK);
    assert_int_equal(blob_referenced(task, state, hashes, 2, referenced), OK);
    assert_false(referenced[0] || referenced[1]);
    assert_int_equal(blob_referenced(task, state, NULL, 0, NULL), OK);
}

static void known_since(struct task *task, struct state *state)
{
    uint64_t before_ms = clock_unix_ms(), since_ms;

    assert_int_equal(blob_known_since(task, state, &since_ms), ERR_NOT_FOUND);
    for (unsigned p = 0; p < state->partitions; p++)
        create(task, state, p, SLICE(A));
    assert_int_equal(blob_known_since(task, state, &since_ms), OK);
    assert_true(since_ms >= before_ms && since_ms <= clock_unix_ms());
}

enum { MANY = 600 };

static void scan(struct task *task, struct state *state)
{
    unsigned last = state->partitions - 1;
    size_t seen = 0, calls = 0, n;
    uint64_t cursor = 0;
    struct media *media;

    assert_int_equal(media_scan(task, state, last, &cursor, &media, &n), OK);
    assert_true(n == 0 && cursor == 0);
    for (size_t i = 0; i < MANY; i++)
        create(task, state, last, SLICE(A));
    do {
        assert_int_equal(media_scan(task, state, last, &cursor, &media, &n), OK);
        for (size_t i = 0; i < n; i++)
            assert_true(slice_eq(media[i].sha256, SLICE(A)) && media[i].partition == last);
        seen += n;
        calls++;
    } while (cursor);
    assert_true(seen >= MANY && calls > 1);
}

static void regenerate(struct task *task, struct state *state)
{
    struct media media = create(task, state, 0, SLICE(A)), now;
    struct slice rows[] = {SLICE("small image/jpeg - -"), SLICE("large image/jpeg - -")};
    struct job job;

    assert_int_equal(media_regenerate(task, state, &media, rows, 2, JOB_IMAGE), OK);
    assert_int_equal(media_load(task, state, media.id, &now), OK);
    assert_int_equal(now.variant_count, 2);
    assert_true(slice_eq(now.variants[1], rows[1]));
    assert_int_equal(now.status, MEDIA_READY);
    assert_int_equal(job_claim(task, state, &(struct job_wish){.kinds = 1u << JOB_IMAGE}, &job),
                     OK);
    assert_true(slice_eq(job.subject_id, media.id) && slice_eq(job.sha256, SLICE(A)));
    assert_int_equal(job.lane, LANE_REGENERATION);
    /* Asked for by somebody who read it before. */
    assert_int_equal(media_regenerate(task, state, &media, rows, 2, JOB_IMAGE), ERR_CONFLICT);
    assert_int_equal(delete_media(task, state, &now), OK);
    assert_int_equal(media_regenerate(task, state, &now, rows, 1, JOB_IMAGE), ERR_NOT_FOUND);
    assert_int_equal(job_claim(task, state, &(struct job_wish){.kinds = 1u << JOB_IMAGE}, &job),
                     ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(1, references),  STATE_TEST(3, references), STATE_TEST(1, known_since),
        STATE_TEST(3, known_since), STATE_TEST(1, scan),       STATE_TEST(3, scan),
        STATE_TEST(1, regenerate),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
