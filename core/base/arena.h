/* arena.h: memory that dies together. One arena per request, job or message: nothing in it is
 * freed by hand. Running out of memory aborts, so no caller checks for NULL; what a client can
 * size is checked against a limit before it is allocated. Single-threaded.
 * Under AddressSanitizer freed arena memory is poisoned, so a use after free is still found. */
#pragma once

#include "base/slice.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *arena);  /* NULL is allowed; runs the clean-ups first */
void arena_reset(struct arena *arena); /* as free and new, keeping one block */

void *arena_alloc(struct arena *arena, size_t n);  /* aligned for any type, contents undefined */
void *arena_zalloc(struct arena *arena, size_t n); /* zeroed */
struct slice arena_dup(struct arena *arena, struct slice s);
char *arena_cstr(struct arena *arena, struct slice s);
struct slice arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* NUL-terminated past its end */

/* Calls fn(arg) when the arena is freed or reset, last registered first. */
void arena_defer(struct arena *arena, void (*fn)(void *arg), void *arg);

#define ARENA_NEW(arena, type) ((type *)arena_zalloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, n) ((type *)arena_zalloc((arena), sizeof(type) * (size_t)(n)))
