#include "gateway/jobs/housekeeping.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/timer.h"
#include "gateway/gateway.h"
#include "gateway/jobs/collector.h"
#include "gateway/jobs/renewal.h"
#include "gateway/jobs/upload_expiry.h"
#include "state/collection_members.h"
#include "state/job.h"
#include "state/lease.h"
#include "state/logins.h"

enum { TURN_MS = 10000, PERIOD_MS = 1000 };

struct housekeeping {
    struct gateway *gateway;
    struct collector *collector;
    struct renewal *renewal;
    struct upload_expiry *expiry;
    struct timer timer;
    struct arena *arena;
    struct slice holder; /* names this process in the lease */
    bool adopted;        /* what an older version has left of jobs */
    bool running;        /* a round is under way on a fiber */
    bool stopping;
};

static void on_timer(struct timer *timer);

static void free_all(struct housekeeping *housekeeping)
{
    collector_free(housekeeping->collector);
    renewal_free(housekeeping->renewal);
    upload_expiry_free(housekeeping->expiry);
    arena_free(housekeeping->arena);
    mem_free(housekeeping);
}

static void run_round(struct task *task, void *arg)
{
    struct housekeeping *housekeeping = arg;

    /* A volatile server that is away leaves nobody in charge: leases of jobs then wait, which is
     * harmless. */
    if (lease_take(task, housekeeping->gateway->state, SLICE("hub:housekeeping"),
                   housekeeping->holder, TURN_MS) == OK) {
        enum err err = job_expire_leases(task, housekeeping->gateway->state);
        if (err == OK && !housekeeping->adopted)
            err = job_adopt(task, housekeeping->gateway->state, &housekeeping->adopted);
        if (err == OK)
            err = logins_end_left(task, housekeeping->gateway->state, clock_unix_ms());
        if (err == OK && !housekeeping->stopping)
            err = collection_forget_deleted(task, housekeeping->gateway->state,
                                            &housekeeping->stopping);
        if (err == OK && !housekeeping->stopping)
            err = collector_round(task, housekeeping->collector);
        if (err == OK && !housekeeping->stopping)
            err = renewal_round(task, housekeeping->renewal);
        if (err == OK && !housekeeping->stopping)
            err = upload_expiry_round(task, housekeeping->expiry);
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

    housekeeping->gateway = gateway;
    housekeeping->collector = collector_new(gateway->store, gateway->state,
                                            config_number(gateway->config, "store.collect_after"));
    housekeeping->renewal = renewal_new(gateway->state);
    housekeeping->expiry = upload_expiry_new(gateway->store, gateway->state,
                                             config_number(gateway->config, "uploads.expire"));
    housekeeping->arena = arena_new();
    housekeeping->holder = lease_holder_new(housekeeping->arena);
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
