/* Jobs from the record to the finished record: a real Redis, the job server in this process, the
 * real worker with its decode child beside it. */
#include "gateway/jobs_fixture.h"
#include "media_fixture.h"
#include "state_by_hand.h"

#include "gateway/jobs/job_outcome.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define FORENSICS "/usr/share/forensics-samples/original-files/"

enum { EVENTS_MAX = 64 };

static pid_t worker;

/* ---- the parts around ---- */

static void wait_worker(int signal)
{
    int status;

    assert_int_equal(waitpid(worker, &status, 0), worker);
    if (signal == SIGTERM)
        assert_int_equal(status, 0);
    worker = 0;
}

static void end_worker(int signal)
{
    kill(worker, signal);
    wait_worker(signal);
}

static void end_last_worker(void)
{
    if (worker)
        end_worker(SIGTERM);
}

static void start_worker(void)
{
    static char self[1024], path[1100], jobs[1200], store[PATH_MAX + 100], path_line[PATH_MAX];

    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    *strrchr(self, '/') = '\0';
    snprintf(path, sizeof path, "%s/../bin/mediahub-worker", self);
    snprintf(jobs, sizeof jobs, "MEDIAHUB_JOBS=%.*s", SLICE_ARG(hub.url));
    snprintf(store, sizeof store, "MEDIAHUB_STORE=%s/store", hub.folder);
    char *environment[] = {jobs, store, path_line, NULL};
    snprintf(path_line, sizeof path_line, "PATH=%s", getenv("PATH"));
    hub.end = end_last_worker;
    worker = fork();
    if (worker == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test ends without its clean-up */
        execle(path, path, (char *)NULL, environment);
        _exit(127);
    }
}

/* The newest process below the worker that is called so; 0: none. */
static pid_t child_of_worker(const char *name)
{
    char path[64], text[256], found_name[64];
    DIR *folder = opendir("/proc");
    struct dirent *entry;
    pid_t best = 0;

    while ((entry = readdir(folder))) {
        int pid, parent;

        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof path, "/proc/%.20s/stat", entry->d_name);
        FILE *file = fopen(path, "re");
        if (!file)
            continue;
        if (fgets(text, sizeof text, file) &&
            sscanf(text, "%d (%60[^)]) %*c %d", &pid, found_name, &parent) == 3 &&
            parent == worker && strcmp(found_name, name) == 0 && pid > best)
            best = pid;
        fclose(file);
    }
    closedir(folder);
    return best;
}

static struct media wait_not_processing(struct task *task, struct slice id)
{
    WAIT_LONG(look(task, id).status != MEDIA_PROCESSING);
    return look(task, id);
}

/* Types of all events of the partition so far, one after the other. */
static struct slice events(struct task *task)
{
    struct redis_value entries = hand_events(task, hub.gateway.state, 0);
    struct slice all = SLICE("");

    for (size_t i = 0; i < entries.n; i++) {
        const struct redis_value *fields = &entries.items[i].items[1];

        for (size_t f = 0; f < fields->n; f++) {
            enum event_type type;
            if (event_type_parse(fields->items[f].text, &type))
                all = arena_printf(task->arena, "%.*s %.*s", SLICE_ARG(all),
                                   SLICE_ARG(fields->items[f].text));
        }
    }
    return all;
}

static bool has(struct task *task, struct slice id, enum variant variant)
{
    struct media media = look(task, id);

    return variant_bytes(task, &media, variant).n > 0;
}

static size_t count_variants(struct task *task, struct slice id)
{
    size_t n = 0;

    for (enum variant v = 0; v < VARIANT_COUNT; v++)
        n += has(task, id, v);
    return n;
}

static size_t count_incoming(struct task *task)
{
    DIR *folder = opendir(arena_printf(task->arena, "%s/store/incoming", hub.folder).p);
    size_t n = 0;

    while (readdir(folder))
        n++;
    closedir(folder);
    return n - 2;
}

