/* The ring of recent publications: no holes, and the truth about any position. */
#include "unit.h"

#include "realtime/channel.h"
#include "realtime/history.h"

#include <stdio.h>
#include <string.h>

static void hash_of(uint64_t offset, char out[17])
{
    snprintf(out, 17, "%016llx", (unsigned long long)offset * 0x123456789);
}

static struct publication *make(uint64_t offset)
{
    struct event event = {.offset = offset, .owner = SLICE("user_1"), .resource = SLICE("media_1")};

    hash_of(offset, event.hash);
    return publication_new(&event, 1, message_new(OPCODE_TEXT, SLICE("x")));
}

static struct head head_at(uint64_t offset)
{
    struct head head = {.epoch = 5, .offset = offset};

    hash_of(offset, head.hash);
    return head;
}

static void start(struct history *history, size_t max, uint64_t base, uint64_t last)
{
    struct head head = head_at(base);

    history_init(history, max);
    history_start(history, &head);
    for (uint64_t offset = base + 1; offset <= last; offset++)
        history_append(history, make(offset));
}

static void check_range(const struct history *history, uint64_t base, uint64_t last)
{
    assert_int_equal(history->base.offset, base);
    assert_int_equal(history_head(history).offset, last);
    assert_null(history_at(history, base));
    assert_null(history_at(history, last + 1));
    for (uint64_t offset = base + 1; offset <= last; offset++)
        assert_int_equal(history_at(history, offset)->offset, offset);
}

static void keeps_the_newest(void **unused)
{
    struct history history;

    start(&history, 100, 0, 99);
    check_range(&history, 0, 99);
    for (uint64_t offset = 100; offset <= 1000; offset++) {
        history_append(&history, make(offset));
        check_range(&history, offset - 100, offset);
    }
    history_fini(&history);
}

static void says_whether_a_position_is_in_it(void **unused)
{
    static const struct {
        uint64_t epoch, offset;
        bool same_hash;
        enum history_answer answer;
    } cases[] = {
        {5, 900, true, HISTORY_HAS},     {5, 950, true, HISTORY_HAS},
        {5, 1000, true, HISTORY_HAS},    {5, 1001, true, HISTORY_NEWER},
        {5, 899, true, HISTORY_OLDER},   {5, 0, true, HISTORY_OLDER},
        {5, 900, false, HISTORY_FORKED}, {5, 1000, false, HISTORY_FORKED},
        {4, 950, true, HISTORY_FORKED},  {6, 2000, true, HISTORY_FORKED},
    };
    struct history history;

    start(&history, 100, 500, 1000);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct head head = head_at(cases[i].offset);

        head.epoch = cases[i].epoch;
        if (!cases[i].same_hash)
            head.hash[3] ^= 1;
        assert_int_equal(history_find(&history, &head), cases[i].answer);
    }
    history_fini(&history);
}

static void what_is_not_known_is_not_claimed(void **unused)
{
    struct history history;
    struct head unknown = {.epoch = 5, .offset = 10}, head = head_at(10);

    history_init(&history, 100);
    history_start(&history, &unknown);
    assert_int_equal(history_find(&history, &head), HISTORY_OLDER);
    history_append(&history, publication_hole(11));
    head = head_at(11);
    assert_int_equal(history_find(&history, &head), HISTORY_OLDER);
    history_append(&history, make(12));
    head = head_at(12);
    assert_int_equal(history_find(&history, &head), HISTORY_HAS);
    history_fini(&history);
}

static void can_be_lengthened_backwards(void **unused)
{
    struct publication *older[20];
    struct history history;
    struct head base = head_at(30);

    start(&history, 100, 50, 120);
    for (uint64_t i = 0; i < COUNT_OF(older); i++)
        older[i] = make(31 + i);
    /* Not leading up to it, of another history, too long. */
    assert_false(history_prepend(&history, &base, older, 19));
    base.epoch++;
    assert_false(history_prepend(&history, &base, older, 20));
    base.epoch--;
    older[19]->hash[0] ^= 1;
    assert_false(history_prepend(&history, &base, older, 20));
    older[19]->hash[0] ^= 1;
    history.max = 89;
    assert_false(history_prepend(&history, &base, older, 20));
    history.max = 100;
    check_range(&history, 50, 120);

    assert_true(history_prepend(&history, &base, older, 20));
    check_range(&history, 30, 120);
    assert_int_equal(history_find(&history, &base), HISTORY_HAS);
    for (uint64_t offset = 121; offset <= 300; offset++)
        history_append(&history, make(offset));
    check_range(&history, 200, 300);
    history_fini(&history);
}

static void starts_again_with_nothing(void **unused)
{
    struct history history;
    struct head head = head_at(7);

    start(&history, 10, 0, 10);
    uint64_t generation = history.generation;
    head.epoch = 6;
    history_start(&history, &head);
    assert_true(history.generation > generation);
    check_range(&history, 7, 7);
    assert_int_equal(history_find(&history, &head), HISTORY_HAS);
    history_fini(&history);
}

static void channels_come_from_the_schema(void **unused)
{
    int media = channel_find(SLICE("media_updates"));

    assert_int_not_equal(media, CHANNEL_NONE);
    assert_int_equal(channel_of_event(EVENT_MEDIA_READY), media);
    assert_true(channel_row(media)->has_history);
    assert_int_equal(channel_row(media)->policy, CHANNEL_GAP);
    assert_int_equal(channel_of_event(EVENT_SESSION_ENDED), CHANNEL_NONE);
    assert_int_equal(channel_find(SLICE("session")), CHANNEL_NONE);
    assert_int_equal(channel_find(SLICE("job_progress")), CHANNEL_JOB_PROGRESS);
    assert_false(channel_row(CHANNEL_JOB_PROGRESS)->has_history);
    assert_int_equal(channel_find(SLICE("")), CHANNEL_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_newest),
        cmocka_unit_test(says_whether_a_position_is_in_it),
        cmocka_unit_test(what_is_not_known_is_not_claimed),
        cmocka_unit_test(can_be_lengthened_backwards),
        cmocka_unit_test(starts_again_with_nothing),
        cmocka_unit_test(channels_come_from_the_schema),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
