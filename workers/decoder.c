#include "workers/decoder.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/timer.h"
#include "workers/watch.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum {
    WATCH_MS = 100,
    START_PATIENCE_MS = 10000, /* for the child to say that it is ready */
    GRACE_MS = 2000,           /* beyond the deadline that the child keeps itself */
    RESTART_MS = 500,          /* after a life of under RESTART_MS */
};
static const uint64_t MAX_RESIDENT_BYTES = 1536ULL << 20;
/* Freed memory does not always return to the system; a child this big is replaced between jobs. */
static const uint64_t RECYCLE_RESIDENT_BYTES = 384ULL << 20;

enum state { STATE_DOWN, STATE_STARTING, STATE_READY, STATE_BUSY, STATE_DYING };

struct decoder {
    enum state state;
    uv_process_t process;
    uv_poll_t poll;
    int socket;
    size_t open_handles;
    bool stopping;
    uint64_t started_ms, give_up_ms;
    struct timer watch, restart;
    struct fiber_wait ready, answered, gone;
    enum decoder_end end;
    size_t answer_n;
    char bytes[WIRE_MAX_BYTES];
};

static void start(struct decoder *decoder);

const char *decoder_program(struct arena *arena)
{
    char *self = arena_zalloc(arena, PATH_MAX);
    ssize_t n = readlink("/proc/self/exe", self, PATH_MAX - 1);
    struct slice path = {self, n > 0 ? (size_t)n : 0};

    while (path.n && path.p[path.n - 1] != '/')
        path.n--;
    return arena_printf(arena, "%.*smediahub-decode", SLICE_ARG(path)).p;
}

/* ---- end and restart ---- */

static void on_restart(struct timer *timer)
{
    start(CONTAINER_OF(timer, struct decoder, restart));
}

static void on_closed(uv_handle_t *handle)
{
    struct decoder *decoder = handle->data;

    if (--decoder->open_handles > 0)
        return;
    if (decoder->stopping)
        fiber_resume(&decoder->gone);
    else
        timer_start(&decoder->restart,
                    clock_ms() - decoder->started_ms < RESTART_MS ? RESTART_MS : 1, on_restart);
}

static void on_exit_of_child(uv_process_t *process, int64_t status, int signal)
{
    struct decoder *decoder = process->data;

    if (!decoder->stopping)
        log_event(LOG_WARN, "decoder_ended", F("pid", process->pid), F("status", status),
                  F("signal", signal));
    timer_stop(&decoder->watch);
    enum state state = decoder->state;
    decoder->state = STATE_DOWN;
    uv_close((uv_handle_t *)&decoder->process, on_closed);
    uv_close((uv_handle_t *)&decoder->poll, on_closed);
    close(decoder->socket);
    if (state == STATE_BUSY)
        fiber_resume(&decoder->answered);
}

static void kill_child(struct decoder *decoder, enum decoder_end why)
{
    decoder->end = why;
    if (decoder->state != STATE_BUSY)
        decoder->state = STATE_DYING;
    uv_process_kill(&decoder->process, SIGKILL);
}

/* ---- while it works ---- */

static void on_watch(struct timer *timer)
{
    struct decoder *decoder = CONTAINER_OF(timer, struct decoder, watch);

    timer_start(timer, WATCH_MS, on_watch);
    if (clock_ms() > decoder->give_up_ms)
        kill_child(decoder, DECODER_TIMED_OUT);
    else if (watch_resident_bytes(decoder->process.pid) > MAX_RESIDENT_BYTES)
        kill_child(decoder, DECODER_OUT_OF_MEMORY);
}

static void log_level_of_sandbox(struct decoder *decoder)
{
    struct arena *arena = arena_new();
    struct wire_message message;
    struct slice bytes = {decoder->bytes, decoder->answer_n};

    if (wire_decode(arena, bytes, &message) == WIRE_FINE && message.type == WIRE_SANDBOX) {
        bool whole = message.sandbox.landlock && message.sandbox.seccomp &&
                     message.sandbox.no_new_privileges;

        log_event(whole ? LOG_INFO : LOG_WARN, "decoder_ready", F("pid", decoder->process.pid),
                  F("landlock", (long long)message.sandbox.landlock),
                  F("seccomp", message.sandbox.seccomp),
                  F("no_new_privileges", message.sandbox.no_new_privileges));
    }
    arena_free(arena);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct decoder *decoder = poll->data;
    ssize_t n = recv(decoder->socket, decoder->bytes, sizeof(decoder->bytes), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    /* Its end closes the socket too; what there is to do then is done when the process is known to
     * be gone. A word out of turn is taken for a sign of corruption. */
    if (n <= 0 || (decoder->state != STATE_STARTING && decoder->state != STATE_BUSY)) {
        uv_poll_stop(poll);
        if (n > 0)
            kill_child(decoder, DECODER_CRASHED);
        return;
    }
    decoder->answer_n = (size_t)n;
    timer_stop(&decoder->watch);
    if (decoder->state == STATE_STARTING) {
        decoder->state = STATE_READY;
        log_level_of_sandbox(decoder);
        fiber_resume(&decoder->ready);
        return;
    }
    decoder->state = STATE_READY;
    decoder->end = DECODER_ANSWERED;
    fiber_resume(&decoder->answered);
}

/* ---- start ---- */

static int spawn(struct decoder *decoder, int its_socket)
{
    struct arena *arena = arena_new();
    char *arguments[] = {(char *)(uintptr_t)decoder_program(arena), NULL};
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        {.flags = UV_INHERIT_FD, .data.fd = its_socket},
    };
    uv_process_options_t options = {
        .file = arguments[0],
        .args = arguments,
        .exit_cb = on_exit_of_child,
        .stdio = stdio,
        .stdio_count = 4,
    };
    int failed = uv_spawn(loop_get(), &decoder->process, &options);

    arena_free(arena);
    return failed;
}

