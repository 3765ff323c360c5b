#include "state/position.h"

#include "base/text.h"

#include <string.h>

/* Version, number of partitions, then per partition: epoch and offset as base-128 numbers, least
 * significant group first, and the 8 bytes of the hash. */
enum { POSITION_VERSION = 1, NUMBER_MAX_BYTES = 10, HASH_BYTES = 8, PARTITIONS_MAX = 1024 };

static char *put_number(char *at, uint64_t number)
{
    while (number >= 0x80) {
        *at++ = (char)(number | 0x80);
        number >>= 7;
    }
    *at++ = (char)number;
    return at;
}

/* Exactly one spelling per number: no superfluous zero groups. */
static bool take_number(struct slice *rest, uint64_t *out)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < NUMBER_MAX_BYTES && i < rest->n; i++) {
        uint64_t group = (uint8_t)rest->p[i];

        if (i == NUMBER_MAX_BYTES - 1 && group > 1)
            return false;
        number |= (group & 0x7f) << (7 * i);
        if (group < 0x80) {
            *rest = slice_from_offset(*rest, i + 1);
            *out = number;
            return group != 0 || i == 0;
        }
    }
    return false;
}

struct slice position_format(struct arena *arena, const struct position *position)
{
    size_t most =
        1 + NUMBER_MAX_BYTES + position->partitions * (size_t)(2 * NUMBER_MAX_BYTES + HASH_BYTES);
    char *bytes = arena_alloc(arena, most), *at = bytes;

    *at++ = POSITION_VERSION;
    at = put_number(at, position->partitions);
    for (unsigned i = 0; i < position->partitions; i++) {
        const struct head *head = &position->heads[i];

        at = put_number(at, head->epoch);
        at = put_number(at, head->offset);
        if (!text_unhex((struct slice){head->hash, 2 * HASH_BYTES}, at, HASH_BYTES))
            memset(at, 0, HASH_BYTES);
        at += HASH_BYTES;
    }
    return text_base64url(arena, (struct slice){bytes, (size_t)(at - bytes)});
}

static bool take_head(struct arena *arena, struct slice *rest, struct head *head)
{
    if (!take_number(rest, &head->epoch) || !take_number(rest, &head->offset) ||
        rest->n < HASH_BYTES)
        return false;
    struct slice hex = text_hex(arena, rest->p, HASH_BYTES);
    memcpy(head->hash, hex.p, hex.n);
    head->hash[hex.n] = '\0';
    *rest = slice_from_offset(*rest, HASH_BYTES);
    return true;
}

bool position_parse(struct arena *arena, struct slice text, unsigned partitions,
                    struct position *out)
{
    struct slice bytes;
    uint64_t n;

    /* Bounded before anything is allocated: clients send these. */
    if (text.n > 64 + (size_t)PARTITIONS_MAX * 40 || !text_unbase64url(arena, text, &bytes) ||
        !bytes.n || bytes.p[0] != POSITION_VERSION)
        return false;
    bytes = slice_from_offset(bytes, 1);
    if (!take_number(&bytes, &n) || n != partitions)
        return false;
    out->partitions = partitions;
    out->heads = ARENA_ARRAY(arena, struct head, partitions);
    for (unsigned i = 0; i < partitions; i++)
        if (!take_head(arena, &bytes, &out->heads[i]))
            return false;
    return bytes.n == 0;
}
