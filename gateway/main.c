/* mediahub-gateway: REST, uploads, downloads, /realtime and the job server, on one thread and one
 * loop. What a gateway holds is made here, in the order of who needs whom, and ended in reverse. */
#include "base/clock.h"
#include "base/listen.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/password.h"
#include "base/process.h"
#include "base/timer.h"
#include "base/tls.h"
#include "bond/bond.h"
#include "gateway/access/authentication.h"
#include "gateway/access/forwarded.h"
#include "gateway/catalogue_gate.h"
#include "gateway/dispatch.h"
#include "gateway/gateway.h"
#include "gateway/http/connection.h"
#include "gateway/http/exchange.h"
#include "gateway/http/listener.h"
#include "gateway/http/room.h"
#include "gateway/jobs/housekeeping.h"
#include "gateway/jobs/jobserver.h"
#include "gateway/keyring_watch.h"
#include "gateway/realtime_gate.h"
#include "gateway/router.h"
#include "gateway/surroundings.h"
#include "gateway/upload_share.h"
#include "state/endpoint.h"
#include "state/keyring.h"
#include "state/secret.h"

#include <stdlib.h>

enum {
    FIBERS_MAX = 4096,
    EVENTS_WAIT_MS = 5000,
    DRAIN_GRACE_MS = 10000, /* for requests in flight, after the realtime window */
    DRAIN_LOOK_MS = 20,
};

/* One in a process; static, because an accepted connection comes with no argument. */
static struct program {
    struct gateway gateway;
    struct arena *arena;
    struct listener *plain, *tls, *inside;
    struct upload_shares uploads;
    struct housekeeping *housekeeping;
    struct keyring_watch *keyring_watch;
    struct timer drain;
    uint64_t drain_until_ms;
} program;

static const struct slice *origins_from(struct arena *arena, struct slice list)
{
    size_t n = 0, commas = 0;
    struct slice origin;

    for (size_t i = 0; i < list.n; i++)
        commas += list.p[i] == ',';
    struct slice *origins = ARENA_ARRAY(arena, struct slice, commas + 2);
    while (slice_split(list, ',', &origin, &list)) {
        origin = slice_trim(origin);
        if (origin.n)
            origins[n++] = origin;
    }
    return origins;
}

static void open_listeners(void)
{
    struct gateway *gateway = &program.gateway;
    struct slice plain = config_text(gateway->config, "listen"), problem;
    struct slice tls = tls_address(gateway->config, program.arena);

    program.plain = listener_open(loop_get(), gateway->connections, plain, ENTRY_PLAIN,
                                  program.arena, &problem);
    if (program.plain && tls.n)
        program.tls = listener_open(loop_get(), gateway->connections, tls, ENTRY_TLS, program.arena,
                                    &problem);
    struct slice inside = config_text(gateway->config, "metrics.listen");
    if (program.plain && inside.n && (!tls.n || program.tls))
        program.inside = listener_open(loop_get(), gateway->connections, inside, ENTRY_INSIDE,
                                       program.arena, &problem);
    if (!program.plain || (tls.n && !program.tls) || (inside.n && !program.inside))
        process_fail("%.*s", SLICE_ARG(problem));
}

static void start_jobs(struct gateway *gateway)
{
    struct slice url = config_text(gateway->config, "jobs");
    char *problem;

    if (url.n == 0)
        return;
    gateway->jobs = jobserver_start(gateway, url, &problem);
    if (!gateway->jobs)
        process_fail("cannot serve jobs on %.*s: %s", SLICE_ARG(url), problem);
}

static void on_hangup(void)
{
    if (program.gateway.connections)
        connection_server_look(program.gateway.connections);
}

static void open_store(struct task *task, struct gateway *gateway)
{
    const struct config *config = gateway->config;
    struct slice folder = config_text(config, "store"), problem;

    if (folder.n == 0)
        folder = arena_printf(program.arena, "%.*s/store", SLICE_ARG(config_text(config, "data")));
    enum err err =
        bond_open_store(task, gateway->state, folder, config_number(config, "store.reserve"),
                        &gateway->store, &problem);
    if (err != OK && !gateway->draining)
        process_fail("%.*s", SLICE_ARG(problem.n ? problem : err_row(err)->message));
}

static enum err open_keys(struct task *task, struct gateway *gateway)
{
    struct slice problem;
    enum err err = keyring_unlock(task, gateway->state,
                                  secret_key_file(program.arena, gateway->config), &problem);

    if (err == ERR_CONFLICT)
        process_fail("%.*s", SLICE_ARG(problem));
    if (err == OK)
        err = keyring_load(task, gateway->state, &gateway->keyring);
    return err == OK ? endpoint_seal_plain(task, gateway->state) : err;
}

