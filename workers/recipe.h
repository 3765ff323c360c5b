/* recipe.h: how a rendition is made of a video: the part of ffmpeg's command line between input and
 * output, from what the probe found, and what that may cost. Pure: no process, no clock. */
#pragma once

#include "wire/wire.h"

struct recipe {
    const struct wire_clip *clip;
    uint64_t pixels; /* of the rendition's shorter side; never more than the video has */
};

/* Ends with NULL, in the arena. Frames keep their times, or are dropped where more than 60 fall
 * into a second; never are there more than in the video. */
const char **recipe_arguments(struct arena *arena, const struct recipe *recipe);

/* A budget of pixels times frames: what a slow machine does in this time, and the start. */
uint64_t recipe_deadline_ms(const struct wire_clip *clip);
/* What ffmpeg takes at most, with as many threads as there are cores. */
uint64_t recipe_memory_bytes(const struct wire_clip *clip, unsigned cores);
/* Past it a video is not converted at all: four hours of 4K at 30 frames a second. */
bool recipe_affordable(const struct wire_clip *clip);
