#include "base/process.h"

#include "base/config_load.h"
#include "base/crypto.h"
#include "base/fiber.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 64 << 10 };

static const char *program;
static struct arena *arena;   /* process_arena() */
static struct config *loaded; /* so that it is held, not leaked, on an early way out */

static struct {
    uv_signal_t terminate, interrupt, hangup;
    void (*fn)(void *arg);
    void *arg;
    void (*at_once)(void);
    void (*on_hangup)(void);
    bool stopping, at_terminal;
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

/* Not more: tables are made for as many as there may be (libwebsockets, 16 bytes for each). */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void process_init(const char *name)
{
    const char *level_name = getenv("MEDIAHUB_LOG_LEVEL");
    enum log_level level = LOG_INFO;

    program = name;
    umask(077); /* what we and our children write is nobody else's */
    if (level_name)
        log_level_parse(slice_from(level_name), &level);
    log_init(name, level);
    raise_descriptors();
    crypto_init();
    signal(SIGPIPE, SIG_IGN);
    setenv("UV_THREADPOOL_SIZE", "16", 0);
    watch_faults();
    if (is_supervised())
        prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void free_arena(void)
{
    arena_free(arena);
}

const char *process_sibling(struct arena *into, const char *name)
{
    char *self = arena_zalloc(into, PATH_MAX);
    ssize_t n = readlink("/proc/self/exe", self, PATH_MAX - 1);
    struct slice folder = {self, n > 0 ? (size_t)n : 0};

    while (folder.n && folder.p[folder.n - 1] != '/')
        folder.n--;
    return arena_printf(into, "%.*s%s", SLICE_ARG(folder), name).p;
}

struct arena *process_arena(void)
{
    if (!arena) {
        arena = arena_new();
        atexit(free_arena);
    }
    return arena;
}

bool process_wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* A line each, in front of which stands who says it. */
static void print_lines(struct slice lines)
{
    struct slice line;

    while (slice_split(lines, '\n', &line, &lines))
        fprintf(stderr, "%s: %.*s\n", program, SLICE_ARG(line));
}

static struct config *load_or_exit(int argc, char **argv, int status,
                                   struct config *(*load)(int argc, char **argv,
                                                          struct slice *problem))
{
    struct slice problem;
    struct config *config = load(argc, argv, &problem);

    loaded = config;
    if (config)
        return config;
    print_lines(problem);
    exit(status);
}

struct config *process_settings(int argc, char **argv, int status)
{
    return load_or_exit(argc, argv, status, config_load);
}

static void log_warnings(struct slice lines)
{
    struct slice line;

    while (lines.n && slice_split(lines, '\n', &line, &lines))
        log_event(LOG_WARN, "setting", F("text", line));
}

void process_ignore_hangup(void)
{
    signal(SIGHUP, SIG_IGN);
}

struct config *process_settings_to_start(int argc, char **argv)
{
    process_ignore_hangup();
    struct config *config = load_or_exit(argc, argv, EXIT_FAILURE, config_load_to_start);
    enum log_level level;

    log_level_parse(config_text(config, "log.level"), &level);
    log_init(program, level);
    log_warnings(config_warnings(config));
    return config;
}

struct config *process_config(int argc, char **argv)
{
    enum log_level level;

    if (process_wants_help(argc - 1, argv + 1)) {
        printf("usage: %s [options]\n\n%.*s", program, SLICE_ARG(config_help(process_arena())));
        exit(EXIT_SUCCESS);
    }
    if (!is_supervised())
        return process_settings_to_start(argc - 1, argv + 1);
    process_ignore_hangup();
    /* The supervisor has looked at the files; one that is gone since then ends nobody. */
    struct config *config = process_settings(argc - 1, argv + 1, EXIT_FAILURE);
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

/* The terminal that we were started at is gone: nobody could stop us by it any more. */
static bool lost_terminal(void)
{
    struct termios terminal;

    return stop.at_terminal && tcgetattr(STDIN_FILENO, &terminal) != 0;
}

void process_tell_systemd(const char *word)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct slice path = slice_from(getenv("NOTIFY_SOCKET"));

    if (path.n == 0 || path.n >= sizeof address.sun_path || (path.p[0] != '/' && path.p[0] != '@'))
        return;
    memcpy(address.sun_path, path.p, path.n);
    if (path.p[0] == '@') /* a name without a file */
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, word, strlen(word), MSG_NOSIGNAL, (const struct sockaddr *)&address,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n)) < 0)
        log_event(LOG_WARN, "systemd_not_told", F("error", strerror(errno)));
    close(fd);
}

bool process_is_in_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM"); /* device:inode */
    unsigned long long device, inode;
    struct stat info;

    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &info) == 0 && info.st_dev == device && info.st_ino == inode;
}

static void on_signal(uv_signal_t *handle, int number)
{
    if (number == SIGHUP && !lost_terminal()) {
        log_event(LOG_INFO, "hangup");
        if (stop.on_hangup)
            stop.on_hangup();
        return;
    }
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
    stop.at_terminal = isatty(STDIN_FILENO);
    stop.arg = arg;
    watch_signal(loop, &stop.terminate, SIGTERM);
    watch_signal(loop, &stop.interrupt, SIGINT);
    watch_signal(loop, &stop.hangup, SIGHUP);
}

void process_on_hangup(void (*fn)(void))
{
    stop.on_hangup = fn;
}

void process_on_second_signal(void (*fn)(void))
{
    stop.at_once = fn;
}

void process_stop_watching(void)
{
    uv_close((uv_handle_t *)&stop.terminate, NULL);
    uv_close((uv_handle_t *)&stop.interrupt, NULL);
    uv_close((uv_handle_t *)&stop.hangup, NULL);
}

static void __attribute__((format(printf, 1, 0))) say(const char *format, va_list args)
{
    char line[1024];

    vsnprintf(line, sizeof line, format, args);
    fprintf(stderr, "%s: %s\n", program ? program : "mediahub", line);
}

void process_say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(format, args);
    va_end(args);
}

void process_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(format, args);
    va_end(args);
    exit(EXIT_FAILURE);
}
