/* What becomes of the rows and files of variants when they are made anew, also where two records
 * have one original. The worker is played by hand. */
#include "gateway/jobs_fixture.h"
#include "media_fixture.h"

#include "state/pulse.h"

#include <string.h>

/* All tests share a store: each has an original of its own. */
static struct slice upload_cut(struct task *task, size_t bytes)
{
    return upload(task, OPENCV "fruits.jpg", bytes, MEDIA_IMAGE);
}

static struct wire_made keep(struct task *task, struct slice sha256, const char *plain,
                             struct slice bytes)
{
    struct variant_print print;
    char path[LAYOUT_PATH_MAX];
    int fd;

    assert_int_equal(store_incoming_open(hub.gateway.store, path, &fd), OK);
    assert_int_equal(write(fd, bytes.p, bytes.n), bytes.n);
    close(fd);
    assert_int_equal(store_variant_keep(hub.gateway.store, sha256, slice_from(plain), path, &print),
                     OK);
    return (struct wire_made){slice_from(plain), print.size,
                              arena_dup(task->arena, slice_from(print.etag))};
}

/* Does the next job, which must be that of this media: a small picture and a mask of these bytes,
 * and a large one that is what it always was. */
static void make(struct task *task, struct link *link, struct slice id, const char *bytes)
{
    static uint64_t sequence;
    struct wire_message offer = ask_ready(task, link, ++sequence);
    struct slice sha256 = look(task, id).sha256;
    struct wire_made made[] = {
        keep(task, sha256, "small.jpg", slice_from(bytes)),
        keep(task, sha256, "large.jpg", SLICE("always the same")),
        keep(task, sha256, "private.mask", slice_from(bytes)),
    };
    struct wire_message done = {.type = WIRE_DONE,
                                .done = {.lease = offer.job.lease,
                                         .made = made,
                                         .made_count = COUNT_OF(made),
                                         .results = {.width = 4, .height = 3}}};

    assert_int_equal(offer.type, WIRE_JOB);
    assert_true(slice_eq(offer.job.media, id));
    assert_int_equal(ask_accepted(task, link, offer.job.lease).type, WIRE_GO_ON);
    assert_int_equal(ask(task, link, done).type, WIRE_GO_ON);
}

static void make_anew(struct task *task, struct link *link, struct slice id, const char *bytes)
{
    struct media media = look(task, id);

    assert_int_equal(media_regenerate(task, hub.gateway.state, &media, media.variants,
                                      media.variant_count, JOB_IMAGE),
                     OK);
    jobserver_wake(hub.gateway.jobs);
    make(task, link, id, bytes);
}

static void has_bytes(struct task *task, struct slice id, const char *bytes)
{
    struct media media = look(task, id);

    assert_string_equal(arena_cstr(task->arena, variant_bytes(task, &media, VARIANT_SMALL)), bytes);
    assert_string_equal(arena_cstr(task->arena, variant_bytes(task, &media, VARIANT_PRIVATE)),
                        bytes);
    assert_string_equal(arena_cstr(task->arena, variant_bytes(task, &media, VARIANT_LARGE)),
                        "always the same");
}

/* Each serves what its own rows tell of, whatever was made for the other; what nobody names any
 * more goes when that is known, and what is the same stays. */
static void shared(struct task *task)
{
    const char *problem;
    struct link *link = link_open(hub.url, &problem);
    struct slice first = upload_cut(task, 20000);

    make(task, link, first, "one");
    struct slice second = upload_cut(task, 20000);
    struct media media = look(task, second);
    make(task, link, second, "one");
    assert_int_equal(count_files(task, media.sha256), 3);

    make_anew(task, link, first, "two");
    has_bytes(task, first, "two");
    has_bytes(task, second, "one");
    assert_int_equal(count_files(task, media.sha256), 5);
    make_anew(task, link, second, "2nd");
    has_bytes(task, first, "two");
    has_bytes(task, second, "2nd");
    assert_int_equal(count_files(task, media.sha256), 7);

    media = look(task, second);
    assert_int_equal(delete_media(task, hub.gateway.state, &media), OK);
    make_anew(task, link, first, "three");
    has_bytes(task, first, "three");
    assert_int_equal(count_files(task, media.sha256), 7); /* two less, two more */
    make_anew(task, link, first, "three");
    has_bytes(task, first, "three");
    assert_int_equal(count_files(task, media.sha256), 7);
    link_close(link);
}

static void test_shared(void **unused)
{
    run_in_hub(shared);
}

/* A back-up is copying what the records named when it began. */
static void made_anew_during_a_backup(struct task *task)
{
    const char *problem;
    struct link *link = link_open(hub.url, &problem);
    struct slice id = upload_cut(task, 20001);
    struct slice sha256 = look(task, id).sha256;

    make(task, link, id, "one");
    pulse_beat(hub.gateway.state, PULSE_BACKUP);
    make_anew(task, link, id, "two");
    has_bytes(task, id, "two");
    assert_int_equal(count_files(task, sha256), 5);
    link_close(link);
}

static void test_made_anew_during_a_backup(void **unused)
{
    run_in_hub(made_anew_during_a_backup);
}

/* What is no print is no row, whatever a worker says. */
static void wrong_print(struct task *task)
{
    const char *problem;
    struct link *link = link_open(hub.url, &problem);
    struct slice id = upload_cut(task, 20002);
    struct wire_message offer = ask_ready(task, link, 1);
    struct wire_made made[] = {
        {SLICE("small.jpg"), 3, SLICE("0123456789abcdef0123456789abcdeF")},
        {SLICE("other.jpg"), 3, SLICE("0123456789abcdef0123456789abcdef")},
    };
    struct wire_message done = {.type = WIRE_DONE,
                                .done = {.lease = offer.job.lease,
                                         .made = made,
                                         .made_count = COUNT_OF(made),
                                         .results = {.width = 4, .height = 3}}};

    assert_int_equal(ask_accepted(task, link, offer.job.lease).type, WIRE_GO_ON);
    assert_int_equal(ask(task, link, done).type, WIRE_GO_ON);
    assert_int_equal(look(task, id).status, MEDIA_READY);
    assert_int_equal(look(task, id).variant_count, 0);
    link_close(link);
}

static void test_wrong_print(void **unused)
{
    run_in_hub(wrong_print);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_made_anew_during_a_backup),
        cmocka_unit_test(test_wrong_print),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
