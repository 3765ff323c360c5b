#include "supervisor/plan.h"

#include "base/fault.h"
#include "base/machine.h"
#include "base/process.h"
#include "base/tls.h"
#include "job_words.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VOLATILE_PART = 4 }; /* its memory, of the state's */
enum { WORKERS_MAX = 127 }; /* as the setting's range says */

/* C strings, as many as come in the arena, always ended with NULL. */
struct strings {
    const char **items;
    size_t n, room;
};

static void strings_add(struct arena *arena, struct strings *strings, const char *item)
{
    if (strings->n + 1 >= strings->room) {
        size_t room = strings->room ? strings->room * 2 : 64;
        const char **items = ARENA_ARRAY(arena, const char *, room);

        if (strings->n)
            memcpy(items, strings->items, strings->n * sizeof *items);
        strings->items = items;
        strings->room = room;
    }
    strings->items[strings->n++] = item;
}

/* An executable on the PATH; NULL when there is none. */
static const char *find_program(struct arena *arena, const char *name)
{
    struct slice path = slice_from(getenv("PATH")), folder;

    while (slice_split(path, ':', &folder, &path)) {
        const char *candidate = arena_printf(arena, "%.*s/%s", SLICE_ARG(folder), name).p;

        if (folder.n && access(candidate, X_OK) == 0)
            return candidate;
    }
    return NULL;
}

/* Our programs stand beside each other. */
static const char *sibling(struct arena *arena, const char *name, struct slice *problem)
{
    const char *path = process_sibling(arena, name);

    if (access(path, X_OK) == 0)
        return path;
    *problem = arena_printf(arena, "%s is missing", path);
    return NULL;
}

/* What is full: state refuses to grow, the volatile one forgets what nobody has used for long. */
static struct child_spec redis_spec(struct arena *arena, const char *program, const char *role,
                                    bool durable, struct slice durability, uint64_t memory)
{
    struct strings argv = {0}, environment = {0};
    const char *const always[] = {
        program,
        "--port",
        "0",
        "--dir",
        arena_printf(arena, "redis/%s", role).p,
        "--unixsocket",
        arena_printf(arena, "../../run/%s.sock", role).p,
        "--unixsocketperm",
        "600",
        "--logfile",
        "redis.log",
        "--save",
        "",
        "--daemonize",
        "no",
        "--maxmemory",
        arena_printf(arena, "%" PRIu64, memory).p,
        "--maxmemory-policy",
        durable ? "noeviction" : "volatile-lru",
        "--appendonly",
        durable ? "yes" : "no",
    };

    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        strings_add(arena, &argv, always[i]);
    if (durable) {
        strings_add(arena, &argv, "--appendfsync");
        strings_add(arena, &argv, arena_cstr(arena, durability));
    }
    strings_add(arena, &environment, "LANG=C.UTF-8");
    return (struct child_spec){
        .name = arena_printf(arena, "redis-%s", role).p,
        .argv = argv.items,
        .environment = environment.items,
        .stop_signal = SIGTERM,
        .death_signal = SIGTERM, /* it may still write what it has taken */
    };
}

static bool plan_redis(struct arena *arena, const struct config *config, struct plan *plan,
                       struct slice *problem)
{
    struct slice url = config_text(config, "redis");

    if (url.n) {
        struct slice volatile_url = config_text(config, "redis_volatile");

        plan->redis_url = url;
        plan->redis_volatile_url = volatile_url.n ? volatile_url : url;
        return true;
    }
    const char *program = find_program(arena, "redis-server");
    if (!program) {
        *problem = SLICE("redis-server is not installed (or not on the PATH); install it, or name "
                         "a running server with --redis");
        return false;
    }
    struct slice durability = config_text(config, "durability");
    uint64_t memory = config_number(config, "redis.max_memory");
    if (memory == 0)
        memory = machine_memory() / 2;
    plan->redis[0] = redis_spec(arena, program, "state", true, durability, memory);
    plan->redis[1] =
        redis_spec(arena, program, "volatile", false, durability, memory / VOLATILE_PART);
    plan->redis_count = 2;
    plan->redis_url = SLICE("unix:run/state.sock");
    plan->redis_volatile_url = SLICE("unix:run/volatile.sock");
    return true;
}

static const char *setting(struct arena *arena, const char *name, struct slice value)
{
    return arena_printf(arena, "MEDIAHUB_%s=%.*s", name, SLICE_ARG(value)).p;
}

static struct slice absolute(struct arena *arena, struct slice folder, struct slice path)
{
    return path.n == 0 || path.p[0] == '/'
               ? path
               : arena_printf(arena, "%.*s/%.*s", SLICE_ARG(folder), SLICE_ARG(path));
}

struct slice plan_store_folder(struct arena *arena, const struct config *config, struct slice data,
                               struct slice start_folder)
{
    struct slice store = config_text(config, "store");

    return store.n ? absolute(arena, start_folder, store)
                   : arena_printf(arena, "%.*s/store", SLICE_ARG(data));
}

struct slice plan_key_file(struct arena *arena, const struct config *config, struct slice data,
                           struct slice start_folder)
{
    struct slice file = config_text(config, "key_file");

    return file.n ? absolute(arena, start_folder, file)
                  : arena_printf(arena, "%.*s/hub.key", SLICE_ARG(data));
}

/* Settings that are paths, and have no default that the plan knows. */
static const struct {
    const char *key, *variable;
} paths[] = {
    {"backup.config_path", "BACKUP_CONFIG_PATH"},
};

