#include "webhooks/dispatcher.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/memory.h"
#include "state/pulse.h"
#include "state/stream.h"
#include "webhooks/acceptor.h"
#include "webhooks/sender.h"
#include "webhooks/sweep.h"

#include <assert.h>
#include <stdio.h>

static void on_ended(void *arg, struct slice id, bool deleted)
{
    sweep_later(arg, id, deleted);
}

/* -- The stream rings -------------------------------------------------------------------------- */

static void on_event(void *arg, const struct event *event)
{
    struct dispatcher *dispatcher = arg;

    bell_ring(&dispatcher->shards[event->partition].news);
}

/* The acceptor finds out by itself. */
static void on_fork(void *arg, unsigned partition, const struct head *head)
{
    struct dispatcher *dispatcher = arg;

    bell_ring(&dispatcher->shards[partition].news);
}

/* -- Start and stop ---------------------------------------------------------------------------- */

struct errand {
    struct dispatcher *dispatcher;
    task_fn *fn;
    void *arg;
};

static void run_errand(struct task *task, void *arg)
{
    struct errand errand = *(struct errand *)arg;

    mem_free(arg);
    errand.fn(task, errand.arg);
    if (--errand.dispatcher->fibers == 0)
        errand.dispatcher->on_stopped(errand.dispatcher->arg);
}

static void spawn(struct dispatcher *dispatcher, task_fn *fn, void *arg)
{
    struct errand *errand = MEM_NEW(struct errand);

    *errand = (struct errand){dispatcher, fn, arg};
    dispatcher->fibers++;
    bool spawned = task_spawn(run_errand, errand);
    assert(spawned); /* main() asked for enough of them */
    (void)spawned;
}

/* For /ready of the gateways. */
static void on_pulse(struct timer *timer)
{
    struct dispatcher *dispatcher = CONTAINER_OF(timer, struct dispatcher, pulse);

    pulse_beat(dispatcher->state, PULSE_DISPATCHER);
    timer_start(timer, PULSE_PERIOD_MS, on_pulse);
}

struct dispatcher *dispatcher_start(const struct dispatcher_settings *settings,
                                    void (*on_stopped)(void *arg), void *arg)
{
    struct dispatcher *dispatcher = MEM_NEW(struct dispatcher);
    struct stream_handlers handlers = {.arg = dispatcher, .on_event = on_event, .on_fork = on_fork};
    uint64_t name;

    random_bytes(&name, sizeof name);
    snprintf(dispatcher->name, sizeof dispatcher->name, "%016llx", (unsigned long long)name);
    dispatcher->state = settings->state;
    dispatcher->bounds = settings->bounds;
    dispatcher->grace_ms = settings->grace_ms;
    dispatcher->on_stopped = on_stopped;
    dispatcher->arg = arg;
    dispatcher->directory = directory_new(settings->state, on_ended, dispatcher);
    dispatcher->transfers = transfers_new(settings->policy);
    dispatcher->shards = mem_alloc(settings->state->partitions * sizeof *dispatcher->shards);
    dispatcher->stream = stream_open(settings->state, NULL, &handlers);
    assert(dispatcher->stream);
    for (unsigned p = 0; p < settings->state->partitions; p++) {
        struct shard *shard = &dispatcher->shards[p];

        shard->dispatcher = dispatcher;
        shard->partition = p;
        shard->ready_tail = &shard->ready_head;
        shard->ended_tail = &shard->ended_head;
        spawn(dispatcher, acceptor_run, shard);
        spawn(dispatcher, sender_run, shard);
    }
    spawn(dispatcher, sweep_run, dispatcher);
    on_pulse(&dispatcher->pulse);
    return dispatcher;
}

static void on_grace_over(struct timer *timer)
{
    transfer_abort_all(CONTAINER_OF(timer, struct dispatcher, grace)->transfers);
}

void dispatcher_stop(struct dispatcher *dispatcher)
{
    assert(!dispatcher->stopping);
    dispatcher->stopping = true;
    dispatcher->give_up_ms = clock_ms() + dispatcher->grace_ms + DISPATCHER_FLUSH_MS;
    timer_start(&dispatcher->grace, dispatcher->grace_ms, on_grace_over);
    stream_close(dispatcher->stream);
    bell_ring(&dispatcher->sweep_bell);
    for (unsigned p = 0; p < dispatcher->state->partitions; p++) {
        bell_ring(&dispatcher->shards[p].news);
        bell_ring(&dispatcher->shards[p].work);
    }
}

void dispatcher_free(struct dispatcher *dispatcher)
{
    assert(dispatcher->fibers == 0);
    timer_stop(&dispatcher->grace);
    timer_stop(&dispatcher->pulse);
    transfers_free(dispatcher->transfers);
    for (unsigned p = 0; p < dispatcher->state->partitions; p++)
        sender_forget_all(&dispatcher->shards[p]);
    directory_free(dispatcher->directory);
    sweep_forget_all(dispatcher);
    mem_free(dispatcher->shards);
    mem_free(dispatcher);
}

bool dispatcher_ready(const struct dispatcher *dispatcher)
{
    for (unsigned p = 0; p < dispatcher->state->partitions; p++)
        if (!dispatcher->shards[p].cursor_known)
            return false;
    return true;
}
