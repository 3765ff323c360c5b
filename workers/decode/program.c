#include "decode/program.h"

#include "base/log.h"
#include "base/process.h"
#include "decode/template.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SOCKET = 3 };

/* Another user, if the worker says so, in no group but his own; not as root in a place that has no
 * other users. */
static bool become_reader(void)
{
    const char *said = getenv("MEDIAHUB_READER");
    unsigned uid, gid;

    if (!said || sscanf(said, "%u:%u", &uid, &gid) != 2)
        return true;
    return setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 &&
           setresuid(uid, uid, uid) == 0;
}

void program_close_from(unsigned fd)
{
    syscall(SYS_close_range, fd, ~0U, 0);
}

void program_begin(void)
{
    process_init("decode");
    process_ignore_hangup();
    if (!become_reader())
        log_event(LOG_WARN, "reader_not_another_user", F("why", strerror(errno)));
    /* Whoever started it, it dies with its worker; a change of user would forget that. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void program_serve(int argc, const struct decode_skill *skill)
{
    if (argc != 1)
        process_fail("decoders are started by mediahub-worker");
    program_close_from(SOCKET + 1);
    if (skill->load)
        skill->load();
    template_serve(SOCKET, skill);
    /* No clean-up handlers: some would look for files and threads that the sandbox forbids. */
    _exit(0);
}
