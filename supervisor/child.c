#include "supervisor/child.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/timer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_FD = 3, CHILD_MAGIC = 0x6368696c };

struct child {
    uint32_t magic;
    struct child *next;
    struct child_spec spec;
    pid_t pid; /* 0: not running */
    bool ready, stopping;
    uint64_t started_ms, pause_ms;
    struct timer timer;    /* the pause before the next start, or the grace of a stop */
    uv_poll_t *ready_poll; /* while its word is awaited */
    int ready_fd;
};

static struct {
    struct child_watcher watcher;
    uv_signal_t signal;
    struct child *children;
} watch;

static void on_poll_closed(uv_handle_t *handle)
{
    mem_free(handle);
}

static void forget_ready_pipe(struct child *child)
{
    if (!child->ready_poll)
        return;
    uv_poll_stop(child->ready_poll);
    close(child->ready_fd);
    uv_close((uv_handle_t *)child->ready_poll, on_poll_closed);
    child->ready_poll = NULL;
}

static void become_ready(struct child *child)
{
    child->ready = true;
    watch.watcher.on_ready(watch.watcher.arg, child);
}

static void on_ready_readable(uv_poll_t *poll, int status, int events)
{
    struct child *child = CAST_OBJ(struct child, poll->data, CHILD_MAGIC);
    char word;
    ssize_t n = read(child->ready_fd, &word, 1);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    forget_ready_pipe(child);
    if (n == 1)
        become_ready(child);
}

/* Between fork and exec: only what is safe there. Anything wrong ends the child with 127. */
_Noreturn static void become_program(const struct child_spec *spec, int ready_fd, pid_t parent)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, spec->death_signal);
    if (getppid() != parent) /* it died before the line above */
        _exit(127);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    if (ready_fd == READY_FD)
        fcntl(READY_FD, F_SETFD, 0);
    else if (ready_fd >= 0)
        dup2(ready_fd, READY_FD);
    execve(spec->argv[0], (char *const *)(uintptr_t)spec->argv,
           (char *const *)(uintptr_t)spec->environment);
    _exit(127);
}

static void await_ready(struct child *child, int fd)
{
    child->ready_fd = fd;
    child->ready_poll = MEM_NEW(uv_poll_t);
    child->ready_poll->data = child;
    uv_poll_init(loop_get(), child->ready_poll, fd);
    uv_poll_start(child->ready_poll, UV_READABLE | UV_DISCONNECT, on_ready_readable);
}

static void on_pause_over(struct timer *timer);

static void pause_then_start(struct child *child)
{
    timer_start(&child->timer, child->pause_ms, on_pause_over);
    child->pause_ms =
        child->pause_ms * 2 < CHILD_PAUSE_MAX_MS ? child->pause_ms * 2 : CHILD_PAUSE_MAX_MS;
}

static void launch(struct child *child)
{
    int ends[2] = {-1, -1};

    child->started_ms = clock_ms();
    child->ready = false;
    if (child->spec.tells_ready && pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        log_event(LOG_ERROR, "child_not_started", F("name", child->spec.name),
                  F("error", strerror(errno)));
        pause_then_start(child);
        return;
    }
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become_program(&child->spec, ends[1], parent);
    if (ends[1] >= 0)
        close(ends[1]);
    if (pid < 0) {
        log_event(LOG_ERROR, "child_not_started", F("name", child->spec.name),
                  F("error", strerror(errno)));
        if (ends[0] >= 0)
            close(ends[0]);
        pause_then_start(child);
        return;
    }
    child->pid = pid;
    log_event(LOG_INFO, "child_started", F("name", child->spec.name), F("child", pid));
    if (child->spec.tells_ready)
        await_ready(child, ends[0]);
    else
        become_ready(child);
}

static void on_pause_over(struct timer *timer)
{
    launch(CONTAINER_OF(timer, struct child, timer));
}

static void on_end(struct child *child, int status)
{
    forget_ready_pipe(child);
    timer_stop(&child->timer);
    child->pid = 0;
    child->ready = false;
    if (child->stopping) {
        watch.watcher.on_stopped(watch.watcher.arg, child);
        return;
    }
    log_event(LOG_ERROR, "child_died", F("name", child->spec.name),
              F("status", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
              F("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0));
    if (clock_ms() - child->started_ms >= CHILD_SETTLED_MS)
        child->pause_ms = CHILD_PAUSE_MIN_MS;
    pause_then_start(child);
    watch.watcher.on_death(watch.watcher.arg, child, status);
}

static void on_sigchld(uv_signal_t *handle, int number)
{
    int status;

    for (struct child *child = watch.children, *next; child; child = next) {
        next = child->next;
        if (child->pid && waitpid(child->pid, &status, WNOHANG) == child->pid)
            on_end(child, status);
    }
}

void child_watch_begin(const struct child_watcher *watcher)
{
    watch.watcher = *watcher;
    uv_signal_init(loop_get(), &watch.signal);
    uv_signal_start(&watch.signal, on_sigchld, SIGCHLD);
}

void child_watch_end(void)
{
    uv_close((uv_handle_t *)&watch.signal, NULL);
}

struct child *child_start(const struct child_spec *spec)
{
    struct child *child = MEM_NEW(struct child);

    child->magic = CHILD_MAGIC;
    child->spec = *spec;
    child->pause_ms = CHILD_PAUSE_MIN_MS;
    child->next = watch.children;
    watch.children = child;
    launch(child);
    return child;
}

static void on_grace_over(struct timer *timer)
{
    struct child *child = CONTAINER_OF(timer, struct child, timer);

    log_event(LOG_WARN, "child_killed", F("name", child->spec.name), F("child", child->pid));
    kill(child->pid, SIGKILL);
}

void child_stop(struct child *child, uint64_t grace_ms)
{
    if (child->stopping)
        return;
    child->stopping = true;
    timer_stop(&child->timer);
    if (!child->pid) { /* it was pausing */
        watch.watcher.on_stopped(watch.watcher.arg, child);
        return;
    }
    kill(child->pid, child->spec.stop_signal);
    timer_start(&child->timer, grace_ms, on_grace_over);
}

void child_kill_all(void)
{
    for (const struct child *child = watch.children; child; child = child->next)
        if (child->pid)
            kill(child->pid, SIGKILL);
}

void child_signal_all(const char *prefix, int number)
{
    for (const struct child *child = watch.children; child; child = child->next)
        if (child->pid && strncmp(child->spec.name, prefix, strlen(prefix)) == 0)
            kill(child->pid, number);
}

bool child_is_ready(const struct child *child)
{
    return child->ready;
}

const char *child_name(const struct child *child)
{
    return child->spec.name;
}

void child_free(struct child *child)
{
    struct child **link = &watch.children;

    assert(child->stopping && !child->pid); /* it will not come back */
    while (*link != child)
        link = &(*link)->next;
    *link = child->next;
    child->magic = 0;
    mem_free(child);
}
