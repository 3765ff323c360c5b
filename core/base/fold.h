/* fold.h: text as people search it: without case, accents and the difference between composed and
 * decomposed letters (Unicode NFKD, full case folding, marks of Latin, Greek and Cyrillic left
 * out), so that "Müller", "MULLER" and a decomposed name of macOS are one. The table is generated
 * (schemas/generate_unicode.py). */
#pragma once

#include "base/arena.h"

/* Lives in the arena. What is no UTF-8 stays as it is. */
struct slice text_fold(struct arena *arena, struct slice text);
