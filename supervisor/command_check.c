/* mediahub check [--repair] [options]: compares the store with the records, of a running hub or of
 * a stopped one, whose embedded Redis pair is then started for the time of the check. Exit status
 * 0: all is well, 1: there are findings, 2: it could not be checked. */
#include "supervisor/check.h"
#include "supervisor/command.h"

#include "base/loop.h"
#include "base/process.h"
#include "supervisor/data_folder.h"
#include "supervisor/plan.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLEAN, FINDINGS, UNCHECKED };
enum {
    FIBERS_MAX = 8,
    STATE_WAIT_MS = 5000,
    OWN_STATE_WAIT_MS = 60000, /* it may have a big AOF to read */
    REDIS_GRACE_MS = 30000,
};

struct session {
    struct arena *arena;
    struct config *config;
    struct check check;
    struct plan plan;
    bool own_redis;
    struct child *redis[2];
    size_t redis_left;
    int exit_status;
};

__attribute__((format(printf, 1, 2))) _Noreturn static void give_up(const char *format, ...)
{
    va_list args;

    fputs("mediahub: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(UNCHECKED);
}

/* -- Where things are ------------------------------------------------------------------------- */

/* In the data folder. */
static bool hub_is_running(void)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "run/state.sock"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool running = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;

    if (fd >= 0)
        close(fd);
    return running;
}

/* Makes the data folder the current one, held by us unless a hub holds it. */
static struct slice enter_data_folder(struct session *session, struct slice path)
{
    char *absolute = arena_alloc(session->arena, PATH_MAX);
    struct slice problem;

    if (chdir(arena_cstr(session->arena, path)) != 0 || !getcwd(absolute, PATH_MAX) ||
        access("redis/state", F_OK) != 0)
        give_up("there is no hub's data in %.*s", SLICE_ARG(path));
    session->own_redis = !hub_is_running();
    if (session->own_redis && !data_folder_enter(session->arena, slice_from(absolute), &problem).n)
        give_up("%.*s", SLICE_ARG(problem));
    return slice_from(absolute);
}

static struct slice absolute_path(struct arena *arena, struct slice start_folder, struct slice path)
{
    return path.p[0] == '/'
               ? path
               : arena_printf(arena, "%.*s/%.*s", SLICE_ARG(start_folder), SLICE_ARG(path));
}

static void prepare(struct session *session, int argc, char **argv)
{
    struct slice problem, data;
    char *start = arena_alloc(session->arena, PATH_MAX), *store_problem;

    session->config = process_settings(argc, argv, UNCHECKED);
    if (!getcwd(start, PATH_MAX))
        give_up("the current folder is gone");
    data = config_text(session->config, "data");
    if (config_text(session->config, "redis").n)
        data = absolute_path(session->arena, slice_from(start), data);
    else
        data = enter_data_folder(session, data);
    if (!plan_make(session->arena, session->config, data, slice_from(start), &session->plan,
                   &problem))
        give_up("%.*s", SLICE_ARG(problem));
    struct slice store =
        plan_store_folder(session->arena, session->config, data, slice_from(start));
    if (access(arena_cstr(session->arena, store), F_OK) != 0)
        give_up("there is no store %.*s", SLICE_ARG(store));
    session->check.store = store_open(store, 0, &store_problem);
    if (!session->check.store)
        give_up("%s", store_problem);
}

/* -- The Redis pair, when it is ours ---------------------------------------------------------- */

static void on_ready(void *arg, struct child *child)
{
}

/* It is started again; whether that helps, the check will see. */
static void on_death(void *arg, struct child *child, int status)
{
}

static void on_stopped(void *arg, struct child *child)
{
    struct session *session = arg;

    if (--session->redis_left == 0)
        child_watch_end();
}

static void start_redis(struct session *session)
{
    const struct child_watcher watcher = {session, on_ready, on_death, on_stopped};

    child_watch_begin(&watcher);
    session->redis_left = session->plan.redis_count;
    for (size_t i = 0; i < session->plan.redis_count; i++)
        session->redis[i] = child_start(&session->plan.redis[i]);
}

static void stop_redis(struct session *session)
{
    for (size_t i = session->plan.redis_count; i-- > 0;)
        child_stop(session->redis[i], REDIS_GRACE_MS);
}

/* -- The check -------------------------------------------------------------------------------- */

static void print_summary(const struct check *check)
{
    printf("checked %llu media, %llu backups and %llu blobs: %llu findings",
           (unsigned long long)check->media, (unsigned long long)check->backups,
           (unsigned long long)check->blobs, (unsigned long long)check->findings);
    if (check->repair)
        printf(", %llu repairs queued", (unsigned long long)check->queued);
    printf("\n");
}

static void run(struct task *task, void *arg)
{
    struct session *session = arg;
    struct check *check = &session->check;
    enum err err =
        state_wait(task, check->state, (unsigned)config_number(session->config, "partitions"),
                   session->own_redis ? OWN_STATE_WAIT_MS : STATE_WAIT_MS);

    if (err == OK)
        err = check_run(task, check);
    if (err == OK) {
        print_summary(check);
        session->exit_status = check->findings ? FINDINGS : CLEAN;
    } else {
        fprintf(stderr, "mediahub: the check could not be finished: %.*s\n",
                SLICE_ARG(err_row(err)->message));
    }
    state_close(check->state);
    if (session->own_redis)
        stop_redis(session);
}

/* Takes our own options out of argv; what is left are settings. */
static int take_options(int argc, char **argv, bool *repair)
{
    int left = 0;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--repair") == 0)
            *repair = true;
        else
            argv[left++] = argv[i];
    }
    return left;
}

int command_check(int argc, char **argv)
{
    static struct session session = {.exit_status = UNCHECKED};

    session.arena = arena_new();
    argc = take_options(argc, argv, &session.check.repair);
    prepare(&session, argc, argv);
    loop_init(FIBERS_MAX);
    if (session.own_redis)
        start_redis(&session);
    session.check.state = state_open(session.plan.redis_url, session.plan.redis_volatile_url);
    if (!session.check.state || !task_spawn(run, &session))
        give_up("%.*s is not the URL of a Redis server", SLICE_ARG(session.plan.redis_url));

    uv_run(loop_get(), UV_RUN_DEFAULT);

    for (size_t i = 0; session.own_redis && i < session.plan.redis_count; i++)
        child_free(session.redis[i]);
    store_close(session.check.store);
    config_free(session.config);
    arena_free(session.arena);
    return loop_fini() ? session.exit_status : UNCHECKED;
}
