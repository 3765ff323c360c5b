/* mediahub-webhooks: the dispatcher as a program. */
#include "webhooks/dispatcher.h"

#include "base/loop.h"
#include "base/process.h"
#include "state/keyring.h"
#include "state/secret.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
    FIBERS_MAX = 4096,
    READY_POLL_MS = 10,
    GRACE_MS = 4000,
};

static struct {
    const struct config *config;
    struct arena *arena;
    struct target_policy policy;
    struct dispatcher_settings settings;
    struct dispatcher *dispatcher;
    bool stopping;
} program;

/* Every connection to a receiver is a descriptor. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void finish(void *arg)
{
    if (program.dispatcher)
        dispatcher_free(program.dispatcher);
    state_close(program.settings.state);
    process_stop_watching();
}

static void on_stop(void *arg)
{
    program.stopping = true;
    if (program.dispatcher)
        dispatcher_stop(program.dispatcher);
}

/* Redis may come later than we do, but not for ever. */
static bool wait_for_state(struct task *task)
{
    unsigned partitions = (unsigned)config_number(program.config, "partitions");
    enum err err =
        state_wait(task, program.settings.state, partitions,
                   config_number(program.config, "redis_wait") * 1000, STATE_TELL_AFTER_MS);

    if (err == ERR_STATE_UNAVAILABLE && !program.stopping)
        exit(EXIT_FAILURE);
    if (err != OK && !program.stopping)
        process_fail("the state server holds nothing that this version can read");
    return err == OK && !program.stopping;
}

static void open_key(struct task *task)
{
    struct slice problem;
    enum err err = keyring_unlock(task, program.settings.state,
                                  secret_key_file(program.arena, program.config), &problem);

    if (err != OK && !program.stopping)
        process_fail("%.*s", SLICE_ARG(problem.n ? problem : err_row(err)->message));
}

static void run(struct task *task, void *arg)
{
    if (!wait_for_state(task)) {
        finish(NULL);
        return;
    }
    open_key(task);
    if (program.stopping) {
        finish(NULL);
        return;
    }
    program.dispatcher = dispatcher_start(&program.settings, finish, NULL);
    while (!program.stopping && !dispatcher_ready(program.dispatcher))
        fiber_sleep(READY_POLL_MS);
    if (!program.stopping)
        process_ready();
}

static void read_settings(void)
{
    struct slice durable = config_text(program.config, "redis");
    struct slice volatile_url = config_text(program.config, "redis_volatile");

    if (durable.n == 0)
        process_fail("--redis is needed: the state server whose events are to be delivered");
    bool ok = target_policy_parse(
        program.arena, config_text(program.config, "webhooks.allow_private"), &program.policy);
    assert(ok); /* the setting's kind sees to that */
    (void)ok;
    program.settings.policy = &program.policy;
    program.settings.grace_ms = GRACE_MS;
    program.settings.bounds = delivery_bounds_from(program.config);
    program.settings.state = state_open(durable, volatile_url);
    if (!program.settings.state)
        process_fail("--redis or --redis-volatile is not a Redis URL");
}

int main(int argc, char **argv)
{
    process_init("mediahub-webhooks");
    struct config *config = process_config(argc, argv);

    program.config = config;
    program.arena = arena_new();
    raise_descriptor_limit();
    uv_loop_t *loop = loop_init(FIBERS_MAX);
    read_settings();
    process_on_stop(loop, on_stop, NULL);
    if (!task_spawn(run, NULL))
        abort();
    uv_run(loop, UV_RUN_DEFAULT);
    bool clean = loop_fini();
    arena_free(program.arena);
    config_free(config);
    return clean ? EXIT_SUCCESS : EXIT_FAILURE;
}