/* What all programs of ours are told: the settings, with paths that hold in the data folder. */
static void add_common(struct arena *arena, const struct config *config, struct slice data,
                       struct slice start_folder, const struct plan *plan, struct strings *out)
{
    /* getenv() finds the first of two equal names, so what decides comes first. */
    strings_add(arena, out, "MEDIAHUB_SUPERVISED=1");
    strings_add(arena, out, "MEDIAHUB_READY_FD=3");
    strings_add(arena, out, setting(arena, "DATA", data));
    strings_add(arena, out, setting(arena, "REDIS", plan->redis_url));
    strings_add(arena, out, setting(arena, "REDIS_VOLATILE", plan->redis_volatile_url));
    strings_add(arena, out,
                setting(arena, "STORE", plan_store_folder(arena, config, data, start_folder)));
    strings_add(arena, out,
                setting(arena, "KEY_FILE", plan_key_file(arena, config, data, start_folder)));
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct slice path = config_text(config, paths[i].key);
        strings_add(arena, out,
                    setting(arena, paths[i].variable, absolute(arena, start_folder, path)));
    }
    struct tls_files files = tls_files(config, arena, data);
    strings_add(arena, out, "MEDIAHUB_TLS=off"); /* if it is auto, we have made the files */
    strings_add(arena, out,
                setting(arena, "TLS_CERT", absolute(arena, start_folder, slice_from(files.chain))));
    strings_add(arena, out,
                setting(arena, "TLS_KEY", absolute(arena, start_folder, slice_from(files.key))));
    strings_add(arena, out, setting(arena, "LISTEN_TLS", tls_address(config, arena)));
    for (char **line = config_environment(config, arena); *line; line++)
        strings_add(arena, out, *line);
    for (char **line = environ; *line; line++)
        if (strncmp(*line, "MEDIAHUB_", 9) != 0 || fault_is_setting(*line))
            strings_add(arena, out, *line);
}

static struct slice jobs_url(struct arena *arena, size_t gateway)
{
    return arena_printf(arena, "ipc://run/jobs-%zu.ipc", gateway);
}

/* own: settings of this one, before what all are told. */
static void add_server(struct arena *arena, struct plan *plan, const char *program,
                       struct slice name, struct strings own, const struct strings *common)
{
    struct strings argv = {0}, environment = own;

    strings_add(arena, &argv, program);
    for (size_t i = 0; i < common->n; i++)
        strings_add(arena, &environment, common->items[i]);
    plan->servers[plan->server_count++] = (struct child_spec){
        .name = name.p,
        .argv = argv.items,
        .environment = environment.items,
        .stop_signal = SIGTERM,
        .death_signal = SIGKILL,
        .tells_ready = true,
        .serves = true,
    };
}

/* Workers start them. */
static bool has_decoders(struct arena *arena, struct slice *problem)
{
    return sibling(arena, "mediahub-decode", problem) &&
           sibling(arena, "mediahub-decode-pictures", problem) &&
           sibling(arena, "mediahub-decode-films", problem);
}

static size_t one_per_core(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return cores < 1 ? 1 : cores < WORKERS_MAX ? (size_t)cores : WORKERS_MAX;
}

static bool plan_servers(struct arena *arena, const struct config *config, struct plan *plan,
                         const struct strings *common, struct slice *problem)
{
    size_t gateways = config_number(config, "gateways"), workers = config_number(config, "workers");
    const char *gateway = sibling(arena, "mediahub-gateway", problem);
    const char *worker = sibling(arena, "mediahub-worker", problem);
    const char *catalogue = sibling(arena, "mediahub-catalogue", problem);
    const char *webhooks = sibling(arena, "mediahub-webhooks", problem);
    struct slice all_jobs = SLICE("");

    if (!gateway || !worker || !catalogue || !webhooks || !has_decoders(arena, problem))
        return false;
    if (workers == 0)
        workers = one_per_core();
    assert(gateways + 2 + workers <= PLAN_CHILDREN_MAX); /* the ranges see to that */
    for (size_t i = 0; i < gateways; i++) {
        struct slice url = jobs_url(arena, i);
        struct strings own = {0};

        strings_add(arena, &own, setting(arena, "JOBS", url));
        add_server(arena, plan, gateway, arena_printf(arena, "gateway-%zu", i), own, common);
        all_jobs =
            arena_printf(arena, "%.*s%s%.*s", SLICE_ARG(all_jobs), i ? "," : "", SLICE_ARG(url));
    }
    add_server(arena, plan, catalogue, SLICE("catalogue"), (struct strings){0}, common);
    add_server(arena, plan, webhooks, SLICE("webhooks"), (struct strings){0}, common);
    for (size_t i = 0; i < workers; i++) {
        struct strings own = {0};

        strings_add(arena, &own, setting(arena, "JOBS", all_jobs));
        if (i == 0 && workers > 1) /* a fresh photo never waits for the end of a transcode */
            strings_add(arena, &own, setting(arena, "KINDS", SLICE(JOB_KINDS_OF_DECODE)));
        add_server(arena, plan, worker, arena_printf(arena, "worker-%zu", i), own, common);
        plan->servers[plan->server_count - 1].serves = false; /* jobs may wait for it */
    }
    return true;
}

bool plan_make(struct arena *arena, const struct config *config, struct slice data,
               struct slice start_folder, struct plan *plan, struct slice *problem)
{
    struct strings common = {0};

    memset(plan, 0, sizeof *plan);
    if (!plan_redis(arena, config, plan, problem))
        return false;
    add_common(arena, config, data, start_folder, plan, &common);
    return plan_servers(arena, config, plan, &common, problem);
}
