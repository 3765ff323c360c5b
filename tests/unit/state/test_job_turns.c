/* Whose job is next: short ones first, shares by time; and what is parked, listed and tried again.
 */
#include "media_fixture.h"
#include "state_by_hand.h"
#include "state_fixture.h"

#include "state/id.h"
#include "state/job_list.h"
#include "state/media.h"

enum { ANY = (1 << JOB_KIND_COUNT) - 1 };

static enum err claim(struct task *task, struct state *state, struct job *out)
{
    return job_claim(task, state, &(struct job_wish){.kinds = ANY}, out);
}

static struct account person(struct task *task, struct state *state)
{
    struct account account = {.id = id_new(task->arena, SLICE("user_"), 0),
                              .username = SLICE("somebody")};
    struct commit *commit = commit_new(task, state, 0);

    record_create(commit, &account);
    assert_int_equal(commit_send(commit), OK);
    return account;
}

/* A job of a certain cost, about nothing but its owner. */
static struct slice queue(struct task *task, struct state *state, const struct account *owner,
                          enum job_kind kind, enum job_lane lane, uint64_t cost_ms)
{
    struct commit *commit = commit_new(task, state, owner->partition);
    struct job job = {.kind = kind,
                      .lane = lane,
                      .cost_ms = cost_ms,
                      .subject = SUBJECT_ACCOUNT,
                      .subject_id = owner->id,
                      .owner = owner->id};

    job_enqueue(commit, &job);
    assert_int_equal(commit_send(commit), OK);
    return job.id;
}

static struct slice queue_film(struct task *task, struct state *state, const struct account *owner,
                               uint64_t cost_ms)
{
    return queue(task, state, owner, JOB_TRANSCODE, LANE_ON_DEMAND, cost_ms);
}

static struct slice next_owner(struct task *task, struct state *state)
{
    struct job got;

    assert_int_equal(claim(task, state, &got), OK);
    return got.owner;
}

/* Of one owner the short ones go first, but one that has waited longer than that goes before. */
static void short_first(struct task *task, struct state *state)
{
    struct account ann = person(task, state);
    struct slice film = queue_film(task, state, &ann, 60000);
    struct slice hour = queue_film(task, state, &ann, 3600000);
    struct slice clip = queue_film(task, state, &ann, 3000);
    struct slice order[] = {clip, film, hour};
    struct job got;

    for (size_t i = 0; i < COUNT_OF(order); i++) {
        assert_int_equal(claim(task, state, &got), OK);
        assert_true(slice_eq(got.id, order[i]));
    }
    struct slice old = queue_film(task, state, &ann, 60000);
    hand_age_job(task, state, "on_demand:transcode", ann.id, old, 3600000);
    queue_film(task, state, &ann, 3000);
    assert_int_equal(claim(task, state, &got), OK);
    assert_true(slice_eq(got.id, old));
}

/* Who has one short job passes who has a long one, and who has many; but the long one's turn comes
 * when as much work was given out as it takes itself. */
static void shares_go_by_time(struct task *task, struct state *state)
{
    struct account film = person(task, state), many = person(task, state);
    struct account one = person(task, state);
    unsigned before = 0;

    queue_film(task, state, &film, 100000);
    for (unsigned i = 0; i < 10; i++)
        queue_film(task, state, &many, 30000);
    queue_film(task, state, &one, 3000);
    assert_true(slice_eq(next_owner(task, state), one.id));
    /* 30 s, 60 s and 90 s end before 100 s, the fourth does not. */
    while (slice_eq(next_owner(task, state), many.id))
        before++;
    assert_in_range(before, 3, 4);
}

/* However many come with short ones, none waits for ever; and those that are late leave every other
 * turn to the rest. */
static void none_starves(struct task *task, struct state *state)
{
    struct account film = person(task, state), import = person(task, state);
    struct account one = person(task, state);
    struct slice late = queue_film(task, state, &film, 200000);
    struct job got;

    for (unsigned i = 0; i < 4; i++)
        queue_film(task, state, &one, 10000);
    assert_true(slice_eq(next_owner(task, state), one.id));
    hand_make_late(task, state, "on_demand:transcode", late);
    assert_int_equal(claim(task, state, &got), OK);
    assert_true(slice_eq(got.id, late));

    for (unsigned i = 0; i < 6; i++)
        hand_make_late(task, state, "fresh:image",
                       queue(task, state, &import, JOB_IMAGE, LANE_FRESH, 100));
    queue(task, state, &one, JOB_IMAGE, LANE_FRESH, 100);
    assert_true(slice_eq(next_owner(task, state), import.id));
    assert_true(slice_eq(next_owner(task, state), one.id));
}

