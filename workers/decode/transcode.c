#include "decode/transcode.h"

#include "base/log.h"
#include "decode/formats.h"
#include "decode/program.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { INPUT = 3, OUTPUT = 4, NICENESS = 10, MAX_PATH_BYTES = 256, MAX_ARGUMENTS = 100 };

/* Looks through PATH before the sandbox closes, because its rules name the program. */
static bool find_program(char out[MAX_PATH_BYTES])
{
    struct slice folders = slice_from(getenv("PATH") ? getenv("PATH") : "/usr/bin");
    struct slice folder;

    while (slice_split(folders, ':', &folder, &folders)) {
        int n = snprintf(out, MAX_PATH_BYTES, "%.*s/ffmpeg", SLICE_ARG(folder));

        if (n < MAX_PATH_BYTES && access(out, X_OK) == 0)
            return true;
    }
    return false;
}

static void add(const char **arguments, size_t *n, const char *const *list)
{
    for (; *list && *n < MAX_ARGUMENTS; list++)
        arguments[(*n)++] = *list;
}

void transcode_exec(char *const *recipe)
{
    static const char *const before[] = {"ffmpeg", "-nostdin", "-hide_banner", "-nostats",
                                         "-loglevel", "error", "-y", "-protocol_whitelist", "file",
                                         "-format_whitelist", FORMATS_OPENED, "-max_pixels",
                                         "100000000",
                                         /* as far as the probe looked: streams that come late in a
                                          * file without an index have the same numbers */
                                         "-probesize", FORMATS_PROBE_BYTES, "-analyzeduration",
                                         FORMATS_ANALYSE_US, "-i", "/dev/fd/3", NULL};
    static const char *const after[] = {
        "-movflags", "+faststart",    "-f",  "mp4",       "-progress",
        "pipe:1",    "-stats_period", "0.5", "/dev/fd/4", NULL};
    const char *arguments[MAX_ARGUMENTS + 1] = {NULL};
    const char *const environment[] = {"LC_ALL=C", NULL};
    char program[MAX_PATH_BYTES];
    size_t n = 0;

    add(arguments, &n, before);
    add(arguments, &n, (const char *const *)recipe);
    add(arguments, &n, after);
    if (!find_program(program)) {
        log_event(LOG_ERROR, "no_ffmpeg");
        return;
    }
    program_close_from(OUTPUT + 1);
    setpriority(PRIO_PROCESS, 0, NICENESS);
    sandbox_enter_transcoder(program, INPUT, OUTPUT);
    /* exec takes unqualified strings for historical reasons only. */
    execve(program, (char *const *)(uintptr_t)arguments, (char *const *)(uintptr_t)environment);
    log_event(LOG_ERROR, "exec_failed", F("why", strerror(errno)));
}
