#include "gateway/housekeeping.h"

#include "base/crypto.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/timer.h"
#include "gateway/collector.h"
#include "gateway/gateway.h"
#include "state/job.h"

#include <inttypes.h>
#include <stdio.h>

enum { TURN_MS = 10000, PERIOD_MS = 1000 };

struct housekeeping {
    struct gateway *gateway;
    struct collector *collector;
    struct timer timer;
    char holder[33]; /* names this process in the lease */
    bool running;    /* a round is under way on a fiber */
    bool stopping;
};

static const struct slice lease_key = SLICE_INIT("hub:housekeeping");

static void on_timer(struct timer *timer);

/* Takes or renews the turn. A fleeting server that is away leaves nobody in charge: leases of jobs
 * then wait, which is harmless. */
static bool take_turn(struct task *task, struct housekeeping *housekeeping)
{
    struct redis *redis = housekeeping->gateway->state->fleeting;
    struct slice holder = slice_from(housekeeping->holder);
    struct slice ttl = arena_printf(task->arena, "%d", TURN_MS);
    struct redis_value value;

    if (redis_command(task, redis, &value, SLICE("SET"), lease_key, holder, SLICE("NX"),
                      SLICE("PX"), ttl) != OK)
        return false;
    if (value.type == REDIS_TEXT)
        return true;
    if (redis_command(task, redis, &value, SLICE("GET"), lease_key) != OK ||
        !slice_eq(value.text, holder))
        return false;
    return redis_command(task, redis, &value, SLICE("PEXPIRE"), lease_key, ttl) == OK;
}

static void free_all(struct housekeeping *housekeeping)
{
    collector_free(housekeeping->collector);
    mem_free(housekeeping);
}

static void run_round(struct task *task, void *arg)
{
    struct housekeeping *housekeeping = arg;

    if (take_turn(task, housekeeping)) {
        enum err err = job_expire_leases(task, housekeeping->gateway->state);
        if (err == OK && !housekeeping->stopping)
            err = collector_round(task, housekeeping->collector);
        if (err != OK)
            log_event(LOG_WARN, "housekeeping_failed", F("error", err_row(err)->slug));
    }
    housekeeping->running = false;
    if (housekeeping->stopping)
        free_all(housekeeping);
    else
        timer_start(&housekeeping->timer, PERIOD_MS, on_timer);
}

static void on_timer(struct timer *timer)
{
    struct housekeeping *housekeeping = CONTAINER_OF(timer, struct housekeeping, timer);

    housekeeping->running = task_spawn(run_round, housekeeping);
    if (!housekeeping->running)
        timer_start(timer, PERIOD_MS, on_timer);
}

struct housekeeping *housekeeping_start(struct gateway *gateway)
{
    struct housekeeping *housekeeping = MEM_NEW(struct housekeeping);
    uint64_t id[2];

    housekeeping->gateway = gateway;
    housekeeping->collector = collector_new(gateway->store, gateway->state,
                                            config_number(gateway->config, "store.collect_after"));
    random_bytes(id, sizeof id);
    snprintf(housekeeping->holder, sizeof housekeeping->holder, "%016" PRIx64 "%016" PRIx64, id[0],
             id[1]);
    timer_start(&housekeeping->timer, PERIOD_MS, on_timer);
    return housekeeping;
}

void housekeeping_stop(struct housekeeping *housekeeping)
{
    if (!housekeeping)
        return;
    timer_stop(&housekeeping->timer);
    housekeeping->stopping = true;
    if (!housekeeping->running)
        free_all(housekeeping);
}
