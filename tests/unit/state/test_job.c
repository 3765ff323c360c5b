/* Jobs: fair turns, fences, leases that end. */
#include "media_fixture.h"
#include "state_by_hand.h"
#include "state_fixture.h"

#include "state/id.h"
#include "state/job.h"
#include "state/media.h"
#include "state/stream.h"

#include <string.h>

enum { ANY = (1 << JOB_KIND_COUNT) - 1 };

static enum err claim(struct task *task, struct state *state, unsigned kinds, struct job *out)
{
    return job_claim(task, state, &(struct job_wish){.kinds = kinds}, out);
}

static struct media upload(struct task *task, struct state *state, struct slice owner,
                           enum job_kind kind, enum job_lane lane, struct job *job)
{
    struct media media = {.owner = owner,
                          .title = SLICE("a title"),
                          .filename = SLICE("a.jpg"),
                          .mime_type = SLICE("image/jpeg"),
                          .type = kind == JOB_IMAGE ? MEDIA_IMAGE : MEDIA_VIDEO,
                          .sha256 = SLICE("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b"
                                          "7852b855"),
                          .size = 17};

    *job = (struct job){.kind = kind, .lane = lane};
    assert_int_equal(media_create(task, state, &media, job, NULL, NULL), OK);
    return media;
}

static struct slice user(struct task *task, unsigned partition)
{
    return id_new(task->arena, SLICE("user_"), partition);
}

static void turns(struct task *task, struct state *state)
{
    unsigned last = state->partitions - 1;
    struct slice many = user(task, last), few = user(task, last);
    struct job made, got;
    unsigned of_few = 0;

    assert_int_equal(claim(task, state, ANY, &got), ERR_NOT_FOUND);
    for (unsigned i = 0; i < 20; i++)
        upload(task, state, many, JOB_IMAGE, LANE_FRESH, &made);
    struct job first, second;
    struct media media = upload(task, state, few, JOB_IMAGE, LANE_FRESH, &first);
    upload(task, state, few, JOB_IMAGE, LANE_FRESH, &second);

    /* One of the many, then one of the few, and so on. */
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(claim(task, state, ANY, &got), OK);
        assert_true(got.lease.n > 0);
        assert_int_equal(got.partition, last);
        if (!slice_eq(got.owner, few))
            continue;
        assert_true(slice_eq(got.id, of_few ? second.id : first.id));
        if (of_few++)
            continue;
        assert_true(slice_eq(got.subject_id, media.id));
        assert_true(slice_eq(got.sha256, media.sha256));
        assert_int_equal(got.kind, JOB_IMAGE);
        assert_int_equal(got.lane, LANE_FRESH);
        assert_int_equal(got.attempt, 1);
    }
    assert_int_equal(of_few, 2);
    /* The few have no more; the others follow without a gap. */
    for (unsigned i = 0; i < 18; i++)
        assert_int_equal(claim(task, state, ANY, &got), OK);
    assert_int_equal(claim(task, state, ANY, &got), ERR_NOT_FOUND);
}

static void lanes(struct task *task, struct state *state)
{
    struct slice a = user(task, 0);
    struct job slow, fresh, video, got;

    upload(task, state, a, JOB_IMAGE, LANE_REGENERATION, &slow);
    upload(task, state, a, JOB_VIDEO, LANE_FRESH, &video);
    upload(task, state, a, JOB_IMAGE, LANE_ON_DEMAND, &fresh);
    assert_int_equal(claim(task, state, 1 << JOB_TRANSCODE, &got), ERR_NOT_FOUND);
    assert_int_equal(claim(task, state, 1 << JOB_IMAGE, &got), OK);
    assert_true(slice_eq(got.id, fresh.id));
    assert_int_equal(claim(task, state, 1 << JOB_IMAGE, &got), OK);
    assert_true(slice_eq(got.id, slow.id));
    assert_int_equal(claim(task, state, 1 << JOB_IMAGE, &got), ERR_NOT_FOUND);
    assert_int_equal(claim(task, state, ANY, &got), OK);
    assert_true(slice_eq(got.id, video.id));
}

/* The deadline is over: the job is somebody else's, and the first holder can do nothing more. */
static void lease_over(struct task *task, struct state *state, const struct job *job)
{
    hand_end_lease(task, state, job);
    assert_int_equal(job_expire_leases(task, state), OK);
}

