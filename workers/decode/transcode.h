/* transcode.h: a process that becomes the transcoder. */
#pragma once

/* Becomes ffmpeg, sandboxed: descriptor 3 is the input, 4 the output (an MP4), 1 takes the
 * progress, 2 the log. `recipe`, NULL at its end, is what stands between input and output: streams,
 * filters, codecs. Returns only on failure. */
void transcode_exec(char *const *recipe);
