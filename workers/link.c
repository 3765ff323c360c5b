#include "workers/link.h"

#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"

#include <assert.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

/* Bursts of dialling are cheap; a gateway that is back is found within two seconds. */
enum { RECONNECT_MIN_MS = 200, RECONNECT_MAX_MS = 2000, CLOSE_MAX_S = 1 };

enum step { STEP_IDLE, STEP_SENDING, STEP_RECEIVING };

struct lane {
    nng_ctx context;
    nng_aio *aio;
    enum step step;
    bool cancelled;
    uint64_t limit_ms;
    nng_msg *answer;
    struct fiber_wait wait;
};

struct link {
    nng_socket socket;
    struct lane lanes[LINK_LANES];
    struct slice url;
};

static void finish(struct lane *lane, nng_msg *answer)
{
    lane->step = STEP_IDLE;
    lane->answer = answer;
    fiber_resume(&lane->wait);
}

static void receive(struct lane *lane)
{
    lane->step = STEP_RECEIVING;
    nng_aio_set_timeout(lane->aio, (nng_duration)lane->limit_ms);
    nng_ctx_recv(lane->context, lane->aio);
}

static void on_step(void *arg)
{
    struct lane *lane = arg;
    int failed = nng_aio_result(lane->aio);

    if (lane->step == STEP_SENDING) {
        if (failed)
            nng_msg_free(nng_aio_get_msg(lane->aio));
        if (failed || lane->cancelled)
            finish(lane, NULL);
        else
            receive(lane);
        return;
    }
    assert(lane->step == STEP_RECEIVING);
    finish(lane, failed ? NULL : nng_aio_get_msg(lane->aio));
}

static void on_aio(void *arg)
{
    loop_post(on_step, arg);
}

static bool set_up_socket(struct link *link)
{
    /* Resending off before the contexts inherit it; the size bound before anything connects. */
    return nng_socket_set_ms(link->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE) == 0 &&
           nng_socket_set_size(link->socket, NNG_OPT_RECVMAXSZ, WIRE_MAX_BYTES) == 0 &&
           nng_socket_set_ms(link->socket, NNG_OPT_RECONNMINT, RECONNECT_MIN_MS) == 0 &&
           nng_socket_set_ms(link->socket, NNG_OPT_RECONNMAXT, RECONNECT_MAX_MS) == 0;
}

static int dial(struct link *link)
{
    nng_dialer dialer;
    int failed = nng_dialer_create(&dialer, link->socket, link->url.p);

    if (failed)
        return failed;
    if (slice_starts_with(link->url, SLICE("tcp:")))
        nng_dialer_set_bool(dialer, NNG_OPT_TCP_KEEPALIVE, true);
    /* A blocking dial gives up for ever when the gateway is not there yet. */
    return nng_dialer_start(dialer, NNG_FLAG_NONBLOCK);
}

struct link *link_open(struct slice url, const char **problem)
{
    struct link *link = MEM_NEW(struct link);
    char *copy = mem_alloc(url.n + 1);

    memcpy(copy, url.p, url.n);
    link->url = (struct slice){copy, url.n};
    int failed = nng_req0_open(&link->socket);
    if (!failed && !set_up_socket(link))
        failed = NNG_EINVAL;
    for (int i = 0; !failed && i < LINK_LANES; i++) {
        failed = nng_ctx_open(&link->lanes[i].context, link->socket);
        if (!failed)
            failed = nng_aio_alloc(&link->lanes[i].aio, on_aio, &link->lanes[i]);
    }
    if (!failed)
        failed = dial(link);
    if (!failed)
        return link;
    *problem = nng_strerror(failed);
    link_close(link);
    return NULL;
}

struct closing {
    nng_ctx contexts[LINK_LANES];
    nng_socket socket;
};

/* A context keeps its question until it is closed. */
static void *close_all(void *arg)
{
    struct closing *closing = arg;

    for (int i = 0; i < LINK_LANES; i++)
        nng_ctx_close(closing->contexts[i]);
    nng_close(closing->socket);
    mem_free(closing);
    return NULL;
}

/* Closes on a thread of its own: nng 1.5.2 may wait for ever in nng_close() where the other end
 * closes in the same moment, which happened at one end of a hub in a hundred. That thread then ends
 * with the process. */
static void close_aside(const struct link *link)
{
    struct closing *closing = MEM_NEW(struct closing);
    struct timespec until;
    pthread_t thread;

    for (int i = 0; i < LINK_LANES; i++)
        closing->contexts[i] = link->lanes[i].context;
    closing->socket = link->socket;
    if (pthread_create(&thread, NULL, close_all, closing) != 0) {
        close_all(closing);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CLOSE_MAX_S;
    if (pthread_timedjoin_np(thread, NULL, &until) != 0)
        pthread_detach(thread);
}

void link_close(struct link *link)
{
    for (int i = 0; i < LINK_LANES; i++) {
        assert(link->lanes[i].step == STEP_IDLE);
        if (link->lanes[i].aio)
            nng_aio_stop(link->lanes[i].aio);
    }
    close_aside(link);
    for (int i = 0; i < LINK_LANES; i++) {
        if (link->lanes[i].aio)
            nng_aio_free(link->lanes[i].aio);
    }
    mem_free((void *)(uintptr_t)link->url.p);
    mem_free(link);
}

struct slice link_url(const struct link *link)
{
    return link->url;
}

static nng_msg *to_message(const struct wire_message *question)
{
    struct buf bytes;
    nng_msg *message = NULL;

    buf_init(&bytes, WIRE_MAX_BYTES);
    if (wire_encode(&bytes, question) && nng_msg_alloc(&message, 0) == 0)
        nng_msg_append(message, buf_slice(&bytes).p, buf_slice(&bytes).n);
    buf_fini(&bytes);
    return message;
}

static bool take_answer(struct task *task, struct link *link, nng_msg *message,
                        struct wire_message *answer)
{
    struct slice bytes = {nng_msg_body(message), nng_msg_len(message)};
    enum wire_fault fault = wire_decode(task->arena, arena_dup(task->arena, bytes), answer);

    nng_msg_free(message);
    if (fault)
        log_event(LOG_ERROR, "gateway_speaks_nonsense", F("url", link->url),
                  F("fault", wire_fault_name(fault)));
    return fault == WIRE_FINE;
}

bool link_ask(struct task *task, struct link *link, enum link_lane lane_number,
              const struct wire_message *question, uint64_t limit_ms, struct wire_message *answer)
{
    struct lane *lane = &link->lanes[lane_number];
    nng_msg *message = to_message(question);

    assert(lane->step == STEP_IDLE);
    if (!message)
        return false;
    lane->limit_ms = limit_ms;
    lane->cancelled = false;
    lane->wait = (struct fiber_wait){0};
    lane->step = STEP_SENDING;
    nng_aio_set_timeout(lane->aio, (nng_duration)limit_ms);
    nng_aio_set_msg(lane->aio, message);
    nng_ctx_send(lane->context, lane->aio);
    fiber_await(&lane->wait, FIBER_FOREVER); /* nng's own timeout ends it */
    return lane->answer && take_answer(task, link, lane->answer, answer);
}

void link_cancel(struct link *link, enum link_lane lane_number)
{
    struct lane *lane = &link->lanes[lane_number];

    if (lane->step == STEP_IDLE || lane->cancelled)
        return;
    lane->cancelled = true;
    nng_aio_cancel(lane->aio);
}