/* As a worker that has found 640 x 480 pixels; arg: the next job, or NULL. */
static struct media_outcome found(struct media *now, void *arg)
{
    now->status = MEDIA_READY;
    now->width = 640;
    now->height = 480;
    return (struct media_outcome){.event = EVENT_MEDIA_READY, .next = arg};
}

static void fences(struct task *task, struct state *state)
{
    unsigned last = state->partitions - 1;
    struct job made, old, new, next = {.kind = JOB_TRANSCODE, .lane = LANE_FRESH};
    struct media media = upload(task, state, user(task, last), JOB_VIDEO, LANE_FRESH, &made);

    assert_int_equal(claim(task, state, ANY, &old), OK);
    assert_int_equal(job_renew(task, state, &old), OK);
    assert_int_equal(job_expire_leases(task, state), OK); /* not due: stays */
    assert_int_equal(claim(task, state, ANY, &new), ERR_NOT_FOUND);

    lease_over(task, state, &old);
    assert_int_equal(job_renew(task, state, &old), ERR_CONFLICT);
    assert_int_equal(claim(task, state, ANY, &new), OK);
    assert_true(slice_eq(new.id, old.id));
    assert_false(slice_eq(new.lease, old.lease));
    assert_int_equal(new.attempt, 1); /* losing a lease does not count */

    /* The old holder comes back with its results. */
    uint64_t events = hand_count_events(task, state, last);
    assert_int_equal(media_finish(task, state, &old, found, &next), ERR_CONFLICT);
    assert_int_equal(media_processing(task, state, &old), ERR_CONFLICT);
    assert_int_equal(media_park(task, state, &old, SLICE("x"), SLICE("y"), SLICE("z")),
                     ERR_CONFLICT);
    assert_int_equal(job_renew(task, state, &old), ERR_CONFLICT);
    assert_int_equal(job_release(task, state, &old, true, SLICE("")), ERR_CONFLICT);
    assert_int_equal(hand_count_events(task, state, last), events);

    /* The new one: announced once, finished once, the next job in the same commit. */
    assert_int_equal(media_processing(task, state, &new), OK);
    assert_int_equal(media_processing(task, state, &new), OK);
    assert_int_equal(hand_count_events(task, state, last), events + 1);
    assert_int_equal(media_finish(task, state, &new, found, &next), OK);
    assert_int_equal(media_finish(task, state, &new, found, NULL), ERR_CONFLICT);
    assert_int_equal(hand_count_events(task, state, last), events + 2);
    assert_int_equal(media_load(task, state, media.id, &media), OK);
    assert_int_equal(media.status, MEDIA_READY);
    assert_int_equal(media.width, 640);
    assert_int_equal(claim(task, state, ANY, &old), OK);
    assert_int_equal(old.kind, JOB_TRANSCODE);
    assert_true(slice_eq(old.id, next.id));
    assert_true(slice_eq(old.subject_id, media.id));
}

struct work {
    struct state *state;
    struct job job;
    struct slice row; /* of the variant that it makes */
    enum { FINISHES, PARKS, EDITS, ANNOUNCES } does;
    enum err err;
    unsigned *running;
    struct arena *arena;
};

static struct media_outcome add_variant(struct media *now, void *arg)
{
    const struct work *work = arg;
    struct slice *rows = ARENA_ARRAY(work->arena, struct slice, now->variant_count + 1);

    for (size_t i = 0; i < now->variant_count; i++)
        rows[i] = now->variants[i];
    rows[now->variant_count++] = work->row;
    now->variants = rows;
    return (struct media_outcome){.event = EVENT_MEDIA_UPDATED};
}

static enum err retitle(struct media *now, void *arg)
{
    now->title = SLICE("edited");
    return OK;
}

static void work_task(struct task *task, void *arg)
{
    struct work *work = arg;
    struct media media;

    if (work->does == FINISHES)
        work->err = media_finish(task, work->state, &work->job, add_variant, work);
    else if (work->does == PARKS)
        work->err = media_park(task, work->state, &work->job, SLICE("damaged"), SLICE("is damaged"),
                               SLICE_NONE);
    else if (work->does == EDITS)
        work->err = media_change(task, work->state, work->job.subject_id, retitle, NULL, &media);
    else
        work->err = media_processing(task, work->state, &work->job);
    --*work->running;
}

