#include "decode/template.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/parcel.h"
#include "sandbox/sandbox.h"
#include "sandbox/sandbox_trial.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where a child has its descriptors. Those of a request are the lowest that the template has free,
 * in the order of the request; its last two take the places of the template's own. */
enum { LOG = 2, ANSWER = 3, INPUT = 4 };

struct request {
    char room[WIRE_MAX_BYTES];
    struct slice bytes;
    int fds[PARCEL_MAX_FDS];
    size_t fd_count;
};

static bool send_message(int socket, const struct wire_message *message, const int *fds, size_t n)
{
    struct buf out;

    buf_init(&out, WIRE_MAX_BYTES);
    bool sent = wire_encode(&out, message) && parcel_send(socket, buf_slice(&out), fds, n);
    buf_fini(&out);
    return sent;
}

/* ---- in the child ---- */

/* Nothing stays open but the job's own; false: they do not lie where they should. */
static bool place_descriptors(const struct request *request)
{
    size_t files = request->fd_count - 2;

    for (size_t i = 0; i < request->fd_count; i++) {
        if (request->fds[i] != INPUT + (int)i)
            return false;
    }
    return dup2(request->fds[files], ANSWER) == ANSWER &&
           dup2(request->fds[files + 1], LOG) == LOG &&
           syscall(SYS_close_range, INPUT + (unsigned)files, ~0U, 0) == 0;
}

/* Whoever is at fault here is no stranger: the child ends, which tells enough. */
static void do_job(const struct request *request, pid_t template, const struct decode_skill *skill)
{
    struct arena *arena = arena_new();
    struct wire_message message;

    prctl(PR_SET_NAME, "decode-job");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != template || !place_descriptors(request) ||
        wire_decode(arena, request->bytes, &message) != WIRE_FINE || message.type != WIRE_DECODE ||
        request->fd_count != 3 + message.decode.outputs_count)
        _exit(1);
    sandbox_enter_decoder(message.decode.memory_bytes);
    struct decoding decoding = {
        .arena = arena,
        .request = message.decode,
        .input = INPUT,
        .outputs = request->fds + 1,
        .give_up_ms = clock_ms() + message.decode.deadline_ms,
    };
    struct wire_message answer = decode_run(skill, &decoding);
    /* No clean-up handlers: some would look for files and threads that the sandbox forbids. */
    _exit(send_message(ANSWER, &answer, NULL, 0) ? 0 : 1);
}

/* ---- in the template ---- */

static bool tell_started(int socket, pid_t child)
{
    struct wire_message message = {.type = WIRE_STARTED, .started = {(uint64_t)child}};
    int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
    bool told = pidfd >= 0 && send_message(socket, &message, &pidfd, 1);

    if (pidfd >= 0)
        close(pidfd);
    return told;
}

static enum wire_fate fate_of(int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == DECODE_NO_MEMORY)
        return WIRE_FATE_NO_MEMORY;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? WIRE_FATE_FINE : WIRE_FATE_CRASHED;
}

static uint64_t milliseconds(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_usec / 1000;
}

static bool tell_end(int socket, pid_t child)
{
    struct rusage used;
    int status;

    while (wait4(child, &status, 0, &used) < 0) {
        if (errno != EINTR)
            return false;
    }
    struct wire_message message = {
        .type = WIRE_ENDED,
        .ended = {fate_of(status), (uint64_t)used.ru_maxrss * 1024,
                  milliseconds(used.ru_utime) + milliseconds(used.ru_stime)}};
    return send_message(socket, &message, NULL, 0);
}

static void close_all(struct request *request)
{
    while (request->fd_count)
        close(request->fds[--request->fd_count]);
}

static bool serve_one(int socket, struct request *request, const struct decode_skill *skill)
{
    pid_t template = getpid(), child = request->fd_count >= 3 ? fork() : -1;

    if (child == 0)
        do_job(request, template, skill);
    close_all(request);
    if (child < 0)
        return false;
    if (!tell_started(socket, child))
        kill(child, SIGKILL);
    return tell_end(socket, child);
}

void template_serve(int socket, const struct decode_skill *skill)
{
    static struct request request;
    struct sandbox_level level = sandbox_probe();
    struct wire_message message = {
        .type = WIRE_SANDBOX,
        .sandbox = {level.landlock, level.seccomp, level.no_new_privileges, sandbox_hold(level)}};

    sandbox_prepare_decoder();
    bool going = send_message(socket, &message, NULL, 0);
    while (going) {
        ssize_t n = parcel_receive(socket, request.room, sizeof(request.room), request.fds,
                                   &request.fd_count);

        request.bytes = (struct slice){request.room, n > 0 ? (size_t)n : 0};
        going = n > 0 && serve_one(socket, &request, skill);
    }
}
