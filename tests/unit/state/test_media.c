/* Media: the record, what a list finds and in which order. */
#include "media_fixture.h"
#include "state_by_hand.h"
#include "state_fixture.h"

#include "state/id.h"
#include "state/media.h"
#include "state/media_list.h"

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

    /* Deleted with tags that somebody has changed meanwhile: no index keeps it. */
    hand_set_field(task, state, record_key(task->arena, &media), SLICE("tags"), SLICE("sea"));
    assert_int_equal(delete_media(task, state, &media), OK);
    assert_true(slice_eq(hand_blob_count(task, state, last, sha), SLICE("1")));
    assert_int_equal(delete_media(task, state, &second), OK);
    assert_int_equal(hand_blob_count(task, state, last, sha).n, 0);
    assert_int_equal(hand_count_tagged(task, state, last, media.owner, "sea"), 0);
    assert_int_equal(media_load(task, state, media.id, &got), ERR_NOT_FOUND);
    assert_int_equal(media_load(task, state, SLICE("media_nonsense"), &got), ERR_NOT_FOUND);
}

enum { MINE = 25 };

/* 25 of mine: number i has title "Item <(i * 7) % 25>", size i * i % 26, every fifth a video, every
 * third tagged "three", taken on odd numbers only. And one of somebody else in each partition. */
static struct slice fill(struct task *task, struct state *state, struct slice ids[MINE])
{
    struct slice me = id_new(task->arena, SLICE("user_"), state->partitions - 1);
    struct slice tag = SLICE("three");

    for (unsigned i = 0; i < MINE; i++) {
        struct media media = {
            .owner = me,
            .title = arena_printf(task->arena, "%s %02u", i % 2 ? "Item" : "iTEM", i * 7 % MINE),
            .description = i == 4 ? SLICE("On the BEACH") : SLICE(""),
            .filename = i == 9 ? SLICE("beach.jpg") : SLICE("x.jpg"),
            .type = i % 5 ? MEDIA_IMAGE : MEDIA_VIDEO,
            .sha256 = sha,
            .size = i * i % 26,
            .tags = &tag,
            .tag_count = i % 3 == 0,
            .taken_ms = i % 2 ? INT64_C(4000000000000) + i
                        : i   ? 0
                              : INT64_C(-459791450000)};
        uint64_t then_ms = clock_unix_ms();

        while (clock_unix_ms() == then_ms)
            ;
        assert_int_equal(media_create(task, state, &media, NULL, NULL, NULL), OK);
        ids[i] = media.id;
    }
    for (unsigned i = 0; i < state->partitions; i++) {
        struct media media = {.owner = id_new(task->arena, SLICE("user_"), i),
                              .title = SLICE("beach"),
                              .sha256 = sha};

        assert_int_equal(media_create(task, state, &media, NULL, NULL, NULL), OK);
    }
    return me;
}

static void expect(struct task *task, struct state *state, struct media_filter filter,
                   const struct slice *ids, const char *numbers, uint64_t total)
{
    struct media *list;
    struct slice rest = slice_from(numbers), one;
    uint64_t got_total, number;
    size_t n;

    assert_int_equal(media_list(task, state, &filter, &list, &n, &got_total), OK);
    assert_int_equal(got_total, total);
    for (size_t i = 0; i < n; i++) {
        assert_true(slice_split(rest, ' ', &one, &rest));
        assert_true(slice_to_u64(one, &number));
        assert_true(slice_eq(list[i].id, ids[number]));
    }
    assert_false(rest.n > 0);
}

