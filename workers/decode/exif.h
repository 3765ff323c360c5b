/* exif.h: what a picture's EXIF block (CIPA DC-008) says about camera, exposure, place and time,
 * taken only where it makes sense. */
#pragma once

#include "base/arena.h"
#include "wire/wire.h"

/* Fills in results->metadata and taken_ms; leaves alone what is absent or nonsense. The block is as
 * libvips gives it, with or without "Exif\0\0" in front. */
void exif_read(struct arena *arena, struct slice block, struct wire_results *results);
