#include "base/buf.h"

#include "base/memory.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BUF_FIRST_BYTES = 256 };

void buf_init(struct buf *buf, size_t max_bytes)
{
    *buf = (struct buf){.max_bytes = max_bytes};
}

void buf_fini(struct buf *buf)
{
    mem_free(buf->p);
    *buf = (struct buf){0};
}

void buf_clear(struct buf *buf)
{
    buf->start = buf->n = 0;
    buf->overflow = false;
}

/* Makes room for n bytes of content and `spare` more that do not count against the maximum. */
static char *reserve(struct buf *buf, size_t n, size_t spare)
{
    if (n > buf->max_bytes || buf->n > buf->max_bytes - n) {
        buf->overflow = true;
        return NULL;
    }
    n += spare;
    if (buf->start && buf->size - buf->start - buf->n < n) {
        memmove(buf->p, buf->p + buf->start, buf->n);
        buf->start = 0;
    }
    if (buf->size - buf->start - buf->n < n) {
        size_t size = buf->size ? buf->size : BUF_FIRST_BYTES;

        while (size - buf->n < n)
            size *= 2;
        buf->p = mem_realloc(buf->p, size);
        buf->size = size;
    }
    return buf->p + buf->start + buf->n;
}

char *buf_reserve(struct buf *buf, size_t n)
{
    return reserve(buf, n, n == 0); /* an empty piece gets a place too, not NULL */
}

void buf_commit(struct buf *buf, size_t n)
{
    assert(n <= buf->size - buf->start - buf->n);
    buf->n += n;
}

bool buf_add(struct buf *buf, struct slice s)
{
    char *room = buf_reserve(buf, s.n);

    if (!room)
        return false;
    if (s.n)
        memcpy(room, s.p, s.n);
    buf->n += s.n;
    return true;
}

bool buf_add_char(struct buf *buf, char c)
{
    return buf_add(buf, (struct slice){&c, 1});
}

/* As a rule the text fits into what is there, and is then formatted once. */
bool buf_printf(struct buf *buf, const char *format, ...)
{
    size_t end = buf->start + buf->n, left = buf->size - end;
    va_list args;

    va_start(args, format);
    int n = vsnprintf(left ? buf->p + end : NULL, left, format, args);
    va_end(args);
    if (n < 0)
        abort();
    if ((size_t)n >= left || (size_t)n > buf->max_bytes - buf->n) {
        char *room = reserve(buf, (size_t)n, 1); /* vsnprintf() ends with a NUL */

        if (!room)
            return false;
        va_start(args, format);
        vsnprintf(room, (size_t)n + 1, format, args);
        va_end(args);
    }
    buf->n += (size_t)n;
    return true;
}

void buf_consume(struct buf *buf, size_t n)
{
    assert(n <= buf->n);
    buf->start += n;
    buf->n -= n;
    if (buf->n == 0)
        buf->start = 0;
}

struct slice buf_slice(const struct buf *buf)
{
    return (struct slice){buf->p ? buf->p + buf->start : NULL, buf->n};
}
