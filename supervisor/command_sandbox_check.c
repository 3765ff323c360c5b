/* mediahub sandbox-check: becomes the decoder, which tries its sandboxes (sandbox/sandbox_trial.h).
 */
#include "base/process.h"
#include "supervisor/command.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int command_sandbox_check(int argc, char **argv)
{
    const char *decoder = process_sibling(process_arena(), "mediahub-decode");

    if (argc > 0)
        process_fail("usage: mediahub sandbox-check");
    execl(decoder, decoder, "sandbox-check", (char *)NULL);
    process_fail("%s cannot be started: %s", decoder, strerror(errno));
}