/* A second job of the same media, leased. */
static struct job another(struct task *task, struct state *state, const struct media *media)
{
    struct commit *commit = commit_new(task, state, media->partition);
    struct job job = {.kind = JOB_TRANSCODE,
                      .lane = LANE_FRESH,
                      .subject_id = media->id,
                      .owner = media->owner,
                      .sha256 = media->sha256};

    job_enqueue(commit, &job);
    assert_int_equal(commit_send(commit), OK);
    assert_int_equal(claim(task, state, 1 << JOB_TRANSCODE, &job), OK);
    return job;
}

/* Thumbnails and rendition end at once, while the owner edits and a job is announced: all of it
 * holds. The records are from before there were revs. */
static void two_jobs_at_once(struct task *task, struct state *state)
{
    struct slice owner = user(task, 0);

    for (unsigned i = 0; i < 20; i++) {
        struct job made, job;
        struct media media = upload(task, state, owner, JOB_VIDEO, LANE_FRESH, &made);
        struct redis_value v;
        unsigned running = 4;

        assert_int_equal(claim(task, state, 1 << JOB_VIDEO, &job), OK);
        redis_command(task, state->durable, &v, SLICE("HDEL"), record_key(task->arena, &media),
                      SLICE("rev"));
        redis_command(task, state->durable, &v, SLICE("HDEL"), record_key(task->arena, &job),
                      SLICE("rev"));
        struct work works[] = {
            {state, job, SLICE("small"), FINISHES, OK, &running, task->arena},
            {state, another(task, state, &media), SLICE("720p"), i % 2 ? FINISHES : PARKS, OK,
             &running, task->arena},
            {state, job, SLICE_NONE, EDITS, OK, &running, NULL},
            {state, job, SLICE_NONE, ANNOUNCES, OK, &running, NULL},
        };
        works[3].job = works[1].job;
        for (size_t k = 0; k < COUNT_OF(works); k++)
            assert_true(task_spawn(work_task, &works[k]));
        WAIT_UNTIL(running == 0);
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(works[k].err, OK);
        assert_true(works[3].err == OK || works[3].err == ERR_CONFLICT);
        assert_int_equal(media_load(task, state, media.id, &media), OK);
        assert_int_equal(media.variant_count, i % 2 ? 2 : 1);
        assert_true(slice_eq(media.title, SLICE("edited")));
        assert_true(slice_eq(media.failure_code, i % 2 ? SLICE("") : SLICE("damaged")));
        assert_int_equal(media.rev, 3);
    }
}

static void attempts(struct task *task, struct state *state)
{
    struct slice owner = user(task, 0);
    struct job made, behind, job;
    struct media media = upload(task, state, owner, JOB_IMAGE, LANE_FRESH, &made);

    upload(task, state, owner, JOB_IMAGE, LANE_FRESH, &behind);
    assert_int_equal(claim(task, state, ANY, &job), OK);
    /* Given back without counting, as often as it likes, always to the head. */
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(job_release(task, state, &job, false, SLICE("")), OK);
        assert_int_equal(claim(task, state, ANY, &job), OK);
        assert_true(slice_eq(job.id, made.id));
        assert_int_equal(job.attempt, 1);
    }
    for (uint64_t i = 1; i < JOB_ATTEMPTS; i++) {
        assert_int_equal(job.attempt, i);
        assert_int_equal(job_release(task, state, &job, true, SLICE("crashed")), OK);
        assert_int_equal(claim(task, state, ANY, &job), OK);
        assert_true(slice_eq(job.id, made.id));
    }
    assert_int_equal(job.attempt, JOB_ATTEMPTS);
    assert_int_equal(job_release(task, state, &job, true, SLICE("crashed")), ERR_UNPROCESSABLE);
    assert_int_equal(media_park(task, state, &job, SLICE("decoder_died"), SLICE("three times"),
                                SLICE("the last words")),
                     OK);
    assert_int_equal(media_park(task, state, &job, SLICE("decoder_died"), SLICE("x"), SLICE_NONE),
                     ERR_CONFLICT);
    assert_int_equal(media_load(task, state, media.id, &media), OK);
    assert_int_equal(media.status, MEDIA_FAILED);
    assert_true(slice_eq(media.failure_code, SLICE("decoder_died")));
    assert_int_equal(hand_parked_jobs(task, state), 1);
    assert_int_equal(hand_leased_jobs(task, state), 0);
    assert_int_equal(claim(task, state, ANY, &job), OK);
    assert_true(slice_eq(job.id, behind.id));
}

