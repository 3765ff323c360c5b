/* jobs_fixture.h: a hub's job server in this process, on a real Redis; workers are real ones or
 * played by hand. */
#pragma once

#include "state_fixture.h"

#include "gateway/gateway.h"
#include "gateway/jobs/jobserver.h"
#include "state/id.h"
#include "state/media.h"
#include "store/store_content.h"
#include "store/upload.h"
#include "workers/link.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define OPENCV "/usr/share/doc/opencv-doc/examples/data/"

enum { PATIENCE_MS = 120000 };

static struct {
    struct gateway gateway;
    struct slice url, owner;
    char folder[PATH_MAX];
    void (*end)(void); /* what a test has started beside it; or NULL */
    bool ending;
} hub;

#define WAIT_LONG(condition)                                                                       \
    do {                                                                                           \
        uint64_t until_ms = clock_ms() + PATIENCE_MS;                                              \
        while (!(condition)) {                                                                     \
            assert_true(clock_ms() < until_ms);                                                    \
            fiber_sleep(20);                                                                       \
        }                                                                                          \
    } while (0)

/* ---- the parts around ---- */

static inline void start_jobs(void)
{
    char *problem = NULL;

    hub.gateway.jobs = jobserver_start(&hub.gateway, hub.url, &problem);
    if (!hub.gateway.jobs)
        fail_msg("%s", problem);
}

static inline struct slice store_file(struct task *task, const char *path, size_t keep)
{
    struct upload *upload;
    struct slice sha256;
    char *bytes = mem_alloc(64 << 10);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    assert_true(fd >= 0);
    assert_int_equal(upload_begin(task, hub.gateway.store, 1 << 30, 0, &upload), OK);
    while (keep && (n = read(fd, bytes, keep < 64 << 10 ? keep : 64 << 10)) > 0) {
        assert_int_equal(upload_write(task, upload, (struct slice){bytes, (size_t)n}), OK);
        keep -= (size_t)n;
    }
    assert_int_equal(upload_keep(task, upload, &sha256), OK);
    close(fd);
    mem_free(bytes);
    return sha256;
}

static inline struct slice upload(struct task *task, const char *path, size_t keep,
                                  enum media_type type)
{
    struct media media = {.owner = hub.owner,
                          .filename = SLICE("file"),
                          .mime_type = SLICE("x/y"),
                          .type = type,
                          .sha256 = store_file(task, path, keep),
                          .size = 1};
    struct job job = {.kind = type == MEDIA_IMAGE ? JOB_IMAGE : JOB_VIDEO, .lane = LANE_FRESH};

    assert_int_equal(media_create(task, hub.gateway.state, &media, &job, NULL, NULL), OK);
    jobserver_wake(hub.gateway.jobs);
    return media.id;
}

static inline struct media look(struct task *task, struct slice id)
{
    struct media media;

    assert_int_equal(media_load(task, hub.gateway.state, id, &media), OK);
    return media;
}

/* The bytes of a variant, which must be those that its row tells of; empty: there is none. */
static inline struct slice variant_bytes(struct task *task, const struct media *media,
                                         enum variant variant)
{
    struct variant_made made;
    uint64_t size = 0;
    int fd;

    if (!variant_find(VARIANTS_OF(media), variant, &made) ||
        store_made_open(task, hub.gateway.store, media->sha256, variant, &made, &fd, &size) != OK)
        return SLICE_NONE;
    char *bytes = arena_alloc(task->arena, size);
    assert_int_equal(size, made.size);
    assert_int_equal(read(fd, bytes, size), size);
    close(fd);
    struct slice read = {bytes, size};
    assert_true(slice_starts_with(sha256_hex(task->arena, read), made.etag));
    return read;
}

/* In the store, whoever has named them. */
static inline size_t count_files(struct task *task, struct slice sha256)
{
    uint64_t later_ms = clock_unix_ms() + 1000;
    size_t n;

    store_variant_files(task->arena, hub.gateway.store, sha256, later_ms, &n);
    return n;
}

/* ---- a hub for each test ---- */

static inline enum err refuse(void *arg, struct task *task, struct slice token,
                              struct principal *out)
{
    return ERR_UNAUTHORIZED;
}

static inline enum err see_nothing(void *arg, struct task *task, const struct principal *principal,
                                   struct slice channel, struct slice resource_id)
{
    return ERR_NOT_FOUND;
}

/* As the hub's housekeeping does it. */
static inline void expire_leases(struct task *task, void *arg)
{
    while (!hub.ending) {
        assert_int_equal(job_expire_leases(task, hub.gateway.state), OK);
        fiber_sleep(500);
        arena_reset(task->arena);
    }
    hub.ending = false;
}

static void (*test_under_way)(struct task *task);

static inline void in_hub(struct task *task, struct state *state)
{
    static const struct realtime_hooks hooks = {.authenticate = refuse, .may_see = see_nothing};
    static const struct realtime_limits limits = {65536, 20, 100, 20, 100};
    char *problem = NULL;

    snprintf(hub.folder, sizeof hub.folder, "%s", redis_fixture_folder());
    hub.gateway = (struct gateway){.state = state};
    hub.gateway.store = store_open(arena_printf(task->arena, "%s/store", hub.folder), 0, &problem);
    assert_int_equal(store_mark(hub.gateway.store, SLICE("hub_test 1")), OK);
    hub.gateway.realtime = realtime_new(state, &hooks, &limits);
    hub.url = arena_printf(task->arena, "ipc://%s/jobs.ipc", hub.folder);
    hub.owner = id_new(task->arena, SLICE("user_"), 0);
    start_jobs();
    assert_true(task_spawn(expire_leases, NULL));
    test_under_way(task);
    if (hub.end)
        hub.end();
    jobserver_stop(hub.gateway.jobs);
    realtime_free(hub.gateway.realtime);
    store_close(hub.gateway.store);
    hub.ending = true;
    WAIT_LONG(!hub.ending);
}

static inline void run_in_hub(void (*test)(struct task *task))
{
    test_under_way = test;
    with_state(1, in_hub);
}

/* ---- a worker played by hand ---- */

static inline struct wire_message ask(struct task *task, struct link *link,
                                      struct wire_message question)
{
    struct wire_message answer;

    assert_true(link_ask(task, link, LINK_PULL, &question, 30000, &answer));
    return answer;
}

static inline struct wire_message ask_ready(struct task *task, struct link *link, uint64_t sequence)
{
    return ask(
        task, link,
        (struct wire_message){.type = WIRE_READY,
                              .ready = {SLICE("w"), SLICE("boot"), sequence, 7, WIRE_HOLD_WHOLE}});
}

static inline struct wire_message ask_accepted(struct task *task, struct link *link,
                                               struct slice lease)
{
    return ask(task, link, (struct wire_message){.type = WIRE_ACCEPTED, .accepted = {lease}});
}
