#include "base/fault.h"

#include <stddef.h>

#ifdef MEDIAHUB_FAULTS

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {
#define FAULT(symbol, name) name,
#include "base/fault.def"
#undef FAULT
};

enum { PATH_BYTES = 512 }; /* it stands on a fiber */

static int waiting = -1; /* the point that was passed and waits for a write */

bool fault_is_setting(const char *line)
{
    return strncmp(line, "MEDIAHUB_FAULT=", strlen("MEDIAHUB_FAULT=")) == 0;
}

const char *fault_folder(void)
{
    const char *folder = getenv("MEDIAHUB_FAULT");

    return folder && folder[0] ? folder : NULL;
}

void fault_point(enum fault fault)
{
    const char *folder = fault_folder();
    char path[PATH_BYTES];

    if (!folder)
        return;
    snprintf(path, sizeof path, "%s/%s", folder, names[fault]);
    if (unlink(path) == 0)
        kill(getpid(), SIGKILL);
}

void fault_point_once_written(enum fault fault)
{
    waiting = (int)fault;
}

void fault_written(void)
{
    if (waiting < 0)
        return;
    fault_point((enum fault)waiting);
    waiting = -1;
}

#else

bool fault_is_setting(const char *line)
{
    return false;
}

const char *fault_folder(void)
{
    return NULL;
}

#endif
