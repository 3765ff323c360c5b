#include "state/api_key_text.h"

#include "base/crypto.h"
#include "base/text.h"
#include "state/id.h"

#include <string.h>

enum { PREFIX_CHARS = 4, PARTITION_CHARS = 2, RANDOM_CHARS = 35, SUM_CHARS = 6, BASE = 62 };
enum { SUMMED_CHARS = PREFIX_CHARS + PARTITION_CHARS + RANDOM_CHARS };

_Static_assert(SUMMED_CHARS + SUM_CHARS == API_KEY_CHARS, "the parts are the whole");
_Static_assert(sizeof API_KEY_PREFIX - 1 == PREFIX_CHARS, "the prefix has its length");

static const char digits[BASE + 1] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static void write_sum(struct slice summed, char out[SUM_CHARS])
{
    uint32_t sum = text_crc32(summed);

    for (size_t i = SUM_CHARS; i-- > 0; sum /= BASE)
        out[i] = digits[sum % BASE];
}

struct slice api_key_text_new(struct arena *arena, unsigned partition)
{
    char *text = arena_alloc(arena, API_KEY_CHARS);
    char *random = text + PREFIX_CHARS + PARTITION_CHARS;

    memcpy(text, API_KEY_PREFIX, PREFIX_CHARS);
    partition_encode(partition, text + PREFIX_CHARS);
    for (size_t i = 0; i < RANDOM_CHARS; i++)
        random[i] = digits[random_below(BASE)];
    write_sum((struct slice){text, SUMMED_CHARS}, text + SUMMED_CHARS);
    return (struct slice){text, API_KEY_CHARS};
}

bool api_key_text_parse(struct slice text, unsigned partitions, unsigned *partition)
{
    char sum[SUM_CHARS];

    if (text.n != API_KEY_CHARS || !slice_starts_with(text, SLICE(API_KEY_PREFIX)))
        return false;
    write_sum((struct slice){text.p, SUMMED_CHARS}, sum);
    return memcmp(sum, text.p + SUMMED_CHARS, SUM_CHARS) == 0 &&
           partition_decode((struct slice){text.p + PREFIX_CHARS, PARTITION_CHARS}, partitions,
                            partition);
}