/* What must wait for Redis, on a fiber; then the doors open. */
static void start(struct task *task, void *arg)
{
    struct gateway *gateway = &program.gateway;

    enum err err =
        state_wait(task, gateway->state, (unsigned)config_number(gateway->config, "partitions"),
                   config_number(gateway->config, "redis_wait") * 1000, STATE_TELL_AFTER_MS);
    if (err == ERR_STATE_UNAVAILABLE && !gateway->draining)
        exit(EXIT_FAILURE); /* all has been said */
    if (err == OK)
        open_store(task, gateway);
    if (err == OK && !gateway->draining)
        err = open_keys(task, gateway);
    if (gateway->draining)
        return;
    if (err != OK)
        process_fail("the state server cannot be used: %.*s", SLICE_ARG(err_row(err)->message));
    if (!realtime_gate_start(gateway))
        process_fail("no fiber is left at the start");
    gateway->catalogue = catalogue_gate_start(gateway);
    start_jobs(gateway);
    program.housekeeping = housekeeping_start(gateway);
    program.keyring_watch = keyring_watch_start(gateway);
    gateway->surroundings = surroundings_start(gateway);
    /* Whoever is told that we are ready may ask /ready. */
    realtime_gate_await(gateway, EVENTS_WAIT_MS);
    if (gateway->draining)
        return;
    open_listeners();
    process_ready();
}

/* Everything is idle or out of time: end what is left, in the reverse order of making. */
static void finish(void)
{
    struct gateway *gateway = &program.gateway;

    connection_server_free(gateway->connections);
    housekeeping_stop(program.housekeeping);
    keyring_watch_stop(program.keyring_watch);
    surroundings_stop(gateway->surroundings);
    if (gateway->jobs)
        jobserver_stop(gateway->jobs);
    catalogue_gate_stop(gateway->catalogue);
    realtime_gate_stop(gateway);
    state_close(gateway->state);
    process_stop_watching();
}

static void on_drain_look(struct timer *timer)
{
    if (connection_count(program.gateway.connections) > 0 && clock_ms() < program.drain_until_ms)
        timer_start(timer, DRAIN_LOOK_MS, on_drain_look);
    else
        finish();
}

static void on_stop(void *arg)
{
    struct gateway *gateway = &program.gateway;
    uint64_t window_ms = config_number(gateway->config, "drain.window") * 1000;

    log_event(LOG_INFO, "draining", F("connections", connection_count(gateway->connections)));
    gateway->draining = true; /* also for start(), if it still waits for Redis */
    listener_close(program.plain);
    listener_close(program.tls);
    listener_close(program.inside);
    if (gateway->realtime)
        realtime_drain(gateway->realtime, window_ms);
    exchange_drain();
    program.drain_until_ms = clock_ms() + window_ms + DRAIN_GRACE_MS;
    on_drain_look(&program.drain);
}

static void open_state(struct gateway *gateway)
{
    struct slice durable = config_text(gateway->config, "redis");

    if (durable.n == 0)
        process_fail("--redis is needed: the state server");
    gateway->state = state_open(durable, config_text(gateway->config, "redis_volatile"));
    if (!gateway->state)
        process_fail("--redis or --redis-volatile is not a Redis URL");
}

static void *on_accept(struct connection *connection, const struct connection_owner **owner)
{
    return exchange_accept(&dispatch_service, &program.gateway, connection, owner);
}

static void open_connections(void)
{
    struct gateway *gateway = &program.gateway;
    struct slice data = config_text(gateway->config, "data"), fingerprint, problem;
    struct tls_files files = tls_files(gateway->config, program.arena, data);
    struct connection_tls tls = {0};
    bool made;

    if (!tls_keep_own(gateway->config, program.arena, data, &fingerprint, &made, &problem))
        process_fail("%.*s", SLICE_ARG(problem));
    if (tls_wanted(gateway->config))
        tls = (struct connection_tls){files.chain, files.key};
    gateway->connections = connection_server_new(loop_get(), &tls, on_accept);
    if (!gateway->connections)
        process_fail("the certificate or its key cannot be used");
    connection_server_limit(
        gateway->connections,
        &(struct door_settings){
            .per_address = (size_t)config_number(gateway->config, "connections.per_address"),
            .proxies = gateway->proxies->list,
            .proxy_count = gateway->proxies->n,
        },
        SLICE(EXCHANGE_TOO_MANY));
    exchange_set_idle(config_number(gateway->config, "connections.keep_alive") * 1000);
    room_set_size(config_number(gateway->config, "connections.waiting_bytes"));
}

int main(int argc, char **argv)
{
    struct gateway *gateway = &program.gateway;

    process_init("gateway");
    struct config *config = process_config(argc, argv);
    loop_init(FIBERS_MAX);
    program.arena = arena_new();
    gateway->config = config;
    gateway->started_ms = clock_ms();
    rate_limits_read(config, &gateway->limits);
    gateway->has_inside = config_text(config, "metrics.listen").n > 0;
    quota_read(config, &gateway->quota);
    upload_shares_init(&program.uploads, config);
    gateway->uploads = &program.uploads;
    gateway->proxies = trusted_proxies_read(config, program.arena);
    gateway->cors_origins = origins_from(program.arena, config_text(config, "cors.origins"));
    router_open_surfaces(gateway, program.arena);
    gateway->passwords = password_thread_start();
    open_state(gateway);
    open_connections();
    process_on_stop(loop_get(), on_stop, NULL);
    process_on_hangup(on_hangup);
    if (!task_spawn(start, NULL))
        process_fail("no fiber is left at the start");

    uv_run(loop_get(), UV_RUN_DEFAULT);

    upload_shares_fini(&program.uploads);
    password_thread_stop(gateway->passwords);
    router_close_surfaces(gateway);
    store_close(gateway->store);
    catalogue_gate_free(gateway->catalogue);
    arena_free(program.arena);
    config_free(config);
    return loop_fini() ? 0 : 1;
}