/* Many of one account, and single ones of another in the middle of them. */
static void a_single_one_in_an_import(struct task *task, struct state *state)
{
    struct account many = person(task, state), one = person(task, state);
    unsigned waited;

    for (unsigned i = 0; i < 200; i++)
        queue(task, state, &many, JOB_IMAGE, LANE_FRESH, 100);
    for (unsigned i = 0; i < 50; i++)
        next_owner(task, state);
    for (unsigned round = 0; round < 20; round++) {
        queue(task, state, &one, JOB_IMAGE, LANE_FRESH, 100);
        for (waited = 0; !slice_eq(next_owner(task, state), one.id); waited++)
            assert_true(waited < 2);
    }
}

/* What a job has really taken counts, not what it was thought to. */
static void charged_by_what_it_took(struct task *task, struct state *state)
{
    struct account slow = person(task, state), quick = person(task, state);
    unsigned of_quick = 0;
    struct job got;

    for (unsigned i = 0; i < 12; i++) {
        queue(task, state, &slow, JOB_IMAGE, LANE_FRESH, 100);
        queue(task, state, &quick, JOB_IMAGE, LANE_FRESH, 100);
    }
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(claim(task, state, &got), OK);
        of_quick += slice_eq(got.owner, quick.id);
        if (slice_eq(got.owner, slow.id))
            assert_int_equal(job_charge(task, state, &got, 400), OK);
    }
    assert_in_range(of_quick, 9, 11);
}

/* Jobs that take a tenth of what was thought, for long: whoever comes then waits for none of it. */
static void cheaper_than_thought(struct task *task, struct state *state)
{
    struct account many = person(task, state), one = person(task, state);
    unsigned passed = 0;
    struct job got;

    for (unsigned i = 0; i < 80; i++)
        queue(task, state, &many, JOB_IMAGE, LANE_FRESH, 1000);
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(claim(task, state, &got), OK);
        assert_int_equal(job_charge(task, state, &got, -900), OK);
    }
    struct slice single = queue(task, state, &one, JOB_IMAGE, LANE_FRESH, 1000);
    while (claim(task, state, &got) == OK && !slice_eq(got.id, single)) {
        assert_int_equal(job_charge(task, state, &got, -900), OK);
        passed++;
    }
    assert_in_range(passed, 0, 2);
}

/* What was given out and not done is not charged: both have had the same. */
static void given_back(struct task *task, struct state *state)
{
    struct account ann = person(task, state), bob = person(task, state);
    struct job got;

    for (unsigned i = 0; i < 3; i++) {
        queue(task, state, &ann, JOB_IMAGE, LANE_FRESH, 1000);
        queue(task, state, &bob, JOB_IMAGE, LANE_FRESH, 1000);
    }
    assert_int_equal(claim(task, state, &got), OK);
    for (unsigned i = 0; i < 5; i++) {
        struct slice first = got.id;

        assert_int_equal(job_release(task, state, &got, false, SLICE_NONE), OK);
        assert_int_equal(job_charge(task, state, &got, -1000), OK);
        assert_int_equal(claim(task, state, &got), OK);
        assert_true(slice_eq(got.id, first));
    }
}

/* Who has a long job under way takes short ones of its kind, and all of the others. */
static void brief(struct task *task, struct state *state)
{
    struct account ann = person(task, state), bob = person(task, state);
    const struct job_wish wish = {.kinds = ANY, .brief = true, .brief_ms = 5000};
    struct slice film = queue_film(task, state, &ann, 60000);
    struct slice large = queue(task, state, &bob, JOB_VIDEO, LANE_FRESH, 9000);
    struct slice clip = queue_film(task, state, &bob, 3000);
    struct job got;

    assert_int_equal(job_claim(task, state, &wish, &got), OK);
    assert_true(slice_eq(got.id, large));
    assert_int_equal(job_claim(task, state, &wish, &got), OK);
    assert_true(slice_eq(got.id, clip));
    assert_int_equal(job_claim(task, state, &wish, &got), ERR_NOT_FOUND);
    assert_int_equal(claim(task, state, &got), OK);
    assert_true(slice_eq(got.id, film));
}

static struct job upload(struct task *task, struct state *state, struct slice owner,
                         struct media *media)
{
    struct job job = {.kind = JOB_IMAGE, .lane = LANE_FRESH};

    *media = (struct media){.owner = owner,
                            .title = SLICE("a title"),
                            .filename = SLICE("a.jpg"),
                            .mime_type = SLICE("image/jpeg"),
                            .type = MEDIA_IMAGE,
                            .sha256 = SLICE("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca4959"
                                            "91b7852b855"),
                            .size = 17};
    assert_int_equal(media_create(task, state, media, &job, NULL, NULL), OK);
    return job;
}

