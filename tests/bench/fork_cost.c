/* What a decode child costs that decodes nothing: bench_fork_cost_<skill> N prints the CPU time of
 * a fork with that decoder's libraries loaded, up to the child's end, without and with the sandbox,
 * in microseconds each, and how many mappings are copied. Rounds take turns, so that a busy machine
 * weighs on both alike. */
#include "base/process.h"
#include SKILL_HEADER
#include "sandbox/sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUND = 20 };
static const uint64_t MEMORY_BYTES = 1536ULL << 20;

static double us_of(const struct timeval *time)
{
    return (double)time->tv_sec * 1e6 + (double)time->tv_usec;
}

static double spent_us(int whose)
{
    struct rusage used;

    getrusage(whose, &used);
    return us_of(&used.ru_utime) + us_of(&used.ru_stime);
}

static double round_us(bool sandboxed)
{
    double before = spent_us(RUSAGE_SELF) + spent_us(RUSAGE_CHILDREN);

    for (int i = 0; i < ROUND; i++) {
        pid_t child = fork();

        if (child == 0) {
            if (sandboxed)
                sandbox_enter_decoder(MEMORY_BYTES);
            _exit(0);
        }
        if (child < 0 || waitpid(child, NULL, 0) != child)
            process_fail("no child could be had");
    }
    return spent_us(RUSAGE_SELF) + spent_us(RUSAGE_CHILDREN) - before;
}

static int count_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    int n = 0;

    for (int c; maps && (c = getc(maps)) != EOF;)
        n += c == '\n';
    if (maps)
        fclose(maps);
    return n;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 10;
    double plain = 0, sandboxed = 0;

    process_init("fork-cost");
    if (SKILL.load)
        SKILL.load();
    sandbox_prepare_decoder();
    for (int i = 0; i < rounds; i++) {
        plain += round_us(false);
        sandboxed += round_us(true);
    }
    printf("%.0f %.0f %d\n", plain / rounds / ROUND, sandboxed / rounds / ROUND, count_mappings());
    return 0;
}
