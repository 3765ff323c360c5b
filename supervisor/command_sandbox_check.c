/* mediahub sandbox-check: tries what holds the readers of strangers' files. Exit status 0: it is
 * the whole sandbox, and all that it should deny is denied. */
#include "base/process.h"
#include "sandbox/sandbox_trial.h"
#include "supervisor/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_line(void *arg, struct slice line, enum trial_end end)
{
    printf("%.*s\n", SLICE_ARG(line));
}

int command_sandbox_check(int argc, char **argv)
{
    struct sandbox_level level = sandbox_probe();

    if (argc > 0)
        process_fail("usage: mediahub sandbox-check");
    printf("Landlock: %u, seccomp: %s, no new privileges: %s\n", level.landlock,
           level.seccomp ? "yes" : "no", level.no_new_privileges ? "yes" : "no");
    int wrong = sandbox_try(print_line, NULL);
    if (wrong < 0)
        process_fail("no temporary file can be made: %s", strerror(errno));
    return sandbox_hold(level) == WIRE_HOLD_WHOLE && wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