/* What an older version has left is handed out and listed. */
static void adopted(struct task *task, struct state *state)
{
    struct slice owner = id_new(task->arena, SLICE("user_"), 0);
    struct job_filter parked = {.owner = owner, .by_state = true, .state = JOB_PARKED, .limit = 10};
    struct media media;
    struct job got, *list, made = upload(task, state, owner, &media);
    uint64_t total;
    bool all = false;
    size_t n;

    hand_queue_as_before(task, state, "fresh:image", &made);
    assert_int_equal(claim(task, state, &got), ERR_NOT_FOUND);
    while (!all)
        assert_int_equal(job_adopt(task, state, &all), OK);
    assert_int_equal(claim(task, state, &got), OK);
    assert_true(slice_eq(got.id, made.id));
    assert_int_equal(media_park(task, state, &got, SLICE("damaged"), SLICE("it is"), SLICE_NONE),
                     OK);
    hand_forget_index(task, state, &got);
    assert_int_equal(job_list(task, state, &parked, &list, &n, &total), OK);
    assert_int_equal(n, 0);
    assert_int_equal(job_adopt(task, state, &all), OK);
    assert_int_equal(job_list(task, state, &parked, &list, &n, &total), OK);
    assert_true(n == 1 && total == 1 && slice_eq(list[0].id, made.id));
}

/* Parked with all that is known; queued again once; gone with its media. */
static void parked_and_retried(struct task *task, struct state *state)
{
    struct slice owner = id_new(task->arena, SLICE("user_"), 0);
    struct job_filter filter = {.owner = owner, .limit = 10};
    struct media media;
    struct job got, *list, made = upload(task, state, owner, &media);
    uint64_t total;
    size_t n;

    assert_int_equal(media_retry(task, state, made.id), ERR_CONFLICT);
    assert_int_equal(claim(task, state, &got), OK);
    assert_int_equal(media_park(task, state, &got, SLICE("damaged"), SLICE("it is broken"),
                                SLICE("line 1\nline 2")),
                     OK);
    assert_int_equal(job_list(task, state, &filter, &list, &n, &total), OK);
    assert_true(n == 1 && total == 1 && list[0].state == JOB_PARKED);
    assert_true(slice_eq(list[0].code, SLICE("damaged")));
    assert_true(slice_eq(list[0].reason, SLICE("it is broken")));
    assert_true(slice_eq(list[0].log, SLICE("line 1\nline 2")));

    assert_int_equal(media_retry(task, state, made.id), OK);
    assert_int_equal(media_retry(task, state, made.id), ERR_CONFLICT);
    assert_int_equal(media_load(task, state, media.id, &media), OK);
    assert_int_equal(media.status, MEDIA_PROCESSING);
    assert_int_equal(media.failure_code.n, 0);
    assert_int_equal(hand_parked_jobs(task, state), 0);
    assert_int_equal(claim(task, state, &got), OK);
    assert_true(slice_eq(got.id, made.id) && got.attempt == 1 && got.log.n == 0);
    assert_int_equal(media_park(task, state, &got, SLICE("damaged"), SLICE("again"), SLICE_NONE),
                     OK);
    assert_int_equal(delete_media(task, state, &media), OK);
    assert_int_equal(media_retry(task, state, made.id), ERR_NOT_FOUND);
    assert_int_equal(hand_remains_of_jobs(task, state), 0);
}

static void pages(struct task *task, struct state *state)
{
    struct account ann = person(task, state), bob = person(task, state);
    static const struct {
        bool of_ann, by_state;
        enum job_state state;
        uint64_t skip, n, total;
    } rows[] = {
        {true, false, JOB_QUEUED, 0, 5, 7}, {true, false, JOB_QUEUED, 5, 2, 7},
        {true, false, JOB_QUEUED, 9, 0, 7}, {false, false, JOB_QUEUED, 5, 3, 8},
        {true, true, JOB_LEASED, 0, 1, 1},  {true, true, JOB_QUEUED, 0, 5, 6},
        {true, true, JOB_PARKED, 0, 0, 0},  {false, true, JOB_QUEUED, 5, 2, 7},
    };
    struct job got, *list;
    uint64_t total;
    size_t n;

    for (unsigned i = 0; i < 7; i++)
        queue(task, state, &ann, JOB_IMAGE, LANE_FRESH, 100);
    queue(task, state, &bob, JOB_IMAGE, LANE_REGENERATION, 100);
    assert_int_equal(claim(task, state, &got), OK);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct job_filter filter = {.owner = rows[i].of_ann ? ann.id : SLICE_NONE,
                                    .by_state = rows[i].by_state,
                                    .state = rows[i].state,
                                    .skip = rows[i].skip,
                                    .limit = 5};

        assert_int_equal(job_list(task, state, &filter, &list, &n, &total), OK);
        assert_int_equal(n, rows[i].n);
        assert_int_equal(total, rows[i].total);
        for (size_t k = 0; k < n; k++)
            assert_true(!rows[i].by_state || list[k].state == rows[i].state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(1, short_first),
        STATE_TEST(1, shares_go_by_time),
        STATE_TEST(1, none_starves),
        STATE_TEST(1, a_single_one_in_an_import),
        STATE_TEST(1, charged_by_what_it_took),
        STATE_TEST(1, cheaper_than_thought),
        STATE_TEST(1, given_back),
        STATE_TEST(1, brief),
        STATE_TEST(1, adopted),
        STATE_TEST(1, parked_and_retried),
        STATE_TEST(1, pages),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
