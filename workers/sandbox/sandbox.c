#include "sandbox/sandbox.h"

#include "base/memory.h"
#include "sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Everything that a decoder may ask of the kernel; anything else fails with EPERM. Calls that are
 * allowed under a condition only are added in code. */
static const int decoder_calls[] = {
    /* descriptors that are open already; no path is ever resolved (newfstatat is glibc's fstat) */
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(preadv),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pwrite64),
    SCMP_SYS(pwritev),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    /* memory (without PROT_EXEC: below) */
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    /* threads (clone: below) */
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(gettid),
    SCMP_SYS(getpid),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(membarrier),
    /* signals, time, chance, what the machine is */
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getrandom),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getrusage),
};

/* Of fcntl, not F_SETOWN and F_SETSIG: they make the kernel send any signal to anybody. */
static const int decoder_fcntls[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL};

/* What the transcoder, an ordinary program that loads its libraries, may ask beyond that; which
 * files it reaches by their names is Landlock's part. Taken from traces of ffmpeg 5.1 over the
 * clips of tests/e2e/test_clips.py; what it can do without (memory policies, terminals) is not
 * here. */
static const int transcoder_calls[] = {
    SCMP_SYS(execve),
    SCMP_SYS(arch_prctl),
    SCMP_SYS(mlock), /* libgcrypt complains on standard error without it */
    SCMP_SYS(mmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(statx),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),
    SCMP_SYS(getcwd),
    SCMP_SYS(fadvise64),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getppid),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(sched_get_priority_max),
    SCMP_SYS(sched_get_priority_min),
    SCMP_SYS(clock_getres),
    SCMP_SYS(times),
};

enum {
    DECODER_MAX_FILE_BYTES = 64 << 20, /* a thumbnail is a few hundred KiB */
    DECODER_MAX_DESCRIPTORS = 128,
};
static const rlim_t TRANSCODER_MAX_FILE_BYTES = (rlim_t)16 << 30;

static void limit(int resource, rlim_t value)
{
    struct rlimit both = {value, value};

    setrlimit((__rlimit_resource_t)resource, &both);
}

bool sandbox_limits_memory(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return false;
#elif defined(__has_feature)
    return !__has_feature(address_sanitizer);
#else
    return true;
#endif
}

enum wire_hold sandbox_hold(struct sandbox_level level)
{
    if (level.landlock && level.seccomp && level.no_new_privileges)
        return WIRE_HOLD_WHOLE;
    return level.landlock || level.seccomp ? WIRE_HOLD_PART : WIRE_HOLD_NONE;
}

/* clone() for threads only; glibc falls back to it when clone3() does not exist, whose flags lie
 * in memory where no filter can look. */
static bool allow_threads(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                            SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)) == 0;
}

static bool allow_without_exec(scmp_filter_ctx filter, int call)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0;
}

/* The kernel reads an int from the low half of a register, whatever stands in the high one. */
static bool rule_for_int(scmp_filter_ctx filter, uint32_t action, int call, unsigned place,
                         int value)
{
    return seccomp_rule_add(filter, action, call, 1,
                            SCMP_CMP(place, SCMP_CMP_MASKED_EQ, UINT32_MAX, (uint32_t)value)) == 0;
}

static bool allow_calls(scmp_filter_ctx filter, const int *calls, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) != 0)
            return false;
    return true;
}

/* What both may do: open descriptors, memory, threads of their own, signals to itself. */
static bool allow_decoding(scmp_filter_ctx filter, int itself)
{
    bool fine = allow_threads(filter) &&
                rule_for_int(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 0, PR_SET_NAME) &&
                rule_for_int(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 0, itself) &&
                allow_calls(filter, decoder_calls, sizeof(decoder_calls) / sizeof(*decoder_calls));

    for (size_t i = 0; fine && i < sizeof(decoder_fcntls) / sizeof(*decoder_fcntls); i++)
        fine = rule_for_int(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, decoder_fcntls[i]);
    return fine;
}

/* -- The decoder's filter: made once, loaded by every child -- */

/* Stands for the child's own number where the filter is made before the child is. No process has
 * it: Linux gives at most 2^22. */
enum { WHOEVER_LOADS = 0x5ead1e55 };

static struct sock_fprog decoder_filter;

