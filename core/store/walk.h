/* walk.h: looking at everything in a part of the store, a slice at a time. Content that comes or
 * goes meanwhile may be seen or not; what stays is seen once. All functions are blocking; a walk is
 * used by one thread at a time. */
#pragma once

#include "base/crypto.h"
#include "store/store.h"

enum store_area {
    STORE_BLOBS,
    STORE_VARIANTS, /* an entry is the folder of a blob's variants */
    STORE_TRASH,    /* blob and variants are entries of their own, with the same hash */
    STORE_AREAS
};

struct store_entry {
    char hex[SHA256_HEX + 1];
    uint64_t size;       /* bytes, of a file */
    uint64_t changed_ms; /* Unix: written, or marked as used */
    uint64_t moved_ms;   /* Unix: moved to where it is, or changed later */
};

struct store_walk;

struct store_walk *store_walk_open(struct store *store, enum store_area area);
void store_walk_close(struct store_walk *walk); /* NULL is allowed */
/* At most max entries; 0: that was all. Names that are no hashes are passed over. */
size_t store_walk_next(struct store_walk *walk, struct store_entry *entries, size_t max);
