#include "workers/decoder.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/parcel.h"
#include "base/process.h"
#include "base/timer.h"
#include "workers/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

enum {
    WATCH_MS = 100,
    START_PATIENCE_MS = 10000, /* for the program to say that it is ready */
    GRACE_MS = 2000,           /* beyond the deadline that the child keeps itself */
    READY_LOOK_MS = 20,
    RESTART_MS = 500,          /* after a life of under RESTART_MS */
    SAID_MAX_BYTES = 64 << 10, /* of a child's standard error: as much as a pipe holds */
};

/* AddressSanitizer's shadow, and what it keeps of freed memory, are not the child's. */
#if defined(__SANITIZE_ADDRESS__)
static const uint64_t SANITIZER_BYTES = 2ULL << 30;
#else
static const uint64_t SANITIZER_BYTES = 0;
#endif

enum state { STATE_DOWN, STATE_STARTING, STATE_READY, STATE_BUSY, STATE_DYING };

/* The child at work. */
struct child {
    int pid, pidfd;        /* pidfd -1: the template has not told yet */
    int answer, said;      /* our ends of its socket and of its standard error */
    uint64_t memory_bytes; /* more is not borne */
    bool killed;           /* by us */
    enum decoder_end end;  /* known with `ended`, or why it was killed */
};

struct decoder {
    enum state state;
    const char *program;
    const struct reader_user *user;
    uv_process_t process;
    uv_poll_t poll;
    int socket;
    size_t open_handles;
    bool stopping;
    struct wire_sandbox level;
    uint64_t started_ms, give_up_ms;
    struct timer watch, restart;
    struct fiber_wait over, gone;
    struct child child;
    char bytes[WIRE_MAX_BYTES];
};

static void start(struct decoder *decoder);

char **decoder_environment(struct arena *arena, const struct reader_user *user)
{
    static const char *const names[] = {"PATH", "MEDIAHUB_LOG_LEVEL", "ASAN_OPTIONS",
                                        "UBSAN_OPTIONS", "LSAN_OPTIONS"};
    char **list = ARENA_ARRAY(arena, char *, sizeof(names) / sizeof(*names) + 2);
    size_t n = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *value = getenv(names[i]);

        if (value)
            list[n++] = (char *)(uintptr_t)arena_printf(arena, "%s=%s", names[i], value).p;
    }
    if (user->other)
        list[n++] =
            (char *)(uintptr_t)arena_printf(arena, READER_VARIABLE "=%u:%u", user->uid, user->gid)
                .p;
    return list;
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

/* With the template its child is gone too (PR_SET_PDEATHSIG). */
static void on_exit_of_template(uv_process_t *process, int64_t status, int signal)
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
        fiber_resume(&decoder->over);
}

static void kill_template(struct decoder *decoder)
{
    if (decoder->state != STATE_BUSY)
        decoder->state = STATE_DYING;
    uv_process_kill(&decoder->process, SIGKILL);
}

/* By its pidfd: no other process can have come to its number. */
static void kill_child(struct decoder *decoder, enum decoder_end why)
{
    struct child *child = &decoder->child;
    bool again = child->killed;

    if (!again)
        child->end = why;
    child->killed = true;
    decoder->give_up_ms = clock_ms() + GRACE_MS;
    if (again || child->pidfd < 0)
        kill_template(decoder);
    else
        syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
}

/* ---- while it works ---- */

static void on_watch(struct timer *timer)
{
    struct decoder *decoder = CONTAINER_OF(timer, struct decoder, watch);
    struct child *child = &decoder->child;
    bool late = clock_ms() > decoder->give_up_ms;

    timer_start(timer, WATCH_MS, on_watch);
    if (late && decoder->state == STATE_BUSY)
        kill_child(decoder, child->pidfd < 0 ? DECODER_UNAVAILABLE : DECODER_TIMED_OUT);
    else if (late)
        kill_template(decoder);
    else if (decoder->state == STATE_BUSY && child->pidfd >= 0 && !child->killed &&
             watch_own_bytes(child->pid) > child->memory_bytes)
        kill_child(decoder, DECODER_OUT_OF_MEMORY);
}

enum wire_hold decoder_hold(const struct decoder *decoder)
{
    return decoder->level.hold;
}

