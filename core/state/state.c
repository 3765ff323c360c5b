#include "state/state.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/process.h"
#include "state/id.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { POLL_MS = 10, LOAD_AGAIN_MS = 100, STEP_MS = 100 };

static const char own_functions[] = {
#include "functions.lua.inc"
    ,
#include "jobs.lua.inc"
    ,
#include "collections.lua.inc"
};
static const char webhook_functions[] = {
#include "webhooks.lua.inc"
};
static const struct slice libraries[] = {
    {own_functions, sizeof own_functions},
    {webhook_functions, sizeof webhook_functions},
};

struct state_functions {
    uint64_t loaded; /* the generation of `durable` that has them; 0: none */
    bool loading, closed;
    struct state *next_closed;
};

/* Closed states stay, as closed connections do: a fiber may still be about to fail on one. */
static struct state *closed_states;

/* -- Functions -------------------------------------------------------------------------------- */

/* "#!lua name=mediahub\n..." */
static struct slice library_name(struct slice code)
{
    struct slice line, rest, name;

    slice_split(code, '\n', &line, &rest);
    slice_split(line, '=', &rest, &name);
    assert(name.n);
    return name;
}

/* Loads only what differs, so that a reconnect does not write. */
static enum err load_library(struct task *task, struct state *state, struct slice code)
{
    struct redis_value reply;
    enum err err = state_command(task, state->durable, &reply, SLICE("FUNCTION"), SLICE("LIST"),
                                 SLICE("LIBRARYNAME"), library_name(code), SLICE("WITHCODE"));

    if (err != OK)
        return err;
    if (reply.n == 1 && slice_eq(redis_field(&reply.items[0], SLICE("library_code")), code))
        return OK;
    return state_command(task, state->durable, &reply, SLICE("FUNCTION"), SLICE("LOAD"),
                         SLICE("REPLACE"), code);
}

static enum err load_functions(struct task *task, struct state *state)
{
    uint64_t generation = redis_connects(state->durable);

    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        enum err err = load_library(task, state, libraries[i]);

        if (err != OK)
            return err;
    }
    state->functions->loaded = generation;
    return OK;
}

static void load_task(struct task *task, void *arg)
{
    struct state *state = arg;

    while (!state->functions->closed && redis_ready(state->durable) && !state_ready(state))
        if (load_functions(task, state) != OK)
            fiber_sleep(LOAD_AGAIN_MS);
    state->functions->loading = false;
}

/* Without a free fiber the functions are loaded when the first call misses them. */
static void on_durable_connect(void *arg)
{
    struct state *state = arg;

    if (!state->functions->loading)
        state->functions->loading = task_spawn(load_task, state);
}

/* -- Opening ---------------------------------------------------------------------------------- */

struct state *state_open(struct slice durable_url, struct slice volatile_url)
{
    struct state *state = MEM_NEW(struct state);

    state->functions = MEM_NEW(struct state_functions);
    state->durable = redis_open(durable_url, "durable");
    state->streams = redis_open(durable_url, "streams");
    state->volatile_redis = redis_open(volatile_url.n ? volatile_url : durable_url, "volatile");
    if (!state->durable || !state->volatile_redis) {
        state_close(state);
        return NULL;
    }
    redis_on_connect(state->durable, on_durable_connect, state);
    return state;
}

void state_close(struct state *state)
{
    struct redis *connections[] = {state->durable, state->streams, state->volatile_redis};

    state->functions->closed = true;
    for (size_t i = 0; i < sizeof connections / sizeof connections[0]; i++)
        if (connections[i])
            redis_close(connections[i]);
    state->functions->next_closed = closed_states;
    closed_states = state;
}

bool state_ready(const struct state *state)
{
    return redis_ready(state->durable) &&
           state->functions->loaded == redis_connects(state->durable);
}

static enum err read_partitions(struct task *task, struct state *state, unsigned if_new)
{
    struct redis_value reply;
    struct slice key = SLICE("hub:partitions");
    uint64_t partitions;
    enum err err = state_command(task, state->durable, &reply, SLICE("GET"), key);

    if (err == OK && reply.type == REDIS_NIL) {
        err = state_command(task, state->durable, &reply, SLICE("SET"), key,
                            arena_printf(task->arena, "%u", if_new), SLICE("NX"));
        if (err == OK)
            err = state_command(task, state->durable, &reply, SLICE("GET"), key);
    }
    if (err != OK)
        return err;
    if (!slice_to_u64(reply.text, &partitions) || !partitions || partitions > PARTITION_MAX + 1) {
        log_event(LOG_ERROR, "partitions_unreadable", F("value", reply.text));
        return ERR_INTERNAL;
    }
    state->partitions = (unsigned)partitions;
    return OK;
}