/* ---- tests ---- */

static void picture(struct task *task)
{
    struct stat socket;

    assert_int_equal(stat(hub.url.p + strlen("ipc://"), &socket), 0);
    assert_int_equal(socket.st_mode & 0777, 0600);
    start_worker();
    struct slice id = upload(task, FORENSICS "pic2/IMG_20200124_231153.jpg", SIZE_MAX, MEDIA_IMAGE);
    struct media media = wait_not_processing(task, id);

    assert_int_equal(media.status, MEDIA_READY);
    assert_int_equal(media.width, 4000);
    assert_int_equal(media.height, 3000);
    assert_int_equal(count_variants(task, id), 4);
    assert_true(has(task, id, VARIANT_PRIVATE));
    assert_true(media.taken_ms > 1579000000000);
    assert_non_null(strstr(arena_cstr(task->arena, media.metadata), "\"camera\":\"Xiaomi Mi A3\""));
    assert_non_null(strstr(arena_cstr(task->arena, media.metadata), "\"latitude\":-15.8"));
    assert_true(has(task, id, VARIANT_SMALL) && has(task, id, VARIANT_LARGE));
    assert_string_equal(arena_cstr(task->arena, events(task)),
                        " media.uploaded media.processing media.ready");
    assert_int_equal(count_incoming(task), 0);
}

static void test_picture(void **unused)
{
    run_in_hub(picture);
}

static void clip(struct task *task)
{
    start_worker();
    struct slice id =
        upload(task, FORENSICS "movie1/VID_20191220_170832.mp4", SIZE_MAX, MEDIA_VIDEO);
    struct media media = wait_not_processing(task, id);

    assert_int_equal(media.status, MEDIA_READY);
    assert_true(has(task, id, VARIANT_SMALL) && has(task, id, VARIANT_LARGE));
    assert_in_range(media.duration_ms, 1400, 1800);
    WAIT_LONG(has(task, id, VARIANT_720P));
    assert_string_equal(arena_cstr(task->arena, events(task)),
                        " media.uploaded media.processing media.ready media.updated");
}

static void test_clip(void **unused)
{
    run_in_hub(clip);
}

static void sound(struct task *task)
{
    start_worker();
    struct media media = wait_not_processing(
        task, upload(task, FORENSICS "audio1/debian.ogg", SIZE_MAX, MEDIA_AUDIO));

    assert_int_equal(media.status, MEDIA_READY);
    assert_int_equal(count_variants(task, media.id), 1);
    assert_true(has(task, media.id, VARIANT_PRIVATE));
    assert_in_range(media.duration_ms, 5000, 6000);
}

static void test_sound(void **unused)
{
    run_in_hub(sound);
}

static void broken(struct task *task)
{
    start_worker();
    struct slice photo =
        upload(task, FORENSICS "pic1/IMG_20200827_231612.jpg", 1000000, MEDIA_IMAGE);
    struct slice film = upload(task, OPENCV "fruits.jpg", 20000, MEDIA_VIDEO);
    struct media media = wait_not_processing(task, photo);

    assert_int_equal(media.status, MEDIA_FAILED);
    assert_string_equal(arena_cstr(task->arena, media.failure_code), "damaged");
    assert_true(media.failure_message.n > 0);
    assert_int_equal(wait_not_processing(task, film).status, MEDIA_FAILED);
    assert_non_null(strstr(arena_cstr(task->arena, events(task)), "media.failed"));
    assert_int_equal(count_incoming(task), 0);
    /* The next one is not hindered. */
    struct slice next = upload(task, OPENCV "fruits.jpg", SIZE_MAX, MEDIA_IMAGE);
    assert_int_equal(wait_not_processing(task, next).status, MEDIA_READY);
}

static void test_broken(void **unused)
{
    run_in_hub(broken);
}