/* As the kernel takes it, out of a file in memory: the library gives it no other way. */
static bool read_program(int file, struct sock_fprog *out)
{
    struct stat info;

    if (file < 0 || fstat(file, &info) != 0)
        return false;
    size_t n = (size_t)info.st_size;
    out->filter = mem_alloc(n);
    out->len = (unsigned short)(n / sizeof(*out->filter));
    return pread(file, out->filter, n, 0) == (ssize_t)n;
}

bool sandbox_prepare_decoder(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int file = memfd_create("filter", MFD_CLOEXEC);
    struct sock_fprog program = {0};
    bool fine = filter && allow_decoding(filter, WHOEVER_LOADS) &&
                allow_without_exec(filter, SCMP_SYS(mmap)) &&
                allow_without_exec(filter, SCMP_SYS(mprotect)) &&
                seccomp_export_bpf(filter, file) == 0 && read_program(file, &program);

    seccomp_release(filter);
    if (file >= 0)
        close(file);
    if (fine)
        decoder_filter = program;
    else
        mem_free(program.filter);
    return fine;
}

static bool filter_decoder(void)
{
    if (!decoder_filter.filter && !sandbox_prepare_decoder())
        return false;
    for (unsigned short i = 0; i < decoder_filter.len; i++) {
        struct sock_filter *step = &decoder_filter.filter[i];

        if (step->code == (BPF_JMP | BPF_JEQ | BPF_K) && step->k == WHOEVER_LOADS)
            step->k = (uint32_t)getpid();
    }
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &decoder_filter) == 0;
}

/* -- The transcoder's -- */

/* Its own limits can be read, not set. */
static bool filter_transcoder(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    bool fine = filter && allow_decoding(filter, getpid()) &&
                seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
                                 SCMP_A0(SCMP_CMP_EQ, 0, 0), SCMP_A2(SCMP_CMP_EQ, 0, 0)) == 0 &&
                allow_calls(filter, transcoder_calls,
                            sizeof(transcoder_calls) / sizeof(*transcoder_calls)) &&
                seccomp_load(filter) == 0;

    seccomp_release(filter);
    return fine;
}

static struct sandbox_level begin(rlim_t max_file_bytes)
{
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, max_file_bytes);
    signal(SIGXFSZ, SIG_IGN); /* the write fails with EFBIG instead */
    return (struct sandbox_level){.no_new_privileges = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0};
}

struct sandbox_level sandbox_enter_decoder(uint64_t memory_bytes)
{
    struct sandbox_level level = begin(DECODER_MAX_FILE_BYTES);
    unsigned abi;

    limit(RLIMIT_NOFILE, DECODER_MAX_DESCRIPTORS);
    if (sandbox_limits_memory())
        limit(RLIMIT_DATA, memory_bytes);
    if (landlock_enforce(landlock_begin(&abi)))
        level.landlock = abi;
    level.seccomp = filter_decoder();
    return level;
}

struct sandbox_level sandbox_enter_transcoder(const char *program, int input, int output)
{
    static const char *const libraries[] = {"/usr/lib", "/usr/local/lib", "/lib", "/lib64"};
    static const char *const readable[] = {"/etc/ld.so.cache", "/usr/share", "/dev/null",
                                           "/dev/urandom"};
    struct sandbox_level level = begin(TRANSCODER_MAX_FILE_BYTES);
    unsigned abi;
    int rules = landlock_begin(&abi);

    for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++)
        landlock_allow_path(rules, abi, libraries[i],
                            LANDLOCK_READ_FILE | LANDLOCK_READ_DIR | LANDLOCK_EXECUTE);
    for (size_t i = 0; i < sizeof(readable) / sizeof(*readable); i++)
        landlock_allow_path(rules, abi, readable[i], LANDLOCK_READ_FILE | LANDLOCK_READ_DIR);
    landlock_allow_path(rules, abi, program, LANDLOCK_READ_FILE | LANDLOCK_EXECUTE);
    landlock_allow(rules, abi, input, LANDLOCK_READ_FILE);
    landlock_allow(rules, abi, output,
                   LANDLOCK_READ_FILE | LANDLOCK_WRITE_FILE | LANDLOCK_TRUNCATE);
    if (landlock_enforce(rules))
        level.landlock = abi;
    level.seccomp = filter_transcoder();
    return level;
}
