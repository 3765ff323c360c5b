/* webp.h: the size of a WebP picture (RFC 9649), by its first chunk alone. */
#pragma once

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* False: it is no WebP, or one whose first chunk is none that there is. */
bool webp_size(struct slice file, uint64_t *width, uint64_t *height);
