#include "supervisor/visit.h"

#include "base/loop.h"
#include "base/process.h"
#include "bond/bond.h"
#include "state/keyring.h"
#include "supervisor/data_folder.h"
#include "supervisor/redis_words.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FIBERS_MAX = 16,
    STATE_WAIT_MS = 5000,
    OWN_STATE_WAIT_MS = 60000, /* it may have a big AOF to read */
    REDIS_GRACE_MS = 30000,
};

static int status_of(const struct visit *visit)
{
    return visit->failure ? visit->failure : EXIT_FAILURE;
}

int visit_failed(const struct visit *visit, const char *format, ...)
{
    va_list args;

    fputs("mediahub: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return status_of(visit);
}

/* -- Where things are ------------------------------------------------------------------------- */

static struct slice absolute(struct arena *arena, struct slice start_folder, struct slice path)
{
    return path.p[0] == '/'
               ? path
               : arena_printf(arena, "%.*s/%.*s", SLICE_ARG(start_folder), SLICE_ARG(path));
}

static void find_data(struct visit *visit)
{
    struct slice path = config_text(visit->config, "data"), problem;
    bool running;

    if (config_text(visit->config, "redis").n) {
        visit->data = absolute(visit->arena, visit->start_folder, path);
        return;
    }
    visit->data = data_folder_visit(visit->arena, path, &running, &problem);
    if (!visit->data.n)
        exit(visit_failed(visit, "%.*s", SLICE_ARG(problem)));
    visit->own_redis = !running;
}

void visit_begin(struct visit *visit, int argc, char **argv)
{
    struct slice problem;

    visit->arena = arena_new();
    char *start = arena_alloc(visit->arena, PATH_MAX);
    visit->config = process_settings(argc, argv, status_of(visit));
    if (!getcwd(start, PATH_MAX))
        exit(visit_failed(visit, "the current folder is gone"));
    visit->start_folder = slice_from(start);
    find_data(visit);
    visit->store_folder =
        plan_store_folder(visit->arena, visit->config, visit->data, visit->start_folder);
    visit->key_file = plan_key_file(visit->arena, visit->config, visit->data, visit->start_folder);
    if (!plan_make(visit->arena, visit->config, visit->data, visit->start_folder, &visit->plan,
                   &problem))
        exit(visit_failed(visit, "%.*s", SLICE_ARG(problem)));
}

struct store *visit_store(struct task *task, struct visit *visit)
{
    struct slice folder = visit->store_folder, problem;
    struct store *store = NULL;
    enum err err = OK;

    if (access(arena_cstr(task->arena, folder), F_OK) != 0)
        visit_failed(visit, "there is no store %.*s", SLICE_ARG(folder));
    else
        err = bond_open_store(task, visit->state, folder, 0, &store, &problem);
    if (err != OK)
        visit_failed(visit, "%.*s", SLICE_ARG(problem.n ? problem : err_row(err)->message));
    return store;
}

bool visit_key(struct task *task, struct visit *visit)
{
    struct slice problem;
    enum err err = keyring_unlock(task, visit->state, visit->key_file, &problem);

    if (err != OK)
        visit_failed(visit, "%.*s", SLICE_ARG(problem.n ? problem : err_row(err)->message));
    return err == OK;
}

/* -- The Redis pair, when it is ours ---------------------------------------------------------- */

static void on_ready(void *arg, struct child *child)
{
}

/* One that cannot start has said why. Killed, it is started again; the command will see. */
static void on_death(void *arg, struct child *child, int status)
{
    struct visit *visit = arg;
    struct slice name = slice_from(child_name(child));

    if (!WIFEXITED(status) || visit->given_up)
        return;
    visit->given_up = true;
    visit_failed(visit, "%.*s", SLICE_ARG(redis_last_words(visit->arena, name, visit->data)));
    state_close(visit->state); /* ends every wait, so that the task comes to its end */
}

static void on_stopped(void *arg, struct child *child)
{
    struct visit *visit = arg;

    if (--visit->redis_left == 0)
        child_watch_end();
}

static void start_redis(struct visit *visit)
{
    const struct child_watcher watcher = {visit, on_ready, on_death, on_stopped};

    child_watch_begin(&watcher);
    visit->redis_left = visit->plan.redis_count;
    for (size_t i = 0; i < visit->plan.redis_count; i++)
        visit->redis[i] = child_start(&visit->plan.redis[i]);
}

static void stop_redis(struct visit *visit)
{
    for (size_t i = visit->plan.redis_count; i-- > 0;)
        child_stop(visit->redis[i], REDIS_GRACE_MS);
}

/* -- The visit -------------------------------------------------------------------------------- */

static bool is_kept(struct task *task, struct visit *visit)
{
    struct slice problem;
    enum err err =
        visit->any_store ? OK : bond_state_kept(task, visit->state, visit->store_folder, &problem);

    if (err != OK)
        visit_failed(visit, "%.*s", SLICE_ARG(problem.n ? problem : err_row(err)->message));
    return err == OK;
}

static void run(struct task *task, void *arg)
{
    struct visit *visit = arg;
    uint64_t limit_ms = visit->own_redis ? OWN_STATE_WAIT_MS : STATE_WAIT_MS;
    enum err err =
        state_wait(task, visit->state, (unsigned)config_number(visit->config, "partitions"),
                   limit_ms, limit_ms);

    if (err == OK && !visit->given_up)
        visit->exit_status = is_kept(task, visit) ? visit->fn(task, visit) : status_of(visit);
    else if (err == ERR_STATE_UNAVAILABLE || visit->given_up) /* said already */
        visit->exit_status = status_of(visit);
    else
        visit->exit_status = visit_failed(visit, "%.*s", SLICE_ARG(err_row(err)->message));
    if (!visit->given_up)
        state_close(visit->state);
    visit->given_up = true;
    if (visit->own_redis)
        stop_redis(visit);
}

int visit_run(struct visit *visit, int (*fn)(struct task *task, struct visit *visit))
{
    visit->fn = fn;
    loop_init(FIBERS_MAX);
    if (visit->own_redis)
        start_redis(visit);
    visit->state = state_open(visit->plan.redis_url, visit->plan.redis_volatile_url);
    if (!visit->state || !task_spawn(run, visit))
        exit(visit_failed(visit, "%.*s is not the URL of a Redis server",
                          SLICE_ARG(visit->plan.redis_url)));

    uv_run(loop_get(), UV_RUN_DEFAULT);

    for (size_t i = 0; visit->own_redis && i < visit->plan.redis_count; i++)
        child_free(visit->redis[i]);
    config_free(visit->config);
    arena_free(visit->arena);
    return loop_fini() ? visit->exit_status : status_of(visit);
}
