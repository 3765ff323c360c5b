/* A trial runs in a child that has entered the sandbox; its exit status is the errno it met, 0 for
 * "it worked". */
#include "sandbox/sandbox_trial.h"

#include "sandbox/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MEMORY_BYTES = 256 << 20, NOT_ENTERED = 255, NOBODYS_ID = 61000 };

/* What the children play with: open before the sandbox closes. */
static int file;
static char path[PATH_MAX], other_path[PATH_MAX + 4];
static char store[PATH_MAX + 6],
    stored[PATH_MAX + 10]; /* a folder that is ours alone, a file in it */

static int result(long returned)
{
    return returned >= 0 ? 0 : errno;
}

static int open_for_reading(void)
{
    return result(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int open_for_writing(void)
{
    return result(open(path, O_WRONLY | O_CLOEXEC));
}

static int create(void)
{
    return result(open(other_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int reopen_by_descriptor(void)
{
    char name[64];

    snprintf(name, sizeof(name), "/dev/fd/%d", file);
    return result(open(name, O_RDONLY | O_CLOEXEC));
}

static int remove_file(void)
{
    return result(unlink(path));
}

static int make_socket(void)
{
    return result(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int make_unix_socket(void)
{
    return result(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int execute(void)
{
    return result(execl("/bin/true", "true", (char *)NULL));
}

static int fork_process(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return result(pid);
}

static int kill_parent(void)
{
    return result(kill(getppid(), 0));
}

static int change_mode(void)
{
    return result(chmod(path, 0644));
}

static int change_mode_of_descriptor(void)
{
    return result(fchmod(file, 0644));
}

static int change_times(void)
{
    return result(utimensat(AT_FDCWD, path, NULL, 0));
}

static int change_priority(void)
{
    return result(setpriority(PRIO_PROCESS, (id_t)getppid(), 10));
}

static int change_own_limits(void)
{
    struct rlimit limit = {64, 64};

    return result(setrlimit(RLIMIT_NOFILE, &limit));
}

static int shorten(void)
{
    return result(truncate(path, 0));
}

static int give_another_name(void)
{
    return result(rename(path, other_path));
}

static int make_folder(void)
{
    return result(mkdir(other_path, 0700));
}

static int go_elsewhere(void)
{
    return result(chdir("/"));
}

static int read_own_limits(void)
{
    struct rlimit limit;

    return result(getrlimit(RLIMIT_STACK, &limit));
}

/* Landlock keeps signals inside where the kernel has that; nobody has this number, so that ESRCH
 * tells that the filter let the call pass. */
static int got_through(long returned)
{
    return returned >= 0 || errno == ESRCH ? 0 : errno;
}

static int signal_thread_of_another(void)
{
    return got_through(syscall(SYS_tgkill, INT_MAX, INT_MAX, 0));
}

static int signal_own_thread(void)
{
    return result(syscall(SYS_tgkill, getpid(), getpid(), 0));
}

static int let_kernel_signal_another(void)
{
    return got_through(fcntl(file, F_SETOWN, INT_MAX));
}

static int let_kernel_signal_by_high_bits(void)
{
    return got_through(syscall(SYS_fcntl, file, F_SETOWN | 1UL << 32, INT_MAX));
}

static int set_limit_of_another(void)
{
    struct rlimit limit = {0, 0};

    return got_through(prlimit(INT_MAX, RLIMIT_CORE, &limit, NULL));
}

static int name_thread(void)
{
    return result(prctl(PR_SET_NAME, "trial"));
}

/* A register's high half is nobody's: the kernel and the filter look at the same 32 bits. */
static int name_thread_with_high_bits(void)
{
    return result(syscall(SYS_prctl, PR_SET_NAME | 1UL << 32, "trial"));
}

static int become_dumpable(void)
{
    return result(prctl(PR_SET_DUMPABLE, 1));
}

static int trace_parent(void)
{
    return result(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int make_code(void)
{
    void *p =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? errno : 0;
}

static int turn_into_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? EDOM : result(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int use_what_is_open(void)
{
    char byte;

    return result(pwrite(file, "x", 1, 0)) || result(pread(file, &byte, 1, 0));
}

static void *on_thread(void *arg)
{
    *(int *)arg = 1;
    return NULL;
}

static int start_thread(void)
{
    pthread_t thread;
    int ran = 0;
    int failed = pthread_create(&thread, NULL, on_thread, &ran);

    if (!failed)
        pthread_join(thread, NULL);
    return failed || !ran;
}

static int allocate_bytes(size_t n)
{
    char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return ENOMEM;
    memset(p, 1, n);
    munmap(p, n);
    return 0;
}

static int allocate(void)
{
    return allocate_bytes(64 << 20);
}

static int allocate_more_than_given(void)
{
    return allocate_bytes(MEMORY_BYTES);
}

static int keep_in_store(void)
{
    int made = open(stored, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    return made < 0 || fchown(made, 0, 0) != 0 || fchmod(made, 0640) != 0 || unlink(stored) != 0
               ? errno
               : 0;
}

static int change_owner(void)
{
    return result(chown(path, NOBODYS_ID, NOBODYS_ID));
}

static int become_root(void)
{
    return result(setresuid(0, 0, 0));
}

enum sandbox { DECODER, TRANSCODER, WORKER };
/* Without Landlock the transcoder's filter lets files through; AddressSanitizer's shadow is more
 * data than any limit allows. */
enum need { NOTHING, LANDLOCK, MEMORY_LIMIT };

static const struct trial {
    enum sandbox sandbox;
    const char *what;
    int (*fn)(void);
    bool allowed;
    enum need need;
} trials[] = {
    {DECODER, "reading a file", open_for_reading, false, NOTHING},
    {DECODER, "writing a file", open_for_writing, false, NOTHING},
    {DECODER, "creating a file", create, false, NOTHING},
    {DECODER, "opening by descriptor", reopen_by_descriptor, false, NOTHING},
    {DECODER, "removing a file", remove_file, false, NOTHING},
    {DECODER, "a socket", make_socket, false, NOTHING},
    {DECODER, "a unix socket", make_unix_socket, false, NOTHING},
    {DECODER, "exec", execute, false, NOTHING},
    {DECODER, "fork", fork_process, false, NOTHING},
    {DECODER, "a signal to the parent", kill_parent, false, NOTHING},
    {DECODER, "a signal to another's thread", signal_thread_of_another, false, NOTHING},
    {DECODER, "a signal by F_SETOWN", let_kernel_signal_another, false, NOTHING},
    {DECODER, "the limits of another", set_limit_of_another, false, NOTHING},
    {DECODER, "prctl", become_dumpable, false, NOTHING},
    {DECODER, "ptrace", trace_parent, false, NOTHING},
    {DECODER, "executable memory", make_code, false, NOTHING},
    {DECODER, "memory made executable", turn_into_code, false, NOTHING},
    {DECODER, "open descriptors", use_what_is_open, true, NOTHING},
    {DECODER, "a thread", start_thread, true, NOTHING},
    {DECODER, "a thread's name", name_thread, true, NOTHING},
    {DECODER, "a thread's name, high bits", name_thread_with_high_bits, true, NOTHING},
    {DECODER, "a signal to itself", signal_own_thread, true, NOTHING},
    {DECODER, "memory", allocate, true, NOTHING},
    {DECODER, "more memory than given", allocate_more_than_given, false, MEMORY_LIMIT},
    {TRANSCODER, "a socket", make_socket, false, NOTHING},
    {TRANSCODER, "a unix socket", make_unix_socket, false, NOTHING},
    {TRANSCODER, "fork", fork_process, false, NOTHING},
    {TRANSCODER, "a signal to the parent", kill_parent, false, NOTHING},
    {TRANSCODER, "a signal to another's thread", signal_thread_of_another, false, NOTHING},
    {TRANSCODER, "a signal by F_SETOWN", let_kernel_signal_another, false, NOTHING},
    {TRANSCODER, "a signal by F_SETOWN, high bits", let_kernel_signal_by_high_bits, false, NOTHING},
    {TRANSCODER, "the limits of another", set_limit_of_another, false, NOTHING},
    {TRANSCODER, "ptrace", trace_parent, false, NOTHING},
    {TRANSCODER, "prctl", become_dumpable, false, NOTHING},
    {TRANSCODER, "the mode of a file", change_mode, false, NOTHING},
    {TRANSCODER, "the mode of an open file", change_mode_of_descriptor, false, NOTHING},
    {TRANSCODER, "the times of a file", change_times, false, NOTHING},
    {TRANSCODER, "the priority of another", change_priority, false, NOTHING},
    {TRANSCODER, "limits", change_own_limits, false, NOTHING},
    {TRANSCODER, "the length of a file by its name", shorten, false, NOTHING},
    {TRANSCODER, "the name of a file", give_another_name, false, NOTHING},
    {TRANSCODER, "a folder", make_folder, false, NOTHING},
    {TRANSCODER, "another folder to work in", go_elsewhere, false, NOTHING},
    {TRANSCODER, "its limits, to read", read_own_limits, true, NOTHING},
    {TRANSCODER, "a thread", start_thread, true, NOTHING},
    {TRANSCODER, "a signal to itself", signal_own_thread, true, NOTHING},
    {TRANSCODER, "open descriptors", use_what_is_open, true, NOTHING},
    {TRANSCODER, "memory that is executable", make_code, true, NOTHING},
    {TRANSCODER, "exec", execute, true, NOTHING},
    {TRANSCODER, "reading a file", open_for_reading, false, LANDLOCK},
    {TRANSCODER, "creating a file", create, false, LANDLOCK},
    {TRANSCODER, "removing a file", remove_file, false, LANDLOCK},
    {TRANSCODER, "its own file again", reopen_by_descriptor, true, LANDLOCK},
    {WORKER, "reading a file", open_for_reading, false, LANDLOCK},
    {WORKER, "writing a file", open_for_writing, false, LANDLOCK},
    {WORKER, "creating a file", create, false, LANDLOCK},
    {WORKER, "removing a file", remove_file, false, LANDLOCK},
    {WORKER, "the mode of a file", change_mode, false, NOTHING},
    {WORKER, "the owner of a file", change_owner, false, NOTHING},
    {WORKER, "the times of a file", change_times, false, NOTHING},
    {WORKER, "root's number", become_root, false, NOTHING},
    {WORKER, "a signal to the parent", kill_parent, false, NOTHING},
    {WORKER, "ptrace", trace_parent, false, NOTHING},
    {WORKER, "a file of its store", keep_in_store, true, NOTHING},
    {WORKER, "a socket", make_socket, true, NOTHING},
    {WORKER, "exec", execute, true, NOTHING},
};

static struct sandbox_level enter(enum sandbox sandbox)
{
    struct sandbox_level level = {0};

    switch (sandbox) {
    case DECODER:
        return sandbox_enter_decoder(MEMORY_BYTES);
    case TRANSCODER:
        return sandbox_enter_transcoder("/bin/true", file, file);
    case WORKER:
        confine_enter(&(struct confine){NOBODYS_ID, NOBODYS_ID, store, "/bin"}, &level);
        break;
    }
    return level;
}

/* Who is not root has nothing to lay down. */
static bool is_made(enum sandbox sandbox)
{
    return sandbox != WORKER || confine_possible(file, NOBODYS_ID);
}

/* The child's exit status; negative: there is none. */
static int run_trial(const struct trial *trial)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        struct sandbox_level level = enter(trial->sandbox);
        bool held =
            level.seccomp && level.no_new_privileges && (level.landlock || trial->need != LANDLOCK);

        _exit(held ? trial->fn() : NOT_ENTERED);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

static enum trial_end end_of(const struct trial *trial)
{
    if (trial->need == MEMORY_LIMIT && !sandbox_limits_memory())
        return TRIAL_NOT_HERE;
    int status = run_trial(trial);
    if (status == NOT_ENTERED)
        return TRIAL_NOT_HERE;
    return status >= 0 && (status == 0) == trial->allowed ? TRIAL_RIGHT : TRIAL_WRONG;
}

static bool make_file(void)
{
    const char *folder = getenv("TMPDIR");

    snprintf(path, sizeof(path), "%s/mediahub-sandbox-XXXXXX", folder ? folder : "/tmp");
    file = mkostemp(path, O_CLOEXEC);
    snprintf(other_path, sizeof(other_path), "%s-new", path);
    snprintf(store, sizeof(store), "%s-store", path);
    snprintf(stored, sizeof(stored), "%s/new", store);
    return file >= 0 && mkdir(store, 0700) == 0;
}

static const char *word_for(const struct trial *trial, enum trial_end end)
{
    switch (end) {
    case TRIAL_RIGHT:
        return trial->allowed ? "allowed" : "denied";
    case TRIAL_WRONG:
        return trial->allowed ? "DENIED" : "LET THROUGH";
    case TRIAL_NOT_HERE:
        break;
    }
    return "not held here";
}

int sandbox_try(void (*fn)(void *arg, struct slice line, enum trial_end end), void *arg)
{
    static const char *const names[] = {
        [DECODER] = "decoder", [TRANSCODER] = "transcoder", [WORKER] = "worker"};
    int wrong = 0;

    if (!make_file())
        return -1;
    sandbox_prepare_decoder(); /* as the template does */
    for (size_t i = 0; i < sizeof(trials) / sizeof(*trials); i++) {
        char line[160];

        if (!is_made(trials[i].sandbox))
            continue;
        enum trial_end end = end_of(&trials[i]);

        snprintf(line, sizeof(line), "%s, %s: %s", names[trials[i].sandbox], trials[i].what,
                 word_for(&trials[i], end));
        wrong += end == TRIAL_WRONG;
        fn(arg, slice_from(line), end);
    }
    close(file);
    unlink(path);
    rmdir(store);
    return wrong;
}

struct sandbox_level sandbox_probe(void)
{
    struct sandbox_level level = {0};
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return level;
    pid_t child = fork();
    if (child == 0) {
        level = sandbox_enter_decoder(MEMORY_BYTES);
        _exit(write(ends[1], &level, sizeof(level)) == (ssize_t)sizeof(level) ? 0 : 1);
    }
    close(ends[1]);
    if (child < 0 || read(ends[0], &level, sizeof(level)) != (ssize_t)sizeof(level))
        level = (struct sandbox_level){0};
    close(ends[0]);
    if (child > 0)
        waitpid(child, NULL, 0);
    return level;
}
