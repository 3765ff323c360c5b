/* bytes.h: numbers in files. */
#pragma once

#include "base/slice.h"

/* Of `width` bytes, 8 at most, which the caller knows to be there. */
static inline uint64_t bytes_number(const char *p, unsigned width, bool little_endian)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < width; i++)
        number = number << 8 | (unsigned char)p[little_endian ? width - 1 - i : i];
    return number;
}
