/* mediahub run: starts the Redis pair, gateways, the webhook dispatcher and workers, keeps them
 * alive, and stops them in order: what serves first, Redis last. */
#include "supervisor/command.h"

#include "base/addresses.h"
#include "base/clock.h"
#include "base/listen.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/timer.h"
#include "base/tls.h"
#include "bond/bond.h"
#include "sandbox/sandbox_trial.h"
#include "state/keyring.h"
#include "supervisor/data_folder.h"
#include "supervisor/first_start.h"
#include "supervisor/plan.h"
#include "supervisor/redis_words.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    PORT_WAIT_MS = 5000,
    PORT_RETRY_MS = 50,
    STOP_GRACE_MS = 15000, /* beyond the drain window; more than the gateway's own 10 s */
    REDIS_GRACE_MS = 30000,
    FIBERS_MAX = 16,
    CERTIFICATE_LOOK_MS = 86400 * 1000,
};

struct hub {
    struct arena *arena;
    struct config *config;
    struct plan plan;
    struct slice store_folder, key_file;
    struct state *state; /* until the first admin is there */
    struct child *redis[2];
    struct child *servers[PLAN_CHILDREN_MAX];
    size_t servers_left, redis_left;
    bool admin_checked, announced, stopping;
    int exit_status;
    struct slice data; /* its folder */
    char words_of_redis[1024];
    struct timer certificate_timer;
    enum wire_hold hold; /* how far sandboxes go here */
};

static void stop(struct hub *hub);

static void print_urls(const struct hub *hub, const char *scheme, struct slice host_port)
{
    struct slice addresses[ADDRESSES_MAX], urls[ADDRESSES_MAX];
    size_t n = addresses_of_host(hub->arena, addresses);

    n = addresses_urls(hub->arena, scheme, host_port, addresses, n, urls);
    for (size_t i = 0; i < n; i++)
        printf("mediahub ready %.*s\n", SLICE_ARG(urls[i]));
}

/* A line on standard output for each address that opens us, once: whoever started us may wait for
 * the first one. */
static void announce_if_ready(struct hub *hub)
{
    if (hub->announced || hub->stopping || !hub->admin_checked)
        return;
    for (size_t i = 0; i < hub->plan.server_count; i++)
        if (hub->plan.servers[i].serves && !child_is_ready(hub->servers[i]))
            return;
    hub->announced = true;
    log_event(LOG_INFO, "hub_ready", F("listen", config_text(hub->config, "listen")),
              F("sandbox", wire_hold_name(hub->hold)), F("user", (long long)geteuid()));
    struct slice tls = tls_address(hub->config, hub->arena);
    print_urls(hub, "http", config_text(hub->config, "listen"));
    if (tls.n)
        print_urls(hub, "https", tls);
    fflush(stdout);
    process_tell_systemd("READY=1");
}

static void on_ready(void *arg, struct child *child)
{
    announce_if_ready(arg);
}

static bool is_redis(const struct hub *hub, const struct child *child)
{
    return child == hub->redis[0] || child == hub->redis[1];
}

/* It is started again for as long as we run; its reason is told when it is another one. */
static void tell_words_of_redis(struct hub *hub, const struct child *child)
{
    struct slice name = slice_from(child_name(child));
    struct arena *arena = arena_new();
    struct slice words = redis_last_words(arena, name, hub->data);

    if (!slice_eq(words, slice_from(hub->words_of_redis))) {
        process_say("%.*s", SLICE_ARG(words));
        snprintf(hub->words_of_redis, sizeof hub->words_of_redis, "%.*s", SLICE_ARG(words));
    }
    arena_free(arena);
}

/* A program that cannot even start (a bad certificate, a port taken meanwhile) has said why; trying
 * it again for ever would only hide that. */
static void on_death(void *arg, struct child *child, int status)
{
    struct hub *hub = arg;

    if (hub->stopping || !WIFEXITED(status))
        return;
    if (is_redis(hub, child))
        tell_words_of_redis(hub, child);
    else if (!hub->announced)
        process_say("%s could not start", child_name(child));
    if (hub->announced)
        return;
    hub->exit_status = EXIT_FAILURE;
    stop(hub);
}

static void end_loop(struct hub *hub)
{
    timer_stop(&hub->certificate_timer);
    child_watch_end();
    process_stop_watching();
}

static void stop_redis(struct hub *hub)
{
    if (hub->redis_left == 0)
        end_loop(hub);
    for (size_t i = hub->plan.redis_count; i-- > 0;)
        child_stop(hub->redis[i], REDIS_GRACE_MS);
}

static void on_stopped(void *arg, struct child *child)
{
    struct hub *hub = arg;

    if (is_redis(hub, child)) {
        if (--hub->redis_left == 0)
            end_loop(hub);
    } else if (--hub->servers_left == 0) {
        stop_redis(hub);
    }
}

