/* mediahub-decode: what a worker decodes with. Without arguments it is the template that forks a
 * sandboxed child for each request on descriptor 3, until that is closed; as "mediahub-decode
 * transcode RECIPE..." it becomes ffmpeg. */
#include "base/log.h"
#include "base/process.h"
#include "decode/decode.h"
#include "decode/template.h"
#include "decode/transcode.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Descriptors that the worker hands on; of a transcoding, the last. */
enum { SOCKET = 3, TRANSCODE_OUTPUT = 4 };

/* Not every library of the worker's marks its descriptors as its own. */
static void close_from(unsigned fd)
{
    syscall(SYS_close_range, fd, ~0U, 0);
}

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

int main(int argc, char **argv)
{
    process_init("decode");
    process_ignore_hangup();
    if (!become_reader())
        log_event(LOG_WARN, "reader_not_another_user", F("why", strerror(errno)));
    /* Whoever started it, it dies with its worker; a change of user would forget that. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argc > 2 && strcmp(argv[1], "transcode") == 0) {
        close_from(TRANSCODE_OUTPUT + 1);
        transcode_exec(argv + 2);
        return 1;
    }
    if (argc != 1)
        process_fail("mediahub-decode is started by mediahub-worker");
    /* The filter forbids memory that is executable, which liborc would compile into. */
    setenv("VIPS_NOVECTOR", "1", 1);
    close_from(SOCKET + 1);
    decode_libraries_init();
    template_serve(SOCKET);
    /* No clean-up handlers: some would look for files and threads that the sandbox forbids. */
    _exit(0);
}
