#include "state/id.h"

#include "base/clock.h"
#include "base/crypto.h"

#include <assert.h>
#include <string.h>

enum { TIME_CHARS = 10, TIME_BITS = 50, CHAR_BITS = 5, PARTITION_CHARS = 2 };
enum { RANDOM_CHARS = ULID_CHARS - TIME_CHARS - PARTITION_CHARS };

/* Crockford's base32: no I, L, O, U. */
static const char alphabet[33] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static int digit_value(char c)
{
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): the zero is none of the digits */
    const char *at = c ? memchr(alphabet, c, 32) : NULL;

    return at ? (int)(at - alphabet) : -1;
}

void partition_encode(unsigned partition, char out[2])
{
    assert(partition <= PARTITION_MAX);
    out[0] = alphabet[partition >> CHAR_BITS];
    out[1] = alphabet[partition & 31];
}

bool partition_decode(struct slice two, unsigned partitions, unsigned *partition)
{
    int high, low;

    if (two.n != PARTITION_CHARS)
        return false;
    high = digit_value(two.p[0]);
    low = digit_value(two.p[1]);
    if (high < 0 || low < 0)
        return false;
    *partition = (unsigned)(high << CHAR_BITS | low);
    return *partition < partitions;
}

static struct slice write_id(struct arena *arena, struct slice prefix, uint64_t time_ms,
                             unsigned partition, const uint8_t bytes[RANDOM_CHARS])
{
    char *id = arena_alloc(arena, prefix.n + ULID_CHARS + 1);
    char *ulid = id + prefix.n;

    memcpy(id, prefix.p, prefix.n);
    for (unsigned i = 0; i < TIME_CHARS; i++)
        ulid[i] = alphabet[time_ms >> (TIME_BITS - CHAR_BITS * (i + 1)) & 31];
    partition_encode(partition, ulid + TIME_CHARS);
    for (unsigned i = 0; i < RANDOM_CHARS; i++)
        ulid[TIME_CHARS + PARTITION_CHARS + i] = alphabet[bytes[i] & 31];
    ulid[ULID_CHARS] = '\0';
    return (struct slice){id, prefix.n + ULID_CHARS};
}

struct slice id_new(struct arena *arena, struct slice prefix, unsigned partition)
{
    uint8_t random[RANDOM_CHARS];

    random_bytes(random, sizeof random);
    return write_id(arena, prefix, clock_unix_ms(), partition, random);
}

struct slice id_of_name(struct arena *arena, struct slice prefix, unsigned partition,
                        struct slice name)
{
    struct sha256 *hash = sha256_new();
    uint8_t digest[SHA256_BYTES];

    sha256_update(hash, name.p, name.n);
    sha256_final(hash, digest);
    sha256_free(hash);
    return write_id(arena, prefix, 0, partition, digest);
}

bool id_parse(struct slice id, struct slice prefix, unsigned partitions, unsigned *partition)
{
    struct slice ulid;

    if (!slice_starts_with(id, prefix))
        return false;
    ulid = slice_from_offset(id, prefix.n);
    if (ulid.n != ULID_CHARS || ulid.p[0] > '7')
        return false;
    for (size_t i = 0; i < ulid.n; i++)
        if (digit_value(ulid.p[i]) < 0)
            return false;
    return partition_decode((struct slice){ulid.p + TIME_CHARS, PARTITION_CHARS}, partitions,
                            partition);
}
