/* What accounts take against what they may, by many at once, by claims, and counted anew. */
#include "media_fixture.h"
#include "state_by_hand.h"
#include "state_fixture.h"

#include "state/id.h"
#include "state/media.h"

#define SHA "aaaac44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

enum { CROWD = 24 };

static struct media media_of(struct slice owner, uint64_t size)
{
    return (struct media){.owner = owner,
                          .title = SLICE("a"),
                          .description = SLICE(""),
                          .filename = SLICE("a.jpg"),
                          .mime_type = SLICE("image/jpeg"),
                          .type = MEDIA_IMAGE,
                          .status = MEDIA_READY,
                          .size = size,
                          .sha256 = SLICE(SHA)};
}

static struct slice new_owner(struct task *task, struct state *state)
{
    return id_new(task->arena, SLICE("user_"), state->partitions - 1);
}

static enum err create(struct task *task, struct state *state, struct slice owner, uint64_t size,
                       const struct usage_bound *bound, struct media *out)
{
    *out = media_of(owner, size);
    return media_create(task, state, out, NULL, NULL, bound);
}

static void assert_usage(struct task *task, struct state *state, struct slice owner, uint64_t bytes,
                         uint64_t items)
{
    struct usage_count count;
    struct usage used;

    assert_int_equal(usage_load(task, state, owner, &used), OK);
    assert_int_equal(used.bytes, bytes);
    assert_int_equal(used.items, items);
    assert_int_equal(usage_recount(task, state, owner, false, &count), OK);
    assert_true(count.known);
    assert_int_equal(count.recorded.bytes, count.counted.bytes);
    assert_int_equal(count.recorded.items, count.counted.items);
}

static void follows_the_records(struct task *task, struct state *state)
{
    const struct usage_bound bound = {.most = {.bytes = 100, .items = 3}};
    struct slice owner = new_owner(task, state);
    struct media first, second, third;

    assert_int_equal(create(task, state, owner, 60, &bound, &first), OK);
    assert_usage(task, state, owner, 60, 1);
    assert_int_equal(create(task, state, owner, 41, &bound, &second), ERR_QUOTA);
    assert_int_equal(media_load(task, state, second.id, &third), ERR_NOT_FOUND);
    assert_int_equal(create(task, state, owner, 40, &bound, &second), OK);
    assert_int_equal(create(task, state, owner, 0, &bound, &third), OK);
    assert_usage(task, state, owner, 100, 3);
    assert_int_equal(delete_media(task, state, &first), OK);
    assert_int_equal(delete_media(task, state, &first), ERR_NOT_FOUND);
    assert_usage(task, state, owner, 40, 2);
    assert_int_equal(create(task, state, owner, 1000, NULL, &first), OK); /* no bound */
    assert_usage(task, state, owner, 1040, 3);
    assert_int_equal(create(task, state, owner, 0, &bound, &first), ERR_QUOTA);
}

/* What was made before anything was counted, and what has gone wrong. */
static void is_counted_anew(struct task *task, struct state *state)
{
    unsigned partition = state->partitions - 1;
    struct slice owner = new_owner(task, state);
    struct usage_count count;
    struct media media;

    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(create(task, state, owner, 10, NULL, &media), OK);
    hand_forget_usage(task, state, partition, owner);
    assert_int_equal(delete_media(task, state, &media), OK); /* of nobody counted */
    assert_usage(task, state, owner, 20, 2);

    hand_count_wrong(task, state, partition, owner, 7, 1);
    assert_int_equal(usage_recount(task, state, owner, true, &count), OK);
    assert_int_equal(count.recorded.bytes, 7);
    assert_int_equal(count.counted.bytes, 20);
    assert_usage(task, state, owner, 20, 2);
}

static void claims_hold_and_end(struct task *task, struct state *state)
{
    struct slice owner = new_owner(task, state);
    struct usage_bound one = {.most = {.bytes = 100}}, two = one, ample = {.most = {1 << 30, 0}};
    struct media media;

    assert_int_equal(usage_claim(task, state, owner, 70, &ample), OK);
    assert_int_equal(ample.claim.n, 0);
    assert_int_equal(usage_claim(task, state, owner, 70, &one), OK);
    assert_true(one.claim.n > 0);
    assert_usage(task, state, owner, 70, 1);
    assert_int_equal(usage_claim(task, state, owner, 40, &two), ERR_QUOTA);
    usage_give_back(task, state, owner, &two); /* nothing was claimed */
    usage_give_back(task, state, owner, &one);
    usage_give_back(task, state, owner, &one);
    assert_usage(task, state, owner, 0, 0);

    assert_int_equal(usage_claim(task, state, owner, 70, &one), OK);
    assert_int_equal(create(task, state, owner, 70, &one, &media), OK);
    usage_give_back(task, state, owner, &one); /* it was spent */
    assert_usage(task, state, owner, 70, 1);
    assert_int_equal(usage_claim(task, state, owner, 31, &one), ERR_QUOTA);
}

/* A process died between its claim and its record, long ago. */
static void a_stale_claim_makes_room(struct task *task, struct state *state)
{
    unsigned partition = state->partitions - 1;
    struct slice owner = new_owner(task, state);
    struct usage_bound dead = {.most = {.bytes = 100}}, next = dead;
    struct media media;

    assert_int_equal(usage_claim(task, state, owner, 70, &dead), OK);
    assert_int_equal(usage_claim(task, state, owner, 70, &next), ERR_QUOTA);
    dead.claim_value = SLICE("70 1000");
    hand_put_claim(task, state, partition, owner, dead.claim, dead.claim_value);
    assert_int_equal(usage_claim(task, state, owner, 70, &next), OK);
    /* It was not dead, only slow: there is no room for both, and none is taken twice. */
    assert_int_equal(create(task, state, owner, 70, &dead, &media), ERR_QUOTA);
    assert_int_equal(create(task, state, owner, 70, &next, &media), OK);
    assert_usage(task, state, owner, 70, 1);
}

struct crowd {
    struct state *state;
    struct slice owner;
    bool claims;
    unsigned running, good, refused;
};

static void crowd_task(struct task *task, void *arg)
{
    struct crowd *crowd = arg;
    struct usage_bound bound = {.most = {.bytes = 100, .items = 7}};
    struct media media;
    enum err err = OK;

    if (crowd->claims)
        err = usage_claim(task, crowd->state, crowd->owner, 10, &bound);
    if (err == OK)
        err = create(task, crowd->state, crowd->owner, 10, &bound, &media);
    crowd->good += err == OK;
    crowd->refused += err == ERR_QUOTA;
    crowd->running--;
}

static void many_at_once(struct task *task, struct state *state)
{
    for (unsigned claims = 0; claims < 2; claims++) {
        struct crowd crowd = {state, new_owner(task, state), claims, CROWD, 0, 0};

        for (unsigned i = 0; i < CROWD; i++)
            assert_true(task_spawn(crowd_task, &crowd));
        WAIT_UNTIL(crowd.running == 0);
        assert_int_equal(crowd.good, 7);
        assert_int_equal(crowd.refused, CROWD - 7);
        assert_usage(task, state, crowd.owner, 70, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(1, follows_the_records),
        STATE_TEST(3, follows_the_records),
        STATE_TEST(1, is_counted_anew),
        STATE_TEST(3, is_counted_anew),
        STATE_TEST(1, claims_hold_and_end),
        STATE_TEST(3, claims_hold_and_end),
        STATE_TEST(1, a_stale_claim_makes_room),
        STATE_TEST(3, a_stale_claim_makes_room),
        STATE_TEST(1, many_at_once),
        STATE_TEST(3, many_at_once),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
