/* job_slots.h: the job server's nng socket: a REP context per request of a worker, from its arrival
 * to its answer, and which pipes are open. Knows nng and the wire's bytes; of jobs
 * only what a worker wishes for, and nothing of Redis. nng's callbacks run on its threads and only
 * post to the loop, where everything here is called. Embedded in its owner. */
#pragma once

#include "state/job.h"
#include "wire/wire.h"

#include <nng/nng.h>

enum {
    SLOTS = 256,
    /* Past it nobody is parked: with every context taken, nng would stop reading from a worker, and
     * neither its heartbeat nor its death would be noticed. */
    SLOTS_PARKED_MAX = SLOTS * 9 / 10,
    SLOTS_PIPES_MAX = 1024,
};

enum slot_step { SLOT_RECEIVING, SLOT_WORKING, SLOT_PARKED, SLOT_SENDING, SLOT_CLOSED };

/* Receives a request, is at work on it or parked, sends the answer, and again. */
struct slot {
    uint32_t magic;
    struct slots *owner;
    nng_ctx context;
    nng_aio *aio;
    enum slot_step step;
    nng_msg *request; /* whoever works on it frees it */
    uint32_t pipe;
    /* While parked: */
    char worker[65], boot[65];
    uint64_t sequence, since_ms;
    struct job_wish wish;
};

struct slots {
    nng_socket socket;
    bool draining, closed;
    void (*on_request)(struct slot *slot); /* sees to it that the slot is answered or parked */
    void (*on_pipe_closed)(struct slots *slots, uint32_t pipe);
    uint32_t pipes[SLOTS_PIPES_MAX];
    size_t pipe_count;
    struct slot slot[SLOTS];
};

/* Listens; the callbacks are set before. Returns nng's error, 0 for none; slots_close() and
 * slots_free() in either case. */
int slots_open(struct slots *slots, const char *url);

/* Says "drain" to the parked, at most 100 ms long, and closes. Callbacks that were posted before
 * still come: slots_free() belongs behind them in loop_post(). */
void slots_close(struct slots *slots);
void slots_free(struct slots *slots);

/* Of a slot at work or parked; after slots_close() nothing happens. */
void slot_answer(struct slot *slot, const struct wire_message *message);
void slot_answer_bare(struct slot *slot, enum wire_type type);
void slot_answer_none(struct slot *slot, uint64_t wait_ms);

size_t slots_parked(const struct slots *slots);
/* Of the parked that this is said of, the one who has waited longest, but one who takes everything
 * before one who has a job already; NULL: none. */
struct slot *slots_find_parked(struct slots *slots,
                               bool (*said)(const struct slot *slot, const void *arg),
                               const void *arg);
bool slots_pipe_open(const struct slots *slots, uint32_t pipe);