/* A deleted media takes its jobs along, queued or running. */
static void media_gone(struct task *task, struct state *state)
{
    struct slice owner = user(task, 0);
    struct job queued, running, job;
    struct media a = upload(task, state, owner, JOB_IMAGE, LANE_FRESH, &running);
    struct media b = upload(task, state, owner, JOB_IMAGE, LANE_FRESH, &queued);

    assert_int_equal(claim(task, state, ANY, &job), OK);
    assert_int_equal(delete_media(task, state, &a), OK);
    assert_int_equal(delete_media(task, state, &a), ERR_NOT_FOUND);
    assert_int_equal(delete_media(task, state, &b), OK);
    assert_int_equal(media_finish(task, state, &job, found, NULL), ERR_NOT_FOUND);
    assert_int_equal(media_processing(task, state, &job), ERR_CONFLICT);
    assert_int_equal(job_renew(task, state, &job), ERR_CONFLICT);
    assert_int_equal(claim(task, state, ANY, &job), ERR_NOT_FOUND);
    assert_int_equal(hand_remains_of_media(task, state), 0);
}

/* A job may be about an account as well: it is handed out while that is there. */
static void about_an_account(struct task *task, struct state *state)
{
    struct account account = {.id = user(task, 0), .username = SLICE("ann")};
    struct redis_value v;
    struct job got;

    for (unsigned round = 0; round < 2; round++) {
        struct commit *commit = commit_new(task, state, 0);
        struct job job = {.kind = JOB_IMAGE,
                          .lane = LANE_FRESH,
                          .subject = SUBJECT_ACCOUNT,
                          .subject_id = account.id,
                          .owner = account.id};

        if (round == 0)
            record_create(commit, &account);
        job_enqueue(commit, &job);
        assert_int_equal(commit_send(commit), OK);
    }
    assert_int_equal(claim(task, state, ANY, &got), OK);
    assert_true(got.subject == SUBJECT_ACCOUNT && slice_eq(got.subject_id, account.id));
    redis_command(task, state->durable, &v, SLICE("DEL"), record_key(task->arena, &account));
    assert_int_equal(job_renew(task, state, &got), ERR_CONFLICT);
    assert_int_equal(claim(task, state, ANY, &got), ERR_NOT_FOUND);
}

/* A record from before subjects had kinds is about a media. */
static void without_a_subject(struct task *task, struct state *state)
{
    struct job made, got;
    struct media media = upload(task, state, user(task, 0), JOB_IMAGE, LANE_FRESH, &made);
    struct redis_value v;

    redis_command(task, state->durable, &v, SLICE("HDEL"), record_key(task->arena, &made),
                  SLICE("subject"));
    assert_int_equal(claim(task, state, ANY, &got), OK);
    assert_true(got.subject == SUBJECT_MEDIA && slice_eq(got.subject_id, media.id));
}

/* Looking for work where there is none, and renewing what is not held, writes nothing. */
static void idle(struct task *task, struct state *state)
{
    struct redis_value before, after;
    struct job job;

    redis_command(task, state->durable, &before, SLICE("INFO"), SLICE("persistence"));
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(claim(task, state, ANY, &job), ERR_NOT_FOUND);
        assert_int_equal(job_expire_leases(task, state), OK);
    }
    redis_command(task, state->durable, &after, SLICE("INFO"), SLICE("persistence"));
    const char *a = strstr(arena_cstr(task->arena, before.text), "aof_current_size:");
    const char *b = strstr(arena_cstr(task->arena, after.text), "aof_current_size:");
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(strcspn(a, "\r"), strcspn(b, "\r"));
    assert_memory_equal(a, b, strcspn(a, "\r"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(1, turns),
        STATE_TEST(3, turns),
        STATE_TEST(1, lanes),
        STATE_TEST(1, fences),
        STATE_TEST(3, fences),
        STATE_TEST(1, two_jobs_at_once),
        STATE_TEST(1, attempts),
        STATE_TEST(1, media_gone),
        STATE_TEST(1, idle),
        STATE_TEST(1, about_an_account),
        STATE_TEST(1, without_a_subject),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
