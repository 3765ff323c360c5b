#include "base/memory.h"

#include <stdio.h>

void *mem_alloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);

    if (!p)
        abort();
    return p;
}

void *mem_alloc_raw(size_t n)
{
    return mem_realloc(NULL, n);
}

void *mem_realloc(void *p, size_t n)
{
    void *grown = realloc(p, n ? n : 1);

    if (!grown)
        abort();
    return grown;
}

void mem_free(void *p)
{
    free(p);
}

void *mem_check(void *p, uint32_t magic, const char *what)
{
    if (!p || *(const uint32_t *)p != magic) {
        fprintf(stderr, "stale or foreign pointer where a %s was expected\n", what);
        abort();
    }
    return p;
}