static void stop(struct hub *hub)
{
    uint64_t grace_ms = config_number(hub->config, "drain.window") * 1000 + STOP_GRACE_MS;
    size_t count = hub->servers_left;

    if (hub->stopping)
        return;
    hub->stopping = true;
    if (hub->state)
        state_close(hub->state);
    hub->state = NULL;
    if (count == 0)
        stop_redis(hub);
    for (size_t i = 0; i < count; i++)
        child_stop(hub->servers[i], grace_ms);
}

static void on_hangup(void)
{
    child_signal_all("gateway-", SIGHUP);
}

static void on_stop_signal(void *arg)
{
    stop(arg);
}

static void start_redis(struct hub *hub)
{
    hub->redis_left = hub->plan.redis_count;
    for (size_t i = 0; i < hub->plan.redis_count; i++)
        hub->redis[i] = child_start(&hub->plan.redis[i]);
}

static void start_servers(struct hub *hub)
{
    for (size_t i = 0; i < hub->plan.server_count; i++) {
        hub->servers[i] = child_start(&hub->plan.servers[i]);
        hub->servers_left++;
    }
}

/* Whoever says a number means it: it cannot be changed any more. */
static enum err check_partitions(struct task *task, const struct hub *hub, struct slice *problem)
{
    uint64_t said = config_number(hub->config, "partitions");

    if (!config_is_given(hub->config, "partitions") || said == hub->state->partitions)
        return OK;
    *problem = arena_printf(task->arena,
                            "this hub was made with %u partitions, and the setting says %llu: "
                            "leave it out, or name the right data",
                            hub->state->partitions, (unsigned long long)said);
    return ERR_CONFLICT;
}

/* Do state and store fit, and keep what they promise? *problem: what is wrong, in one line. */
static enum err check_state(struct task *task, struct hub *hub, struct slice *problem)
{
    struct store *store = NULL;
    char *weak = NULL;
    uint64_t limit_ms = config_number(hub->config, "redis_wait") * 1000;
    /* A pair of our own may be slow; that it cannot start is told by its death. */
    enum err err = state_wait(task, hub->state, (unsigned)config_number(hub->config, "partitions"),
                              limit_ms, hub->plan.redis_count ? limit_ms : STATE_TELL_AFTER_MS);

    if (err == ERR_STATE_UNAVAILABLE) /* said already */
        return err;
    if (err == OK)
        err = check_partitions(task, hub, problem);
    if (err == OK &&
        !state_check_durability(task, hub->state, config_text(hub->config, "durability"), &weak)) {
        *problem = slice_from(weak);
        return ERR_CONFLICT;
    }
    if (err == OK)
        err = bond_open_store(task, hub->state, hub->store_folder, 0, &store, problem);
    if (err == OK)
        err = keyring_unlock(task, hub->state, hub->key_file, problem);
    if (err != OK && !problem->n)
        *problem = arena_printf(task->arena, "the state server cannot be used: %.*s",
                                SLICE_ARG(err_row(err)->message));
    store_close(store);
    return err;
}

static void give_up(struct hub *hub, struct slice problem)
{
    if (problem.n)
        process_say("%.*s", SLICE_ARG(problem));
    hub->exit_status = EXIT_FAILURE;
    stop(hub);
}

static void tell_password(const struct hub *hub, struct slice password)
{
    if (!process_is_in_journal())
        fprintf(stderr, "admin password: %.*s\n", SLICE_ARG(password));
    else
        process_say("the first user is %.*s, whose random password is not shown, since the journal "
                    "would keep it; give him one: echo PASSWORD | mediahub user password %.*s "
                    "--data %.*s",
                    SLICE_ARG(config_text(hub->config, "admin_user")),
                    SLICE_ARG(config_text(hub->config, "admin_user")), SLICE_ARG(hub->data));
}

/* On a fiber: what must be right before anybody is served. */
static void open_state(struct task *task, void *arg)
{
    struct hub *hub = arg;
    struct first_start first = {.not_looked_at = false};
    struct slice problem = SLICE_NONE;
    enum err err = check_state(task, hub, &problem);

    if (hub->stopping)
        return;
    if (err == OK) {
        start_servers(hub); /* beside which the password is hashed */
        err = first_start_admin(task, hub->state, hub->config, &first);
        problem = first.problem.n || err == OK ? first.problem : err_row(err)->message;
    }
    if (hub->stopping)
        return;
    if (err != OK) {
        give_up(hub, problem);
        return;
    }
    if (first.password.n)
        tell_password(hub, first.password);
    if (first.not_looked_at)
        fprintf(stderr,
                "mediahub: MEDIAHUB_ADMIN_PASSWORD is not looked at: this hub has accounts "
                "already; a new password is given by mediahub user password %.*s\n",
                SLICE_ARG(config_text(hub->config, "admin_user")));
    state_close(hub->state);
    hub->state = NULL;
    hub->admin_checked = true;
    announce_if_ready(hub);
}

/* SO_REUSEPORT would let a second hub take half of our connections silently, so the port is tried
 * without it first. A hub that was killed keeps it until the last of its threads is back from the
 * disk, which one that follows at once waits for. */
