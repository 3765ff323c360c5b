/* Each trial runs in a child of its own that has entered the sandbox: its exit status is the errno
 * it met, 0 for "it worked". */
#include "decode/sandbox.h"
#include "unit.h"

#include <arpa/inet.h>
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

enum { MEMORY_BYTES = 256 << 20 };

static int file; /* open before the sandbox closes */
static char path[] = "/tmp/mediahub-sandbox-XXXXXX";

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
    return result(open("/tmp/mediahub-sandbox-new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
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
    return result(rename(path, "/tmp/mediahub-sandbox-new"));
}

static int make_folder(void)
{
    return result(mkdir("/tmp/mediahub-sandbox-new", 0700));
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

enum sandbox { DECODER, TRANSCODER };

static int status_in(enum sandbox sandbox, int (*trial)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        struct sandbox_level level = sandbox == DECODER
                                         ? sandbox_enter_decoder(MEMORY_BYTES)
                                         : sandbox_enter_transcoder("/bin/true", file, file);

        _exit(level.seccomp && level.no_new_privileges ? trial() : 255);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool has_landlock(void)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(sandbox_enter_decoder(MEMORY_BYTES).landlock > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
}

struct trial {
    const char *what;
    int (*fn)(void);
    bool allowed;
};

static void check(enum sandbox sandbox, const struct trial *trials, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int status = status_in(sandbox, trials[i].fn);

        if ((status == 0) != trials[i].allowed || status == 255)
            fail_msg("%s gave %d", trials[i].what, status);
    }
}

static void test_decoder(void **state)
{
    static const struct trial trials[] = {
        {"reading a file", open_for_reading, false},
        {"writing a file", open_for_writing, false},
        {"creating a file", create, false},
        {"opening by descriptor", reopen_by_descriptor, false},
        {"removing a file", remove_file, false},
        {"a socket", make_socket, false},
        {"a unix socket", make_unix_socket, false},
        {"exec", execute, false},
        {"fork", fork_process, false},
        {"a signal to the parent", kill_parent, false},
        {"a signal to another's thread", signal_thread_of_another, false},
        {"a signal by F_SETOWN", let_kernel_signal_another, false},
        {"the limits of another", set_limit_of_another, false},
        {"prctl", become_dumpable, false},
        {"ptrace", trace_parent, false},
        {"executable memory", make_code, false},
        {"memory made executable", turn_into_code, false},
        {"open descriptors", use_what_is_open, true},
        {"a thread", start_thread, true},
        {"a thread's name", name_thread, true},
        {"a thread's name, high bits", name_thread_with_high_bits, true},
        {"a signal to itself", signal_own_thread, true},
        {"memory", allocate, true},
    };

    check(DECODER, trials, COUNT_OF(trials));
}

static void test_decoder_memory(void **state)
{
#ifdef __SANITIZE_ADDRESS__
    skip(); /* its shadow is terabytes of data */
#endif
    static const struct trial trials[] = {
        {"more memory than given", allocate_more_than_given, false}};

    check(DECODER, trials, COUNT_OF(trials));
}

static void test_transcoder(void **state)
{
    static const struct trial trials[] = {
        {"a socket", make_socket, false},
        {"a unix socket", make_unix_socket, false},
        {"fork", fork_process, false},
        {"a signal to the parent", kill_parent, false},
        {"a signal to another's thread", signal_thread_of_another, false},
        {"a signal by F_SETOWN", let_kernel_signal_another, false},
        {"a signal by F_SETOWN, high bits", let_kernel_signal_by_high_bits, false},
        {"the limits of another", set_limit_of_another, false},
        {"ptrace", trace_parent, false},
        {"prctl", become_dumpable, false},
        {"the mode of a file", change_mode, false},
        {"the mode of an open file", change_mode_of_descriptor, false},
        {"the times of a file", change_times, false},
        {"the priority of another", change_priority, false},
        {"limits", change_own_limits, false},
        {"the length of a file by its name", shorten, false},
        {"the name of a file", give_another_name, false},
        {"a folder", make_folder, false},
        {"another folder to work in", go_elsewhere, false},
        {"its limits, to read", read_own_limits, true},
        {"a thread", start_thread, true},
        {"a signal to itself", signal_own_thread, true},
        {"open descriptors", use_what_is_open, true},
        {"memory that is executable", make_code, true},
        {"exec", execute, true},
    };

    check(TRANSCODER, trials, COUNT_OF(trials));
}

static void test_transcoder_files(void **state)
{
    static const struct trial trials[] = {
        {"reading a file", open_for_reading, false},
        {"creating a file", create, false},
        {"removing a file", remove_file, false},
        {"its own file again", reopen_by_descriptor, true},
    };

    if (!has_landlock()) {
        print_message("this kernel has no Landlock\n");
        skip();
    }
    check(TRANSCODER, trials, COUNT_OF(trials));
}

static int set_up(void **state)
{
    file = mkstemp(path);
    return file < 0;
}

static int tear_down(void **state)
{
    close(file);
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoder),
        cmocka_unit_test(test_decoder_memory),
        cmocka_unit_test(test_transcoder),
        cmocka_unit_test(test_transcoder_files),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
