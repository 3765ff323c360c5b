#include "gateway/jobs/job_slots.h"

#include "base/loop.h"
#include "base/memory.h"

#include <assert.h>
#include <nng/protocol/reqrep0/rep.h>
#include <string.h>

enum { DRAIN_MS = 100, REQUEST_MAX_BYTES = 1 << 20, SLOT_MAGIC = 0x6a73736c };

/* ---- a slot's round ---- */

static void receive(struct slot *slot)
{
    slot->step = SLOT_RECEIVING;
    nng_ctx_recv(slot->context, slot->aio);
}

void slot_answer(struct slot *slot, const struct wire_message *message)
{
    struct buf bytes;
    nng_msg *out = NULL;

    if (slot->owner->closed)
        return;
    assert(slot->step == SLOT_WORKING || slot->step == SLOT_PARKED);
    buf_init(&bytes, WIRE_MAX_BYTES);
    bool fine = wire_encode(&bytes, message) && nng_msg_alloc(&out, 0) == 0 &&
                nng_msg_append(out, buf_slice(&bytes).p, buf_slice(&bytes).n) == 0;
    buf_fini(&bytes);
    assert(fine);
    (void)fine;
    slot->step = SLOT_SENDING;
    nng_aio_set_timeout(slot->aio, slot->owner->draining ? DRAIN_MS : NNG_DURATION_DEFAULT);
    nng_aio_set_msg(slot->aio, out);
    nng_ctx_send(slot->context, slot->aio);
}

void slot_answer_bare(struct slot *slot, enum wire_type type)
{
    slot_answer(slot, &(struct wire_message){.type = type});
}

void slot_answer_none(struct slot *slot, uint64_t wait_ms)
{
    slot_answer(slot, &(struct wire_message){.type = WIRE_NONE, .none = {wait_ms}});
}

static void take_request(struct slot *slot)
{
    slot->request = nng_aio_get_msg(slot->aio);
    slot->pipe = (uint32_t)nng_pipe_id(nng_msg_get_pipe(slot->request));
    slot->step = SLOT_WORKING;
    slot->owner->on_request(slot);
}

static void on_step(void *arg)
{
    struct slot *slot = CAST_OBJ(struct slot, arg, SLOT_MAGIC);
    int failed = nng_aio_result(slot->aio);
    bool closed = failed == NNG_ECLOSED || slot->owner->closed;
    bool received = slot->step == SLOT_RECEIVING && !failed;

    /* What could not be sent is still ours, and so is what came too late. */
    if ((failed && slot->step == SLOT_SENDING) || (received && closed))
        nng_msg_free(nng_aio_get_msg(slot->aio));
    if (closed)
        slot->step = SLOT_CLOSED;
    else if (received)
        take_request(slot);
    else
        receive(slot);
}

static void on_aio(void *arg)
{
    loop_post(on_step, arg);
}

/* ---- all slots ---- */

size_t slots_parked(const struct slots *slots)
{
    size_t n = 0;

    for (size_t i = 0; i < SLOTS; i++)
        n += slots->slot[i].step == SLOT_PARKED;
    return n;
}

static bool goes_before(const struct slot *a, const struct slot *b)
{
    if (a->wish.brief != b->wish.brief)
        return b->wish.brief;
    return a->since_ms < b->since_ms;
}

struct slot *slots_find_parked(struct slots *slots,
                               bool (*said)(const struct slot *slot, const void *arg),
                               const void *arg)
{
    struct slot *best = NULL;

    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &slots->slot[i];

        if (slot->step == SLOT_PARKED && said(slot, arg) && (!best || goes_before(slot, best)))
            best = slot;
    }
    return best;
}

/* ---- pipes ---- */

struct pipe_news {
    struct slots *slots;
    uint32_t pipe;
    bool open;
};

bool slots_pipe_open(const struct slots *slots, uint32_t pipe)
{
    for (size_t i = 0; i < slots->pipe_count; i++) {
        if (slots->pipes[i] == pipe)
            return true;
    }
    return false;
}