static void lists(struct task *task, struct state *state)
{
    struct slice ids[MINE], me = fill(task, state, ids);
    struct media_filter all = {.owner = me, .limit = 5}, f;

    expect(task, state, all, ids, "24 23 22 21 20", MINE);
    f = all, f.skip = 22;
    expect(task, state, f, ids, "2 1 0", MINE);
    f = all, f.skip = 25;
    expect(task, state, f, ids, "", MINE);
    f = all, f.skip = UINT64_MAX;
    expect(task, state, f, ids, "", MINE);
    f = all, f.ascending = true, f.skip = 3, f.limit = 2;
    expect(task, state, f, ids, "3 4", MINE);
    f = all, f.by_type = true, f.type = MEDIA_VIDEO;
    expect(task, state, f, ids, "20 15 10 5 0", 5);
    f = all, f.by_type = true, f.type = MEDIA_AUDIO;
    expect(task, state, f, ids, "", 0);
    f = all, f.tag = SLICE("three"), f.skip = 2;
    expect(task, state, f, ids, "18 15 12 9 6", 9);
    f = all, f.tag = SLICE("none");
    expect(task, state, f, ids, "", 0);
    /* By looking at the records: */
    f = all, f.tag = SLICE("three"), f.by_type = true, f.type = MEDIA_VIDEO;
    expect(task, state, f, ids, "15 0", 2);
    f = all, f.text = SLICE("beach");
    expect(task, state, f, ids, "9 4", 2);
    f.ascending = true;
    expect(task, state, f, ids, "4 9", 2);
    f = all, f.text = SLICE("item 2"), f.skip = 1, f.limit = 3;
    expect(task, state, f, ids, "14 10 7", 5);
    f = all, f.sort = MEDIA_SORT_TITLE, f.ascending = true;
    expect(task, state, f, ids, "0 18 11 4 22", MINE);
    f.ascending = false, f.skip = 23;
    expect(task, state, f, ids, "18 0", MINE);
    f = all, f.sort = MEDIA_SORT_SIZE, f.limit = 4;
    expect(task, state, f, ids, "21 5 19 7", MINE);
    f = all, f.sort = MEDIA_SORT_TAKEN, f.limit = 14;
    expect(task, state, f, ids, "23 21 19 17 15 13 11 9 7 5 3 1 24 22", MINE);
    f.ascending = true, f.limit = 2;
    expect(task, state, f, ids, "0 2", MINE);
    f = all, f.owner = SLICE("user_nobody");
    expect(task, state, f, ids, "", 0);
}

/* Everybody's, out of all partitions, in one order. */
static void everybody(struct task *task, struct state *state)
{
    struct slice ids[MINE];
    struct media_filter filter = {.limit = 100};
    struct media *list;
    uint64_t total;
    size_t n;

    fill(task, state, ids);
    assert_int_equal(media_list(task, state, &filter, &list, &n, &total), OK);
    assert_int_equal(total, MINE + state->partitions);
    assert_int_equal(n, total);
    for (size_t i = 1; i < n; i++)
        assert_true(list[i - 1].created_ms >= list[i].created_ms);
    assert_true(slice_eq(list[n - 1].id, ids[0]));
    filter.ascending = true, filter.skip = 1, filter.limit = 1;
    assert_int_equal(media_list(task, state, &filter, &list, &n, &total), OK);
    assert_true(n == 1 && slice_eq(list[0].id, ids[1]));
    filter = (struct media_filter){.limit = 100, .text = SLICE("beach")};
    assert_int_equal(media_list(task, state, &filter, &list, &n, &total), OK);
    assert_int_equal(total, 2 + state->partitions);
    filter = (struct media_filter){.limit = 100, .by_type = true, .type = MEDIA_VIDEO};
    assert_int_equal(media_list(task, state, &filter, &list, &n, &total), OK);
    assert_int_equal(n, 5);
    filter = (struct media_filter){.limit = 100, .skip = MEDIA_SCAN_MAX};
    assert_int_equal(media_list(task, state, &filter, &list, &n, &total), OK);
    assert_int_equal(n, 0);
}

/* More than a list looks at: 12,000 made by the server itself. */
static void large(struct task *task, struct state *state)
{
    struct slice me = id_new(task->arena, SLICE("user_"), 0);
    struct media_filter filter = {.owner = me, .limit = 20};
    struct media *list;
    uint64_t total;
    size_t n;

    hand_make_media(task, state, me, 12000);
    filter.skip = 11990;
    assert_int_equal(media_list(task, state, &filter, &list, &n, &total), OK);
    assert_int_equal(total, 12000);
    assert_int_equal(n, 10);
    assert_int_equal(list[9].created_ms, 1);

    uint64_t start_us = clock_us();
    filter.skip = 0, filter.sort = MEDIA_SORT_SIZE, filter.ascending = true;
    assert_int_equal(media_list(task, state, &filter, &list, &n, &total), OK);
    print_message("a list of %d records looked at: %d ms\n", MEDIA_SCAN_MAX,
                  (int)((clock_us() - start_us) / 1000));
    assert_int_equal(total, MEDIA_SCAN_MAX);
    assert_int_equal(list[0].size, 2001);
    filter = (struct media_filter){.owner = me, .limit = 20, .text = SLICE("nr 2500")};
    assert_int_equal(media_list(task, state, &filter, &list, &n, &total), OK);
    assert_true(total == 1 && list[0].size == 2500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(1, record), STATE_TEST(3, record),    STATE_TEST(1, lists),
        STATE_TEST(3, lists),  STATE_TEST(1, everybody), STATE_TEST(3, everybody),
        STATE_TEST(1, large),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
