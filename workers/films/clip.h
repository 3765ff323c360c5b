/* clip.h: what a conversion has to know of a video, found before it begins. */
#pragma once

#include "decode/decoding.h"

/* Fills in results.clip, and results.damage; false after decoding_fail(). */
bool clip_probe(struct decoding *decoding);
