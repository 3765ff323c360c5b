/* Media: the record, and going through all of them. */
#include "media_fixture.h"
#include "state_by_hand.h"
#include "state_fixture.h"

#include "state/id.h"
#include "state/media.h"
#include "state/media_members.h"

#include <string.h>

static const struct slice sha =
    SLICE_INIT("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

static void record(struct task *task, struct state *state)
{
    unsigned last = state->partitions - 1;
    struct slice tags[] = {SLICE("sea"), SLICE("summer 2023")};
    struct slice variants[] = {SLICE("small image/jpeg 12 ab"), SLICE("private x 1 cd")};
    struct media media = {.owner = id_new(task->arena, SLICE("user_"), last),
                          .title = SLICE("Tür \"auf\"\n"),
                          .description = SLICE(""),
                          .filename = SLICE("DSC_1.JPG"),
                          .mime_type = SLICE("image/jpeg"),
                          .type = MEDIA_IMAGE,
                          .sha256 = sha,
                          .size = UINT64_C(5000000000),
                          .tags = tags,
                          .tag_count = 2,
                          .is_public = true,
                          .variants = variants,
                          .variant_count = 2,
                          .taken_ms = -12,
                          .metadata = SLICE("{\"camera\":\"x\"}")};
    struct media got;

    assert_int_equal(media_create(task, state, &media, NULL, NULL, NULL), OK);
    assert_int_equal(media.partition, last);
    assert_int_equal(media_load(task, state, media.id, &got), OK);
    assert_true(slice_eq(got.id, media.id));
    assert_true(slice_eq(got.owner, media.owner));
    assert_true(slice_eq(got.title, media.title));
    assert_true(slice_eq(got.filename, media.filename));
    assert_true(slice_eq(got.mime_type, media.mime_type));
    assert_true(slice_eq(got.sha256, sha));
    assert_true(slice_eq(got.metadata, media.metadata));
    assert_int_equal(got.type, MEDIA_IMAGE);
    assert_int_equal(got.status, MEDIA_PROCESSING);
    assert_true(got.size == media.size && got.taken_ms == -12 &&
                got.created_ms == media.created_ms);
    assert_int_equal(got.variant_count, 2);
    assert_true(slice_eq(got.variants[1], variants[1]));
    assert_true(got.is_public);
    assert_int_equal(got.tag_count, 2);
    assert_true(slice_eq(got.tags[1], SLICE("summer 2023")));

    struct media second = media;
    second.tag_count = 0;
    assert_int_equal(media_create(task, state, &second, NULL, NULL, NULL), OK);
    assert_true(slice_eq(hand_blob_count(task, state, last, sha), SLICE("2")));

    assert_int_equal(hand_count_owned(task, state, last, media.owner), 2);
    /* Deleted with tags that somebody has changed meanwhile. */
    hand_set_field(task, state, record_key(task->arena, &media), SLICE("tags"), SLICE("sea"));
    assert_int_equal(delete_media(task, state, &media), OK);
    assert_true(slice_eq(hand_blob_count(task, state, last, sha), SLICE("1")));
    assert_int_equal(delete_media(task, state, &second), OK);
    assert_int_equal(hand_blob_count(task, state, last, sha).n, 0);
    assert_int_equal(hand_count_owned(task, state, last, media.owner), 0);
    assert_int_equal(media_load(task, state, media.id, &got), ERR_NOT_FOUND);
    assert_int_equal(media_load(task, state, SLICE("media_nonsense"), &got), ERR_NOT_FOUND);
}

/* More than a page, from the oldest on, each once; many of one millisecond among them. */
static void all_of_them(struct task *task, struct state *state)
{
    enum { MANY = 3 * MEDIA_SCAN_PAGE };
    struct slice me = id_new(task->arena, SLICE("user_"), 0);
    uint64_t cursor = 0, count, before_ms = 0;
    size_t seen = 0, n;

    hand_make_media(task, state, me, MANY);
    do {
        struct media *media;

        assert_int_equal(media_scan(task, state, 0, &cursor, &media, &n), OK);
        for (size_t i = 0; i < n; i++) {
            assert_true(media[i].created_ms >= before_ms);
            before_ms = media[i].created_ms;
        }
        seen += n;
    } while (cursor);
    assert_int_equal(seen, MANY);
    assert_int_equal(media_count(task, state, 0, &count), OK);
    assert_int_equal(count, MANY);
}

/* Of an owner, and everybody's; a tag may have any letters. */
static void old_sets(struct task *task, struct state *state)
{
    static const char *const old[] = {"media_of:user_1:type:image", "media_of:user_1:tag:a:b",
                                      "media_all:type:image", "media_all:tag:type:"};
    static const char *const kept[] = {"media_of:user_1", "media_all", "media:media_1:tag:x"};

    for (size_t i = 0; i < COUNT_OF(old); i++)
        hand_call(task, state->durable, SLICE("ZADD"), state_key(task->arena, 0, "%s", old[i]),
                  SLICE("1"), SLICE("media_1"));
    for (size_t i = 0; i < COUNT_OF(kept); i++)
        hand_call(task, state->durable, SLICE("ZADD"), state_key(task->arena, 0, "%s", kept[i]),
                  SLICE("1"), SLICE("media_1"));
    assert_int_equal(media_forget_old_sets(task, state), OK);
    for (size_t i = 0; i < COUNT_OF(old); i++)
        assert_int_equal(hand_call(task, state->durable, SLICE("EXISTS"),
                                   state_key(task->arena, 0, "%s", old[i]))
                             .number,
                         0);
    for (size_t i = 0; i < COUNT_OF(kept); i++)
        assert_int_equal(hand_call(task, state->durable, SLICE("EXISTS"),
                                   state_key(task->arena, 0, "%s", kept[i]))
                             .number,
                         1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(1, record),
        STATE_TEST(3, record),
        STATE_TEST(1, all_of_them),
        STATE_TEST(1, old_sets),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