static void check_port(struct arena *arena, struct slice address, const char *option)
{
    const struct timespec pause = {.tv_nsec = PORT_RETRY_MS * 1000000L};
    uint64_t until_ms = clock_ms() + PORT_WAIT_MS;
    struct slice problem;
    int fd;

    while ((fd = listen_open(arena, address, false, &problem)) < 0 && errno == EADDRINUSE &&
           clock_ms() < until_ms)
        nanosleep(&pause, NULL);
    if (fd < 0)
        process_fail("%.*s; %s names another address", SLICE_ARG(problem), option);
    close(fd);
}

/* Of our own, if it is that: shown at the start, and when it is another one. Gateways see the
 * change of the files by themselves. */
static bool keep_certificate(struct hub *hub, struct arena *arena, struct slice *problem)
{
    struct slice fingerprint;
    bool made;

    if (!tls_keep_own(hub->config, arena, hub->data, &fingerprint, &made, problem))
        return false;
    if (fingerprint.n && (made || !hub->announced))
        fprintf(stderr, "certificate of this hub, SHA-256: %.*s\n", SLICE_ARG(fingerprint));
    return true;
}

static void on_certificate_due(struct timer *timer)
{
    struct arena *arena = arena_new();
    struct slice problem;

    if (!keep_certificate(CONTAINER_OF(timer, struct hub, certificate_timer), arena, &problem))
        log_event(LOG_ERROR, "certificate_not_kept", F("problem", problem));
    arena_free(arena);
    timer_start(timer, CERTIFICATE_LOOK_MS, on_certificate_due);
}

static void say_nothing(void *arg, struct slice line, enum trial_end end)
{
}

static void check_sandbox(struct hub *hub)
{
    bool required = slice_eq(config_text(hub->config, "sandbox"), SLICE("required"));

    hub->hold = sandbox_hold(sandbox_probe());
    if (required && (hub->hold != WIRE_HOLD_WHOLE || sandbox_try(say_nothing, NULL) != 0))
        process_fail("this machine does not give the sandbox that --sandbox=required demands; "
                     "mediahub sandbox-check tells what is missing");
}

static void prepare(struct hub *hub, int argc, char **argv)
{
    struct slice problem, data;

    hub->arena = arena_new();
    char *start_folder = arena_alloc(hub->arena, PATH_MAX);
    hub->config = process_settings_to_start(argc, argv);
    if (config_text(hub->config, "jobs").n)
        log_event(LOG_WARN, "setting",
                  F("text", "jobs is for a gateway or a worker that is started alone, and is not "
                            "looked at: this hub has job servers of its own"));
    if (!getcwd(start_folder, PATH_MAX))
        process_fail("the current folder is gone");
    data = data_folder_enter(hub->arena, config_text(hub->config, "data"), &problem);
    if (data.n == 0)
        process_fail("%.*s", SLICE_ARG(problem));
    hub->data = data;
    if (!keep_certificate(hub, hub->arena, &problem))
        process_fail("%.*s", SLICE_ARG(problem));
    /* Behind the lock, so that no other hub on this folder can have it. */
    check_port(hub->arena, config_text(hub->config, "listen"), "--listen");
    if (tls_address(hub->config, hub->arena).n)
        check_port(hub->arena, tls_address(hub->config, hub->arena), "--listen-tls");
    if (!plan_make(hub->arena, hub->config, data, slice_from(start_folder), &hub->plan, &problem))
        process_fail("%.*s", SLICE_ARG(problem));
    check_sandbox(hub);
    hub->store_folder = plan_store_folder(hub->arena, hub->config, data, slice_from(start_folder));
    hub->key_file = plan_key_file(hub->arena, hub->config, data, slice_from(start_folder));
}

int command_run(int argc, char **argv)
{
    static struct hub hub;
    const struct child_watcher watcher = {&hub, on_ready, on_death, on_stopped};

    prepare(&hub, argc, argv);
    loop_init(FIBERS_MAX);
    hub.state = state_open(hub.plan.redis_url, hub.plan.redis_volatile_url);
    if (!hub.state)
        process_fail("%.*s is not the URL of a Redis server", SLICE_ARG(hub.plan.redis_url));
    process_on_stop(loop_get(), on_stop_signal, &hub);
    process_on_second_signal(child_kill_all);
    process_on_hangup(on_hangup);
    timer_start(&hub.certificate_timer, CERTIFICATE_LOOK_MS, on_certificate_due);
    child_watch_begin(&watcher);
    start_redis(&hub);
    if (!task_spawn(open_state, &hub))
        process_fail("no fiber is left at the start");

    uv_run(loop_get(), UV_RUN_DEFAULT);

    for (size_t i = 0; hub.servers[0] && i < hub.plan.server_count; i++)
        child_free(hub.servers[i]);
    for (size_t i = 0; i < hub.plan.redis_count; i++)
        child_free(hub.redis[i]);
    config_free(hub.config);
    arena_free(hub.arena);
    return loop_fini() ? hub.exit_status : EXIT_FAILURE;
}
