/* buf.h: a growable byte queue with a hard maximum. Adding past the maximum sets `overflow` and
 * adds nothing, so a writer may add freely and look once at the end. Heap memory; one owner. */
#pragma once

#include "base/slice.h"

struct buf {
    char *p;
    size_t start, n, size; /* the content is p[start .. start + n) */
    size_t max_bytes;
    bool overflow;
};

void buf_init(struct buf *buf, size_t max_bytes);
void buf_fini(struct buf *buf);
void buf_clear(struct buf *buf);               /* keeps the memory */
bool buf_add(struct buf *buf, struct slice s); /* false: would pass max_bytes */
bool buf_add_char(struct buf *buf, char c);
bool buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *buf_reserve(struct buf *buf, size_t n); /* room for n bytes, or NULL; then buf_commit */
void buf_commit(struct buf *buf, size_t n);
void buf_consume(struct buf *buf, size_t n);   /* drops n bytes from the front */
struct slice buf_slice(const struct buf *buf); /* valid until the next change */