static bool progress_is_known(struct task *task, struct slice id)
{
    struct redis_value entries = hand_progress(task, hub.gateway.state);

    for (size_t i = 0; i < entries.n; i++) {
        const struct redis_value *fields = &entries.items[i].items[1];

        if (slice_eq(redis_field(fields, SLICE("media")), id) &&
            slice_eq(redis_field(fields, SLICE("kind")), SLICE("transcode")))
            return true;
    }
    return false;
}

/* Gone, or dead and not collected: the first process of a container may collect nobody. */
static bool has_ended(pid_t pid)
{
    char path[64], state = 'Z';

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return true;
    bool known = fscanf(file, "%*d (%*[^)]) %c", &state) == 1;
    fclose(file);
    return !known || state == 'Z' || state == 'X';
}

/* Progress is told from the look before it on. */
static pid_t wait_ffmpeg(struct task *task)
{
    WAIT_LONG(child_of_worker("ffmpeg") > 0);
    return child_of_worker("ffmpeg");
}

static void killed_worker(struct task *task)
{
    start_worker();
    struct slice id = upload(task, OPENCV "vtest.avi", SIZE_MAX, MEDIA_VIDEO);

    WAIT_LONG(progress_is_known(task, id));
    pid_t ffmpeg = wait_ffmpeg(task);
    assert_true(ffmpeg > 0);
    end_worker(SIGKILL);
    WAIT_LONG(has_ended(ffmpeg));
    start_worker();
    WAIT_LONG(has(task, id, VARIANT_720P));
    assert_int_equal(look(task, id).status, MEDIA_READY);
}

static void test_killed_worker(void **unused)
{
    run_in_hub(killed_worker);
}

static bool leased(struct task *task)
{
    return hand_leased_jobs(task, hub.gateway.state) > 0;
}

/* Asked to end, a worker gives its job back at once and leaves nothing behind. */
static void stopped_worker(struct task *task)
{
    size_t left_by_others = count_incoming(task);

    start_worker();
    struct slice id = upload(task, OPENCV "vtest.avi", SIZE_MAX, MEDIA_VIDEO);

    WAIT_LONG(progress_is_known(task, id));
    pid_t ffmpeg = wait_ffmpeg(task);
    kill(worker, SIGTERM);
    WAIT_LONG(!leased(task));
    wait_worker(SIGTERM);
    assert_int_not_equal(kill(ffmpeg, 0), 0);
    assert_int_equal(count_incoming(task), left_by_others);
    start_worker();
    WAIT_LONG(has(task, id, VARIANT_720P));
}

static void test_stopped_worker(void **unused)
{
    run_in_hub(stopped_worker);
}

/* The first picture shows that the decoder is up: a worker asks for no job before its decoder has
   said so, and one that is stopped earlier never says it. */
static void killed_decoder(struct task *task)
{
    start_worker();
    struct slice first = upload(task, OPENCV "messi5.jpg", SIZE_MAX, MEDIA_IMAGE);
    assert_int_equal(wait_not_processing(task, first).status, MEDIA_READY);

    pid_t child = child_of_worker("mediahub-decode");
    kill(child, SIGSTOP);
    struct slice id = upload(task, OPENCV "fruits.jpg", SIZE_MAX, MEDIA_IMAGE);
    WAIT_LONG(leased(task));
    fiber_sleep(100);
    kill(child, SIGKILL);
    assert_int_equal(wait_not_processing(task, id).status, MEDIA_READY);
    assert_int_not_equal(child_of_worker("mediahub-decode"), child);
}

static void test_killed_decoder(void **unused)
{
    run_in_hub(killed_decoder);
}

static void killed_ffmpeg(struct task *task)
{
    start_worker();
    struct slice id = upload(task, OPENCV "vtest.avi", SIZE_MAX, MEDIA_VIDEO);

    WAIT_LONG(progress_is_known(task, id));
    kill(wait_ffmpeg(task), SIGKILL);
    WAIT_LONG(has(task, id, VARIANT_720P));
}

static void test_killed_ffmpeg(void **unused)
{
    run_in_hub(killed_ffmpeg);
}

