/* transcode.h: a process that becomes the transcoder. */
#pragma once

#include <stdint.h>

/* Becomes ffmpeg, sandboxed: descriptor 3 is the input, 4 the output, 1 takes the progress, 2 the
 * log. `pixels` bounds the shorter side. Returns only on failure. */
void transcode_exec(uint64_t pixels);