static void start(struct decoder *decoder)
{
    int pair[2];

    decoder->started_ms = clock_ms();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        timer_start(&decoder->restart, RESTART_MS, on_restart);
        return;
    }
    decoder->socket = pair[0];
    decoder->process.data = decoder->poll.data = decoder;
    int failed = spawn(decoder, pair[1]);
    close(pair[1]);
    decoder->open_handles = 2;
    uv_poll_init(loop_get(), &decoder->poll, decoder->socket);
    if (failed) {
        log_event(LOG_ERROR, "decoder_start_failed", F("why", uv_strerror(failed)));
        uv_close((uv_handle_t *)&decoder->process, on_closed);
        uv_close((uv_handle_t *)&decoder->poll, on_closed);
        close(decoder->socket);
        return;
    }
    decoder->state = STATE_STARTING;
    decoder->give_up_ms = clock_ms() + START_PATIENCE_MS;
    timer_start(&decoder->watch, WATCH_MS, on_watch);
    uv_poll_start(&decoder->poll, UV_READABLE, on_readable);
}

struct decoder *decoder_start(void)
{
    struct decoder *decoder = MEM_NEW(struct decoder);

    start(decoder);
    return decoder;
}

void decoder_stop(struct task *task, struct decoder *decoder)
{
    decoder->stopping = true;
    timer_stop(&decoder->restart);
    if (decoder->state != STATE_DOWN)
        kill_child(decoder, DECODER_CANCELLED);
    if (decoder->open_handles > 0)
        fiber_await(&decoder->gone, FIBER_FOREVER);
    mem_free(decoder);
}

/* ---- one request ---- */

static bool wait_ready(struct decoder *decoder)
{
    uint64_t until_ms = clock_ms() + START_PATIENCE_MS;

    while (decoder->state != STATE_READY && !decoder->stopping && clock_ms() < until_ms) {
        decoder->ready = (struct fiber_wait){0};
        fiber_await(&decoder->ready, WATCH_MS);
    }
    return decoder->state == STATE_READY && !decoder->stopping;
}

static bool send_request(struct decoder *decoder, const struct wire_decode *request, const int *fds,
                         size_t n)
{
    enum { MAX_FDS = 17 };
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(MAX_FDS * sizeof(int))];
    } control = {0};
    struct wire_message message = {.type = WIRE_DECODE, .decode = *request};
    struct buf bytes;

    assert(n <= MAX_FDS);
    buf_init(&bytes, WIRE_MAX_BYTES);
    wire_encode(&bytes, &message);
    struct iovec part = {(void *)(uintptr_t)buf_slice(&bytes).p, buf_slice(&bytes).n};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    struct cmsghdr *parcel = CMSG_FIRSTHDR(&header);
    assert(parcel);
    *parcel = (struct cmsghdr){CMSG_LEN(n * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(parcel), fds, n * sizeof(int));
    bool sent = sendmsg(decoder->socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
    buf_fini(&bytes);
    return sent;
}

/* What the child says is as little to be trusted as the file it has read. */
static enum decoder_end read_answer(struct task *task, struct decoder *decoder,
                                    struct wire_message *answer)
{
    struct slice bytes = arena_dup(task->arena, (struct slice){decoder->bytes, decoder->answer_n});
    enum wire_fault fault = wire_decode(task->arena, bytes, answer);

    if (fault == WIRE_FINE && (answer->type == WIRE_DECODED || answer->type == WIRE_UNDECODABLE)) {
        if (watch_resident_bytes(decoder->process.pid) > RECYCLE_RESIDENT_BYTES)
            kill_child(decoder, DECODER_ANSWERED);
        return DECODER_ANSWERED;
    }
    log_event(LOG_WARN, "decoder_speaks_nonsense", F("fault", wire_fault_name(fault)));
    kill_child(decoder, DECODER_CRASHED);
    return DECODER_CRASHED;
}

enum decoder_end decoder_ask(struct task *task, struct decoder *decoder,
                             const struct wire_decode *request, const int *fds, size_t n,
                             struct wire_message *answer)
{
    if (!wait_ready(decoder))
        return DECODER_UNAVAILABLE;
    if (!send_request(decoder, request, fds, n)) {
        kill_child(decoder, DECODER_UNAVAILABLE);
        return DECODER_UNAVAILABLE;
    }
    decoder->state = STATE_BUSY;
    decoder->end = DECODER_CRASHED;
    decoder->answered = (struct fiber_wait){0};
    decoder->give_up_ms = clock_ms() + request->deadline_ms + GRACE_MS;
    timer_start(&decoder->watch, WATCH_MS, on_watch);
    fiber_await(&decoder->answered, FIBER_FOREVER); /* the watch ends it */
    if (decoder->end != DECODER_ANSWERED)
        return decoder->end;
    return read_answer(task, decoder, answer);
}

void decoder_cancel(struct decoder *decoder)
{
    if (decoder->state == STATE_BUSY)
        kill_child(decoder, DECODER_CANCELLED);
}