/* The job server goes and comes back in mid-job: the same run is carried to its end. */
static void successor(struct task *task)
{
    start_worker();
    struct slice id = upload(task, OPENCV "vtest.avi", SIZE_MAX, MEDIA_VIDEO);

    WAIT_LONG(progress_is_known(task, id));
    pid_t ffmpeg = wait_ffmpeg(task);
    jobserver_stop(hub.gateway.jobs);
    start_jobs();
    fiber_sleep(1000);
    assert_int_equal(kill(ffmpeg, 0), 0);
    WAIT_LONG(has(task, id, VARIANT_720P));
}

static void test_successor(void **unused)
{
    run_in_hub(successor);
}

static void called_off(struct task *task)
{
    start_worker();
    /* Cut off, and thus with a hash of its own. */
    struct slice id = upload(task, OPENCV "vtest.avi", 7000000, MEDIA_VIDEO);

    WAIT_LONG(progress_is_known(task, id));
    struct media media = look(task, id);
    size_t files = count_files(task, media.sha256);
    assert_int_equal(delete_media(task, hub.gateway.state, &media), OK);
    WAIT_LONG(child_of_worker("ffmpeg") == 0);
    assert_int_equal(count_files(task, media.sha256), files);
    assert_int_equal(
        wait_not_processing(task, upload(task, OPENCV "fruits.jpg", SIZE_MAX, MEDIA_IMAGE)).status,
        MEDIA_READY);
}

static void test_called_off(void **unused)
{
    run_in_hub(called_off);
}

/* ---- the job server alone, with a worker played by hand ---- */

static struct wire_message ask_failed(struct task *task, struct link *link, struct slice lease)
{
    return ask(task, link,
               (struct wire_message){.type = WIRE_FAILED,
                                     .failed = {lease, WIRE_REASON_CRASHED, SLICE("boom"),
                                                SLICE("last words"), true, true}});
}

static void poison(struct task *task)
{
    const char *problem;
    struct link *link = link_open(hub.url, &problem);
    struct slice id = upload(task, OPENCV "fruits.jpg", SIZE_MAX, MEDIA_IMAGE);

    for (unsigned attempt = 1; attempt <= JOB_ATTEMPTS; attempt++) {
        struct wire_message offer = ask_ready(task, link, attempt);

        assert_int_equal(offer.type, WIRE_JOB);
        assert_int_equal(offer.job.attempt, attempt);
        assert_int_equal(offer.job.outputs_count, 4);
        assert_int_equal(ask_accepted(task, link, offer.job.lease).type, WIRE_GO_ON);
        assert_int_equal(look(task, id).status, MEDIA_PROCESSING);
        assert_int_equal(ask_failed(task, link, offer.job.lease).type, WIRE_GO_ON);
        /* Told twice, it counts once. */
        assert_int_equal(ask_failed(task, link, offer.job.lease).type, WIRE_CANCEL);
    }
    struct media media = look(task, id);
    assert_int_equal(media.status, MEDIA_FAILED);
    assert_string_equal(arena_cstr(task->arena, media.failure_code), "crashed");
    assert_string_equal(arena_cstr(task->arena, media.failure_message), "boom");
    assert_string_equal(arena_cstr(task->arena, events(task)),
                        " media.uploaded media.processing media.failed");
    link_close(link);
}

static void test_poison(void **unused)
{
    run_in_hub(poison);
}