static enum err wait_until_ready(struct task *task, struct state *state, unsigned partitions_if_new,
                                 uint64_t limit_ms)
{
    uint64_t until_ms = clock_ms() + task_timeout_ms(task, limit_ms);

    assert(partitions_if_new > 0 && partitions_if_new <= PARTITION_MAX + 1);
    while (clock_ms() < until_ms && !state->functions->closed) {
        if (state_ready(state) && redis_ready(state->streams) &&
            redis_ready(state->volatile_redis)) {
            enum err err = read_partitions(task, state, partitions_if_new);

            if (err != ERR_STATE_UNAVAILABLE)
                return err;
        }
        fiber_sleep(POLL_MS);
    }
    return ERR_STATE_UNAVAILABLE;
}

/* The first of our servers that is not ready. */
static const struct redis *find_missing(const struct state *state)
{
    const struct redis *servers[] = {state->durable, state->streams, state->volatile_redis};

    for (size_t i = 0; i < sizeof servers / sizeof *servers; i++)
        if (!redis_ready(servers[i]))
            return servers[i];
    return state->durable; /* it does not take our functions */
}

static void tell_missing(const struct redis *redis)
{
    const char *problem = redis_problem(redis);

    process_say("the state server %.*s cannot be used: %s", SLICE_ARG(redis_shown(redis)),
                *problem ? problem : "it gives no right answer");
}

enum err state_wait(struct task *task, struct state *state, unsigned partitions_if_new,
                    uint64_t limit_ms, uint64_t tell_after_ms)
{
    uint64_t until_ms = clock_ms() + limit_ms, tell_ms = clock_ms() + tell_after_ms;
    bool told = false;

    for (;;) {
        enum err err = wait_until_ready(task, state, partitions_if_new, STEP_MS);

        if (err != ERR_STATE_UNAVAILABLE || state->functions->closed)
            return err;
        const struct redis *missing = find_missing(state);
        if (redis_is_loading(missing)) { /* a big one takes its time: about 5 s a GB */
            until_ms = clock_ms() + limit_ms;
            continue;
        }
        bool over = clock_ms() >= until_ms;
        if (!told && (over || clock_ms() >= tell_ms)) {
            tell_missing(missing);
            told = true;
        }
        if (over)
            return err;
    }
}

/* -- Durability ------------------------------------------------------------------------------- */

/* One setting per call: servers before 7 know no other form. */
static enum err config_get(struct task *task, struct state *state, const char *name,
                           struct slice *out)
{
    struct redis_value reply;
    enum err err = redis_command(task, state->durable, &reply, SLICE("CONFIG"), SLICE("GET"),
                                 slice_from(name));

    if (err == OK && (reply.type != REDIS_LIST || reply.n != 2))
        err = ERR_FORBIDDEN;
    if (err == OK)
        *out = reply.items[1].text;
    return err;
}

bool state_check_durability(struct task *task, struct state *state, struct slice durability,
                            char **problem)
{
    struct slice appendonly, appendfsync, policy, maxmemory;

    *problem = NULL;
    if (config_get(task, state, "appendonly", &appendonly) != OK ||
        config_get(task, state, "appendfsync", &appendfsync) != OK ||
        config_get(task, state, "maxmemory-policy", &policy) != OK ||
        config_get(task, state, "maxmemory", &maxmemory) != OK) {
        log_event(LOG_WARN, "durability_unknown", F("wanted", durability),
                  F("reason", "the state server does not let us read its settings"));
        return true;
    }
    const char *weak = NULL;
    if (!slice_eq(appendonly, SLICE("yes")))
        weak = "appendonly is not yes";
    else if (slice_eq(appendfsync, SLICE("no")))
        weak = "appendfsync is no";
    else if (slice_eq(durability, SLICE("always")) && !slice_eq(appendfsync, SLICE("always")))
        weak = "appendfsync is not always";
    else if (!slice_eq(policy, SLICE("noeviction")) && !slice_eq(maxmemory, SLICE("0")))
        weak = "maxmemory-policy is not noeviction";
    if (weak)
        *problem = arena_cstr(task->arena,
                              arena_printf(task->arena,
                                           "the state server keeps less than --durability %.*s "
                                           "asks for: %s",
                                           SLICE_ARG(durability), weak));
    return weak == NULL;
}

/* "name:123" in a line of its own; 0: it does not stand there. */
static uint64_t info_number(struct slice info, struct slice name)
{
    struct slice line, key, value;
    uint64_t number = 0;

    while (slice_split(info, '\n', &line, &info)) {
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (slice_split(line, ':', &key, &value) && slice_eq(key, name) &&
            slice_to_u64(value, &number))
            return number;
    }
    return 0;
}

