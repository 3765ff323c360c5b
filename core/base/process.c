#include "base/process.h"

#include "base/crypto.h"
#include "base/fiber.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const char *program;

static struct {
    uv_signal_t terminate, interrupt;
    void (*fn)(void *arg);
    void *arg;
    void (*at_once)(void);
    bool stopping;
} stop;

static bool is_supervised(void)
{
    const char *value = getenv("MEDIAHUB_SUPERVISED");

    return value && strcmp(value, "1") == 0;
}

/* Runs on the alternate stack: a fiber that ran over its own has none left. */
static void on_fault(int number, siginfo_t *info, void *context)
{
    static const char overflow[] = "fiber stack overflow\n";
    static const char fault[] = "memory fault\n";
    bool on_guard = fiber_guard_hit(info->si_addr);
    ssize_t written = write(STDERR_FILENO, on_guard ? overflow : fault,
                            on_guard ? sizeof overflow - 1 : sizeof fault - 1);

    (void)written;
    signal(number, SIG_DFL); /* the instruction runs again and ends the process */
}

static void watch_faults(void)
{
    static char stack[64 << 10];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    struct sigaction present;

    /* A sanitizer has its own handler and stack already. */
    if (sigaction(SIGSEGV, NULL, &present) == 0 && present.sa_handler != SIG_DFL)
        return;
    sigaltstack(&alternate, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

void process_init(const char *name)
{
    const char *level_name = getenv("MEDIAHUB_LOG_LEVEL");
    enum log_level level = LOG_INFO;

    program = name;
    if (level_name)
        log_level_parse(slice_from(level_name), &level);
    log_init(name, level);
    crypto_init();
    signal(SIGPIPE, SIG_IGN);
    setenv("UV_THREADPOOL_SIZE", "16", 0);
    watch_faults();
    if (is_supervised())
        prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static bool wants_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

struct config *process_config(int argc, char **argv)
{
    struct slice problem;
    enum log_level level;

    for (int i = 1; i < argc; i++) {
        if (!wants_help(argv[i]))
            continue;
        struct arena *arena = arena_new();
        printf("usage: %s [options]\n\n%.*s", program, SLICE_ARG(config_help(arena)));
        arena_free(arena);
        exit(EXIT_SUCCESS);
    }
    struct config *config = config_load(argc - 1, argv + 1, &problem);
    if (!config)
        process_fail("%.*s", SLICE_ARG(problem));
    log_level_parse(config_text(config, "log.level"), &level);
    log_init(program, level);
    return config;
}

void process_ready(void)
{
    const char *text = getenv("MEDIAHUB_READY_FD");
    uint64_t fd;

    if (!text || !slice_to_u64(slice_from(text), &fd) || fd > INT32_MAX)
        return;
    while (write((int)fd, "1", 1) < 0 && errno == EINTR)
        continue;
    close((int)fd);
    unsetenv("MEDIAHUB_READY_FD");
}

static void on_signal(uv_signal_t *handle, int number)
{
    if (stop.stopping) {
        if (stop.at_once)
            stop.at_once();
        _exit(EXIT_FAILURE);
    }
    stop.stopping = true;
    log_event(LOG_INFO, "stopping", F("signal", number));
    stop.fn(stop.arg);
}

/* The handles do not keep the loop alive: a program that has closed everything else ends. */
static void watch_signal(uv_loop_t *loop, uv_signal_t *handle, int number)
{
    uv_signal_init(loop, handle);
    uv_signal_start(handle, on_signal, number);
    uv_unref((uv_handle_t *)handle);
}

void process_on_stop(uv_loop_t *loop, void (*fn)(void *arg), void *arg)
{
    stop.stopping = false;
    stop.fn = fn;
    stop.arg = arg;
    watch_signal(loop, &stop.terminate, SIGTERM);
    watch_signal(loop, &stop.interrupt, SIGINT);
}

void process_on_second_signal(void (*fn)(void))
{
    stop.at_once = fn;
}

void process_stop_watching(void)
{
    uv_close((uv_handle_t *)&stop.terminate, NULL);
    uv_close((uv_handle_t *)&stop.interrupt, NULL);
}

void process_fail(const char *format, ...)
{
    char line[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fprintf(stderr, "%s: %s\n", program ? program : "mediahub", line);
    exit(EXIT_FAILURE);
}