static void not_taken(struct task *task)
{
    const char *problem;
    struct link *link = link_open(hub.url, &problem), *other = link_open(hub.url, &problem);

    upload(task, OPENCV "fruits.jpg", SIZE_MAX, MEDIA_IMAGE);
    struct wire_message first = ask_ready(task, link, 1);
    assert_int_equal(first.type, WIRE_JOB);
    /* Asking again says that the offer did not arrive. */
    struct wire_message second = ask_ready(task, link, 2);
    assert_int_equal(second.type, WIRE_JOB);
    assert_true(slice_eq(first.job.id, second.job.id));
    assert_false(slice_eq(first.job.lease, second.job.lease));
    assert_int_equal(ask_accepted(task, link, first.job.lease).type, WIRE_CANCEL);
    /* Never accepted: somebody else gets it when the offer has run out. */
    uint64_t started_ms = clock_ms();
    struct wire_message third =
        ask(task, other,
            (struct wire_message){.type = WIRE_READY,
                                  .ready = {SLICE("v"), SLICE("other"), 1, 7, WIRE_HOLD_PART}});
    assert_int_equal(third.type, WIRE_JOB);
    assert_in_range(clock_ms() - started_ms, 1000, 9000);
    assert_int_equal(ask_accepted(task, other, third.job.lease).type, WIRE_GO_ON);
    /* Its pipe closes: given back at once. */
    link_close(other);
    started_ms = clock_ms();
    struct wire_message fourth = ask_ready(task, link, 3);
    assert_int_equal(fourth.type, WIRE_JOB);
    assert_true(clock_ms() - started_ms < 1000);
    assert_int_equal(fourth.job.attempt, 1);
    link_close(link);
}

static void test_not_taken(void **unused)
{
    run_in_hub(not_taken);
}

static void test_tokens(void **unused)
{
    struct arena *arena = arena_new();
    struct job job = {.id = id_new(arena, SLICE("job_"), 2),
                      .partition = 2,
                      .kind = JOB_TRANSCODE,
                      .lane = LANE_ON_DEMAND,
                      .subject_id = id_new(arena, SLICE("media_"), 2),
                      .owner = id_new(arena, SLICE("user_"), 2),
                      .attempt = 3,
                      .lease = SLICE("-a_b")};
    struct job back, astray = job, foreign = job, otherwise = job;
    struct slice token = job_token(arena, &job);
    static const char *const wrong[] = {"", "x", ":::::::", "job_1:m:o:0:0:0:1:f"};

    assert_true(job_token_parse(token, 3, &back));
    assert_true(slice_eq(back.id, job.id) && slice_eq(back.subject_id, job.subject_id));
    assert_true(slice_eq(back.owner, job.owner) && slice_eq(back.lease, job.lease));
    assert_true(back.partition == 2 && back.kind == JOB_TRANSCODE && back.lane == LANE_ON_DEMAND);
    assert_int_equal(back.attempt, 3);
    assert_false(job_token_parse(token, 2, &back));
    astray.subject_id = id_new(arena, SLICE("media_"), 1);
    foreign.owner = id_new(arena, SLICE("user_"), 0);
    otherwise.subject = SUBJECT_ACCOUNT;
    assert_false(job_token_parse(job_token(arena, &otherwise), 3, &back));
    otherwise.subject_id = job.owner;
    assert_true(job_token_parse(job_token(arena, &otherwise), 3, &back));
    assert_true(back.subject == SUBJECT_ACCOUNT && slice_eq(back.subject_id, job.owner));
    assert_false(job_token_parse(job_token(arena, &astray), 3, &back));
    assert_false(job_token_parse(job_token(arena, &foreign), 3, &back));
    for (size_t i = 0; i <= token.n - job.lease.n; i++)
        assert_false(job_token_parse((struct slice){token.p, i}, 3, &back));
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_false(job_token_parse(slice_from(wrong[i]), 3, &back));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),         cmocka_unit_test(test_picture),
        cmocka_unit_test(test_clip),           cmocka_unit_test(test_sound),
        cmocka_unit_test(test_broken),         cmocka_unit_test(test_killed_worker),
        cmocka_unit_test(test_stopped_worker), cmocka_unit_test(test_killed_decoder),
        cmocka_unit_test(test_killed_ffmpeg),  cmocka_unit_test(test_successor),
        cmocka_unit_test(test_called_off),     cmocka_unit_test(test_poison),
        cmocka_unit_test(test_not_taken),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
