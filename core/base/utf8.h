/* utf8.h: UTF-8 (RFC 3629: no surrogates, no overlong forms), a character at a time. */
#pragma once

#include "base/slice.h"

enum { UTF8_MAX_BYTES = 4, UTF8_BMP_BYTES = 3, UTF8_REPLACEMENT = 0xfffd };

bool utf8_valid(struct slice s);
/* The character at the front of s, which is not empty: how many bytes it has, 0 when there is no
 * valid one. code may be NULL. */
size_t utf8_take(struct slice s, uint32_t *code);
/* Writes a character that may be encoded, UTF8_MAX_BYTES at most; gives how many. */
size_t utf8_put(char *out, uint32_t code);
/* The longest front of s with at most max_bytes that ends at a character's end. */
struct slice utf8_cut(struct slice s, size_t max_bytes);
