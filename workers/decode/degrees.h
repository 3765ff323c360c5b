/* degrees.h: places that are written out as texts. */
#pragma once

#include "base/slice.h"

/* The next decimal number of the text, with its sign; what stands before it is skipped, and it
 * itself taken off. */
bool degrees_number(struct slice *text, double *out);
/* "48,8.2057N", "48,8,12.34 North", "48 8 12.34", "-11.25". refs: the letters for positive and
 * negative ("NS"); false for another letter, and for what has no number. */
bool degrees_parse(struct slice text, const char *refs, double *out);