static void take_level(struct decoder *decoder, const struct wire_sandbox *level)
{
    decoder->level = *level;
    log_event(level->hold == WIRE_HOLD_WHOLE ? LOG_INFO : LOG_WARN, "decoder_ready",
              F("program", decoder->program), F("pid", decoder->process.pid),
              F("landlock", (long long)level->landlock), F("seccomp", level->seccomp),
              F("no_new_privileges", level->no_new_privileges));
    timer_stop(&decoder->watch);
    decoder->state = STATE_READY;
}

static void take_end(struct decoder *decoder, const struct wire_ended *ended)
{
    static const enum decoder_end ends[] = {[WIRE_FATE_FINE] = DECODER_ANSWERED,
                                            [WIRE_FATE_CRASHED] = DECODER_CRASHED,
                                            [WIRE_FATE_NO_MEMORY] = DECODER_OUT_OF_MEMORY};
    struct child *child = &decoder->child;

    if (!child->killed)
        child->end = ends[ended->fate];
    log_event(LOG_DEBUG, "decode_ended", F("pid", child->pid),
              F("fate", wire_fate_name(ended->fate)), F("peak_bytes", ended->peak_bytes),
              F("cpu_ms", ended->cpu_ms));
    timer_stop(&decoder->watch);
    decoder->state = STATE_READY;
    fiber_resume(&decoder->over);
}

/* False: a word out of turn. */
static bool take_message(struct decoder *decoder, const struct wire_message *message, int pidfd)
{
    struct child *child = &decoder->child;

    if (message->type == WIRE_SANDBOX && decoder->state == STATE_STARTING)
        take_level(decoder, &message->sandbox);
    else if (message->type == WIRE_STARTED && decoder->state == STATE_BUSY && pidfd >= 0) {
        child->pid = (int)message->started.pid;
        child->pidfd = fcntl(pidfd, F_DUPFD_CLOEXEC, 0);
    } else if (message->type == WIRE_ENDED && decoder->state == STATE_BUSY)
        take_end(decoder, &message->ended);
    else
        return false;
    return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct decoder *decoder = poll->data;
    struct arena *arena = arena_new();
    struct wire_message message;
    int fds[PARCEL_MAX_FDS];
    size_t fd_count;
    ssize_t n =
        parcel_receive(decoder->socket, decoder->bytes, sizeof(decoder->bytes), fds, &fd_count);

    if (n <= 0)
        uv_poll_stop(poll); /* the rest when the process is known to be gone */
    else if (wire_decode(arena, (struct slice){decoder->bytes, (size_t)n}, &message) != WIRE_FINE ||
             !take_message(decoder, &message, fd_count ? fds[0] : -1))
        kill_template(decoder);
    while (fd_count)
        close(fds[--fd_count]);
    arena_free(arena);
}

/* ---- start ---- */

static int spawn(struct decoder *decoder, int its_socket)
{
    struct arena *arena = arena_new();
    char *arguments[] = {(char *)(uintptr_t)process_sibling(arena, decoder->program), NULL};
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        {.flags = UV_INHERIT_FD, .data.fd = its_socket},
    };
    uv_process_options_t options = {
        .file = arguments[0],
        .args = arguments,
        .env = decoder_environment(arena, decoder->user),
        .exit_cb = on_exit_of_template,
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

struct decoder *decoder_start(const char *program, const struct reader_user *user)
{
    struct decoder *decoder = MEM_NEW(struct decoder);

    decoder->program = program;
    decoder->user = user;
    start(decoder);
    return decoder;
}

void decoder_stop(struct task *task, struct decoder *decoder)
{
    decoder->stopping = true;
    timer_stop(&decoder->restart);
    if (decoder->state != STATE_DOWN)
        kill_template(decoder);
    if (decoder->open_handles > 0)
        fiber_await(&decoder->gone, FIBER_FOREVER);
    mem_free(decoder);
}

/* ---- one request ---- */

bool decoder_wait_ready(struct decoder *decoder)
{
    uint64_t until_ms = clock_ms() + START_PATIENCE_MS;

    while (decoder->state != STATE_READY && !decoder->stopping && clock_ms() < until_ms)
        fiber_sleep(READY_LOOK_MS); /* for several fibers at once */
    return decoder->state == STATE_READY && !decoder->stopping;
}

/* What the child gets of its own: theirs[0] for the answer, theirs[1] for what it says. Writing to
 * a full pipe fails rather than waits. */
static bool open_ends(struct child *child, int theirs[2])
{
    int answer[2], said[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, answer) != 0)
        return false;
    if (pipe2(said, O_CLOEXEC | O_NONBLOCK) != 0) {
        close(answer[0]);
        close(answer[1]);
        return false;
    }
    *child = (struct child){
        .pidfd = -1, .answer = answer[0], .said = said[0], .end = DECODER_UNAVAILABLE};
    theirs[0] = answer[1];
    theirs[1] = said[1];
    return true;
}