bool state_has_memory(struct task *task, struct state *state)
{
    struct redis_value info;

    if (redis_command(task, state->durable, &info, SLICE("INFO"), SLICE("memory")) != OK ||
        info.type != REDIS_TEXT)
        return true;
    uint64_t most = info_number(info.text, SLICE("maxmemory"));
    uint64_t used = info_number(info.text, SLICE("used_memory"));
    uint64_t buffers = info_number(info.text, SLICE("mem_not_counted_for_evict"));
    return most == 0 || used < most + buffers;
}

/* -- Calls ------------------------------------------------------------------------------------ */

enum err state_fault(const struct redis_value *value)
{
    static const struct slice not_ours[] = {
        SLICE_INIT("MISCONF "),
        SLICE_INIT("NOREPLICAS "),
        SLICE_INIT("BUSY "),
        SLICE_INIT("TRYAGAIN "),
    };

    if (value->type != REDIS_FAULT)
        return OK;
    if (slice_starts_with(value->text, SLICE("OOM "))) {
        log_event(LOG_WARN, "state_full", F("reason", value->text));
        return ERR_STORAGE_FULL;
    }
    for (size_t i = 0; i < sizeof not_ours / sizeof not_ours[0]; i++) {
        if (slice_starts_with(value->text, not_ours[i])) {
            log_event(LOG_WARN, "state_refused", F("reason", value->text));
            return ERR_STATE_UNAVAILABLE;
        }
    }
    log_event(LOG_ERROR, "state_fault", F("reason", value->text));
    return ERR_INTERNAL;
}

enum err state_callv(struct task *task, struct redis *redis, struct redis_value *out,
                     const struct slice *argv, size_t argc)
{
    enum err err = redis_callv(task, redis, out, argv, argc);

    return err == OK ? state_fault(out) : err;
}

enum err state_page(struct task *task, struct state *state, struct slice key, bool newest_first,
                    uint64_t skip, uint64_t limit, struct redis_value *ids, uint64_t *total)
{
    struct arena *arena = task->arena;
    uint64_t first = skip < INT64_MAX ? skip : INT64_MAX; /* Redis counts no further */
    uint64_t end = limit < INT64_MAX - first ? first + limit : INT64_MAX;
    struct slice from = arena_printf(arena, "%" PRIu64, first);
    struct slice last = arena_printf(arena, "%" PRIu64, end - 1);
    struct redis_call *calls[] = {
        redis_send(state->durable, REDIS_ARGV(SLICE("ZCARD"), key), 2),
        redis_send(state->durable,
                   REDIS_ARGV(newest_first ? SLICE("ZREVRANGE") : SLICE("ZRANGE"), key, from, last),
                   4),
    };
    struct redis_value replies[2];
    enum err err = redis_await_all(task, calls, 2, replies);

    for (size_t i = 0; i < 2 && err == OK; i++)
        err = state_fault(&replies[i]);
    *ids = err == OK ? replies[1] : (struct redis_value){0};
    *total = err == OK ? (uint64_t)replies[0].number : 0;
    return err;
}

enum err state_fcall(struct task *task, struct state *state, struct slice function,
                     struct slice key, const struct slice *argv, size_t argc,
                     struct redis_value *out)
{
    struct slice *full = ARENA_ARRAY(task->arena, struct slice, argc + 4);

    full[0] = SLICE("FCALL");
    full[1] = function;
    full[2] = SLICE("1");
    full[3] = key;
    if (argc)
        memcpy(full + 4, argv, argc * sizeof *argv);
    enum err err = redis_callv(task, state->durable, out, full, argc + 4);
    if (err != OK)
        return err;
    /* Somebody flushed them, or this is a new master that never had them. */
    if (out->type == REDIS_FAULT && slice_eq(out->text, SLICE("ERR Function not found"))) {
        err = load_functions(task, state);
        if (err == OK)
            err = redis_callv(task, state->durable, out, full, argc + 4);
    }
    return err == OK ? state_fault(out) : err;
}

struct slice state_key(struct arena *arena, unsigned partition, const char *format, ...)
{
    char tag[16];
    va_list args, again;
    size_t tag_n = (size_t)snprintf(tag, sizeof tag, "{p%u}:", partition);

    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    assert(n >= 0);
    char *key = arena_alloc(arena, tag_n + (size_t)n + 1);
    memcpy(key, tag, tag_n);
    vsnprintf(key + tag_n, (size_t)n + 1, format, again);
    va_end(again);
    va_end(args);
    return (struct slice){key, tag_n + (size_t)n};
}
