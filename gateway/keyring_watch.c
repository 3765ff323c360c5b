#include "gateway/keyring_watch.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/timer.h"
#include "gateway/gateway.h"

enum { PERIOD_MS = 1000, AFTER_FAULT_MS = 30000 };

struct keyring_watch {
    struct gateway *gateway;
    struct timer timer;
    bool running, stopping;
};

static void on_timer(struct timer *timer);

static bool ended_early(const struct keyring *before, const struct keyring *now)
{
    uint64_t now_s = clock_unix_ms() / 1000;

    for (size_t i = 0; i < before->n; i++) {
        const struct signing_key *key = &before->token_keys[i];

        if (!keyring_find(now, slice_from(key->kid)) && (!key->until_s || key->until_s > now_s))
            return true;
    }
    return false;
}

static void take_up(struct gateway *gateway, const struct keyring *now)
{
    bool early = ended_early(&gateway->keyring, now);

    if (!keyring_find(&gateway->keyring, slice_from(now->token_keys[0].kid)))
        log_event(LOG_INFO, "keys_rotated", F("kid", now->token_keys[0].kid), F("at_once", early));
    gateway->keyring = *now;
    if (early && gateway->realtime)
        realtime_end_tokens(gateway->realtime);
}

static void look(struct task *task, void *arg)
{
    struct keyring_watch *watch = arg;
    struct keyring now;
    enum err err = keyring_reload(task, watch->gateway->state, &now);

    watch->running = false;
    if (watch->stopping) {
        mem_free(watch);
        return;
    }
    if (err == OK && now.n && now.link_n)
        take_up(watch->gateway, &now);
    timer_start(&watch->timer, err == ERR_INTERNAL ? AFTER_FAULT_MS : PERIOD_MS, on_timer);
}

static void on_timer(struct timer *timer)
{
    struct keyring_watch *watch = CONTAINER_OF(timer, struct keyring_watch, timer);

    watch->running = task_spawn(look, watch);
    if (!watch->running)
        timer_start(timer, PERIOD_MS, on_timer);
}

struct keyring_watch *keyring_watch_start(struct gateway *gateway)
{
    struct keyring_watch *watch = MEM_NEW(struct keyring_watch);

    watch->gateway = gateway;
    timer_start(&watch->timer, PERIOD_MS, on_timer);
    return watch;
}

void keyring_watch_stop(struct keyring_watch *watch)
{
    if (!watch)
        return;
    timer_stop(&watch->timer);
    watch->stopping = true;
    if (!watch->running)
        mem_free(watch);
}