static void forget_pipe(struct slots *slots, uint32_t pipe)
{
    for (size_t i = 0; i < slots->pipe_count; i++) {
        if (slots->pipes[i] == pipe)
            slots->pipes[i--] = slots->pipes[--slots->pipe_count];
    }
    for (size_t i = 0; i < SLOTS; i++) {
        /* nng throws the answer away, and the slot is free again. */
        if (slots->slot[i].step == SLOT_PARKED && slots->slot[i].pipe == pipe)
            slot_answer_none(&slots->slot[i], 0);
    }
    slots->on_pipe_closed(slots, pipe);
}

/* While draining, pipes end because of us: that says nothing about the workers. */
static void on_pipe_news(void *arg)
{
    struct pipe_news news = *(struct pipe_news *)arg;
    struct slots *slots = news.slots;

    mem_free(arg);
    if (slots->draining)
        return;
    if (!news.open)
        forget_pipe(slots, news.pipe);
    else if (slots->pipe_count < SLOTS_PIPES_MAX)
        slots->pipes[slots->pipe_count++] = news.pipe;
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    struct pipe_news *news = MEM_NEW(struct pipe_news);

    *news = (struct pipe_news){arg, (uint32_t)nng_pipe_id(pipe), event == NNG_PIPE_EV_ADD_PRE};
    loop_post(on_pipe_news, news);
}

/* ---- opening and closing ---- */

static int open_contexts(struct slots *slots)
{
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &slots->slot[i];
        int failed = nng_ctx_open(&slot->context, slots->socket);

        if (!failed)
            failed = nng_aio_alloc(&slot->aio, on_aio, slot);
        if (failed)
            return failed;
        slot->magic = SLOT_MAGIC;
        slot->owner = slots;
    }
    return 0;
}

static int listen_at(struct slots *slots, const char *url)
{
    nng_listener listener;
    int failed = nng_listener_create(&listener, slots->socket, url);

    if (failed)
        return failed;
    if (strncmp(url, "ipc:", 4) == 0)
        failed = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, 0600);
    else if (strncmp(url, "tcp:", 4) == 0)
        failed = nng_listener_set_bool(listener, NNG_OPT_TCP_KEEPALIVE, true);
    return failed ? failed : nng_listener_start(listener, 0);
}

int slots_open(struct slots *slots, const char *url)
{
    int failed = nng_rep0_open(&slots->socket);

    if (!failed)
        failed = nng_socket_set_size(slots->socket, NNG_OPT_RECVMAXSZ, REQUEST_MAX_BYTES);
    if (!failed)
        failed = nng_pipe_notify(slots->socket, NNG_PIPE_EV_ADD_PRE, on_pipe, slots);
    if (!failed)
        failed = nng_pipe_notify(slots->socket, NNG_PIPE_EV_REM_POST, on_pipe, slots);
    if (!failed)
        failed = open_contexts(slots);
    if (!failed)
        failed = listen_at(slots, url);
    for (size_t i = 0; !failed && i < SLOTS; i++)
        receive(&slots->slot[i]);
    return failed;
}

void slots_close(struct slots *slots)
{
    slots->draining = true;
    for (size_t i = 0; i < SLOTS; i++) {
        if (slots->slot[i].step == SLOT_PARKED)
            slot_answer_bare(&slots->slot[i], WIRE_DRAIN);
    }
    for (size_t i = 0; i < SLOTS; i++) {
        if (slots->slot[i].step == SLOT_SENDING)
            nng_aio_wait(slots->slot[i].aio);
    }
    slots->closed = true;
    nng_pipe_notify(slots->socket, NNG_PIPE_EV_ADD_PRE, NULL, NULL);
    nng_pipe_notify(slots->socket, NNG_PIPE_EV_REM_POST, NULL, NULL);
    for (size_t i = 0; i < SLOTS; i++) {
        if (slots->slot[i].aio)
            nng_aio_stop(slots->slot[i].aio);
    }
    nng_close(slots->socket);
}

void slots_free(struct slots *slots)
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (slots->slot[i].aio)
            nng_aio_free(slots->slot[i].aio);
    }
}
