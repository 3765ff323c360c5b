/* text.h: encodings of bytes as text, and quantities that people write. All results live in the
 * arena. */
#pragma once

#include "base/arena.h"

struct slice text_hex(struct arena *arena, const void *bytes, size_t n); /* lower case */
bool text_unhex(struct slice hex, void *out, size_t n);                  /* exactly 2n digits */
struct slice text_base64(struct arena *arena, struct slice bytes);       /* RFC 4648 section 4 */
bool text_unbase64(struct arena *arena, struct slice text,
                   struct slice *out);                                /* padding required */
struct slice text_base64url(struct arena *arena, struct slice bytes); /* section 5, unpadded */
bool text_unbase64url(struct arena *arena, struct slice text, struct slice *out);

struct slice text_lower(struct arena *arena, struct slice s); /* ASCII letters */

/* RFC 3986 percent-decoding; false on a broken escape or a decoded NUL. plus_is_space for queries.
 */
bool text_percent_decode(struct arena *arena, struct slice s, bool plus_is_space,
                         struct slice *out);
struct slice text_percent_encode(struct arena *arena, struct slice s); /* unreserved stays */

uint32_t text_crc32(struct slice s); /* IEEE 802.3 */

struct text_unit {
    struct slice name; /* empty: a number without a unit */
    uint64_t size;     /* at most UINT64_MAX / 10 */
};

/* Takes a decimal number and its unit, "1.5h", off the front of *s. *out: how much it is, rounded
 * down. The unit is all up to the next digit or point; `same` says how its name is compared. False
 * when it is no such thing, has a fraction of a unit of size 1, or is too much for 64 bits. */
bool text_take_quantity(struct slice *s, const struct text_unit *units, size_t n,
                        bool (*same)(struct slice, struct slice), uint64_t *out);

/* A size: "100", "64k", "10MB", "1.5GiB", up to E; powers of 1024, in any case of letters. */
bool text_size(struct slice text, uint64_t *bytes);
