/* memory.h: the heap, where an arena does not fit (long-lived objects). The only place outside
 * the base that may be asked for raw memory; running out of it aborts.
 * CAST_OBJ proves that a void * from a library callback is what we think: the first member of such
 * a struct is `uint32_t magic`, and freeing clears it. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

void *mem_alloc(size_t n);            /* zeroed; mem_free() releases it */
void *mem_alloc_raw(size_t n);        /* bytes undefined */
void *mem_realloc(void *p, size_t n); /* new bytes undefined */
void mem_free(void *p);

#define MEM_NEW(type) ((type *)mem_alloc(sizeof(type)))

/* Aborts unless p points to an object with this magic number. */
void *mem_check(void *p, uint32_t magic, const char *what);
#define CAST_OBJ(type, p, magic) ((type *)mem_check((p), (magic), #type))
#define CONTAINER_OF(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))