static void close_ends(struct child *child)
{
    close(child->answer);
    close(child->said);
    if (child->pidfd >= 0)
        close(child->pidfd);
}

static bool send_request(struct decoder *decoder, const struct wire_decode *request, const int *fds,
                         size_t n, const int theirs[2])
{
    struct wire_message message = {.type = WIRE_DECODE, .decode = *request};
    int all[PARCEL_MAX_FDS];
    struct buf bytes;

    memcpy(all, fds, n * sizeof(int));
    memcpy(all + n, theirs, 2 * sizeof(int));
    buf_init(&bytes, WIRE_MAX_BYTES);
    bool sent = wire_encode(&bytes, &message) &&
                parcel_send(decoder->socket, buf_slice(&bytes), all, n + 2);
    buf_fini(&bytes);
    return sent;
}

static void watch_child(struct decoder *decoder, const struct wire_decode *request)
{
    decoder->state = STATE_BUSY;
    decoder->over = (struct fiber_wait){0};
    decoder->child.memory_bytes = request->memory_bytes + SANITIZER_BYTES;
    decoder->give_up_ms = clock_ms() + request->deadline_ms + GRACE_MS;
    timer_start(&decoder->watch, WATCH_MS, on_watch);
    fiber_await(&decoder->over, FIBER_FOREVER); /* the watch ends it */
}

/* What the child says is as little to be trusted as the file it has read. */
static enum decoder_end read_answer(struct task *task, const struct child *child,
                                    struct wire_message *answer)
{
    char *room = arena_alloc(task->arena, WIRE_MAX_BYTES);
    ssize_t n = recv(child->answer, room, WIRE_MAX_BYTES, MSG_DONTWAIT);
    enum wire_fault fault =
        wire_decode(task->arena, (struct slice){room, n > 0 ? (size_t)n : 0}, answer);

    if (fault == WIRE_FINE && (answer->type == WIRE_DECODED || answer->type == WIRE_UNDECODABLE ||
                               answer->type == WIRE_NEEDS || answer->type == WIRE_ELSEWHERE))
        return DECODER_ANSWERED;
    log_event(LOG_WARN, "decoder_speaks_nonsense", F("fault", wire_fault_name(fault)));
    return DECODER_CRASHED;
}

/* The last words of a library, or a sanitizer's report. */
static struct slice log_words(struct task *task, const struct child *child)
{
    char *room = arena_alloc(task->arena, SAID_MAX_BYTES);
    ssize_t n = read(child->said, room, SAID_MAX_BYTES);
    struct slice all = {room, n > 0 ? (size_t)n : 0}, rest = all, line;

    while (rest.n && slice_split(rest, '\n', &line, &rest))
        log_event(LOG_WARN, "decoder_said", F("pid", child->pid), F("text", line));
    size_t left_out = all.n > WORDS_MAX_BYTES ? all.n - WORDS_MAX_BYTES : 0;
    return wire_clip(task->arena, slice_from_offset(all, left_out), WORDS_MAX_BYTES);
}

enum decoder_end decoder_ask(struct task *task, struct decoder *decoder,
                             const struct wire_decode *request, const int *fds, size_t n,
                             struct wire_message *answer, struct slice *said)
{
    struct child *child = &decoder->child;
    int theirs[2];

    *said = SLICE_NONE;
    if (!decoder_wait_ready(decoder) || !open_ends(child, theirs))
        return DECODER_UNAVAILABLE;
    bool sent = send_request(decoder, request, fds, n, theirs);
    close(theirs[0]);
    close(theirs[1]);
    if (sent)
        watch_child(decoder, request);
    else
        kill_template(decoder);
    if (child->end == DECODER_ANSWERED)
        child->end = read_answer(task, child, answer);
    *said = log_words(task, child);
    close_ends(child);
    return child->end;
}

void decoder_cancel(struct decoder *decoder)
{
    if (decoder->state == STATE_BUSY)
        kill_child(decoder, DECODER_CANCELLED);
}

bool decoder_confines_files(const struct decoder *decoder)
{
    return decoder->level.landlock > 0;
}
