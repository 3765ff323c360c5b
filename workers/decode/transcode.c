#include "decode/transcode.h"

#include "base/log.h"
#include "decode/container.h"
#include "decode/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { INPUT = 3, OUTPUT = 4, NICENESS = 10, MAX_PATH_BYTES = 256 };

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

void transcode_exec(uint64_t pixels)
{
    char program[MAX_PATH_BYTES], scale[200];

    /* The shorter side becomes `pixels` (never more than it was); sides stay even for 4:2:0. */
    snprintf(scale, sizeof(scale),
             "scale=w='if(gte(iw,ih),-2,trunc(min(%llu,iw)/2)*2)':"
             "h='if(gte(iw,ih),trunc(min(%llu,ih)/2)*2,-2)',format=yuv420p",
             (unsigned long long)pixels, (unsigned long long)pixels);
    const char *const arguments[] = {"ffmpeg",
                                     "-nostdin",
                                     "-hide_banner",
                                     "-nostats",
                                     "-loglevel",
                                     "error",
                                     "-y",
                                     "-protocol_whitelist",
                                     "file",
                                     "-format_whitelist",
                                     CONTAINER_FORMATS,
                                     "-max_pixels",
                                     "100000000",
                                     "-i",
                                     "/dev/fd/3",
                                     "-map",
                                     "0:v:0",
                                     "-map",
                                     "0:a:0?",
                                     "-map_metadata",
                                     "-1",
                                     "-map_chapters",
                                     "-1",
                                     "-sn",
                                     "-dn",
                                     "-vf",
                                     scale,
                                     "-c:v",
                                     "libx264",
                                     "-preset",
                                     "veryfast",
                                     "-crf",
                                     "23",
                                     "-c:a",
                                     "aac",
                                     "-b:a",
                                     "128k",
                                     "-ac",
                                     "2",
                                     "-movflags",
                                     "+faststart",
                                     "-f",
                                     "mp4",
                                     "-progress",
                                     "pipe:1",
                                     "-stats_period",
                                     "0.5",
                                     "/dev/fd/4",
                                     NULL};
    const char *const environment[] = {"LC_ALL=C", NULL};

    if (!find_program(program)) {
        log_event(LOG_ERROR, "no_ffmpeg");
        return;
    }
    setpriority(PRIO_PROCESS, 0, NICENESS);
    sandbox_enter_transcoder(program, INPUT, OUTPUT);
    /* exec takes unqualified strings for historical reasons only. */
    execve(program, (char *const *)(uintptr_t)arguments, (char *const *)(uintptr_t)environment);
    log_event(LOG_ERROR, "exec_failed", F("why", strerror(errno)));
}
