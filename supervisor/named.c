#include "supervisor/named.h"

#include "base/crypto.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 1024 };

struct named {
    uint64_t *prints;
    size_t n, room;
    bool sorted;
};

static uint64_t print_of(struct slice sha256_hex, struct slice file)
{
    struct sha256 *hash = sha256_new();
    uint8_t digest[SHA256_BYTES];
    uint64_t print;

    sha256_update(hash, sha256_hex.p, sha256_hex.n);
    sha256_update(hash, file.p, file.n);
    sha256_final(hash, digest);
    sha256_free(hash);
    memcpy(&print, digest, sizeof print);
    return print;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *one = a, *other = b;

    return (*one > *other) - (*one < *other);
}

struct named *named_new(void)
{
    return MEM_NEW(struct named);
}

void named_free(struct named *named)
{
    mem_free(named->prints);
    mem_free(named);
}

void named_add(struct named *named, struct slice sha256_hex, struct slice file)
{
    if (named->n == named->room) {
        named->room = named->room ? 2 * named->room : FIRST_ROOM;
        named->prints = mem_realloc(named->prints, named->room * sizeof *named->prints);
    }
    named->prints[named->n++] = print_of(sha256_hex, file);
    named->sorted = false;
}

bool named_has(struct named *named, struct slice sha256_hex, struct slice file)
{
    uint64_t print = print_of(sha256_hex, file);

    if (!named->n)
        return false;
    if (!named->sorted)
        qsort(named->prints, named->n, sizeof *named->prints, compare);
    named->sorted = true;
    return bsearch(&print, named->prints, named->n, sizeof *named->prints, compare) != NULL;
}
