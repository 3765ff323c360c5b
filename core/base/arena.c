#include "base/arena.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISON 1
#endif
#endif
#ifdef ARENA_POISON
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

enum { ARENA_ALIGN = 16, ARENA_BLOCK_BYTES = 4096 - 64 };

struct block {
    struct block *next;
    size_t size, used;
    _Alignas(ARENA_ALIGN) char bytes[];
};

struct cleanup {
    struct cleanup *next;
    void (*fn)(void *arg);
    void *arg;
};

struct arena {
    struct block *blocks;     /* newest first */
    struct cleanup *cleanups; /* newest first */
};

static struct block *block_new(size_t size)
{
    struct block *block = mem_alloc_raw(sizeof *block + size);

    *block = (struct block){.size = size};
    POISON(block->bytes, size);
    return block;
}

static void block_free(struct block *block)
{
    UNPOISON(block->bytes, block->size);
    mem_free(block);
}

struct arena *arena_new(void)
{
    struct arena *arena = MEM_NEW(struct arena);

    arena->blocks = block_new(ARENA_BLOCK_BYTES);
    return arena;
}

static void run_cleanups(struct arena *arena)
{
    while (arena->cleanups) {
        struct cleanup *cleanup = arena->cleanups;

        arena->cleanups = cleanup->next;
        cleanup->fn(cleanup->arg);
    }
}

void arena_reset(struct arena *arena)
{
    run_cleanups(arena);
    while (arena->blocks->next) {
        struct block *block = arena->blocks->next;

        arena->blocks->next = block->next;
        block_free(block);
    }
    arena->blocks->used = 0;
    POISON(arena->blocks->bytes, arena->blocks->size);
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    arena_reset(arena);
    block_free(arena->blocks);
    mem_free(arena);
}

/* A big piece gets a block of its own behind the newest, whose rest stays in use. */
static struct block *add_block(struct arena *arena, size_t need)
{
    bool big = need > ARENA_BLOCK_BYTES / 4;
    struct block *block = block_new(big ? need : ARENA_BLOCK_BYTES);
    struct block **link = big ? &arena->blocks->next : &arena->blocks;

    block->next = *link;
    *link = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t n)
{
    size_t need = (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    struct block *block = arena->blocks;

    if (n > SIZE_MAX / 2)
        abort();
    if (block->size - block->used < need)
        block = add_block(arena, need);
    void *p = block->bytes + block->used;
    block->used += need;
    UNPOISON(p, n);
    return p;
}

void *arena_zalloc(struct arena *arena, size_t n)
{
    return memset(arena_alloc(arena, n), 0, n);
}

char *arena_cstr(struct arena *arena, struct slice s)
{
    char *p = arena_alloc(arena, s.n + 1);

    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

struct slice arena_dup(struct arena *arena, struct slice s)
{
    return (struct slice){arena_cstr(arena, s), s.n};
}

struct slice arena_printf(struct arena *arena, const char *format, ...)
{
    char stack[256];
    va_list args;

    va_start(args, format);
    int n = vsnprintf(stack, sizeof stack, format, args);
    va_end(args);
    if (n < 0)
        abort();
    if ((size_t)n < sizeof stack)
        return arena_dup(arena, (struct slice){stack, (size_t)n});

    char *p = arena_alloc(arena, (size_t)n + 1);
    va_start(args, format);
    vsnprintf(p, (size_t)n + 1, format, args);
    va_end(args);
    return (struct slice){p, (size_t)n};
}

void arena_defer(struct arena *arena, void (*fn)(void *arg), void *arg)
{
    struct cleanup *cleanup = arena_alloc(arena, sizeof *cleanup);

    *cleanup = (struct cleanup){arena->cleanups, fn, arg};
    arena->cleanups = cleanup;
}
