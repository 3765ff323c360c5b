/* table.h: exact lookup by text: an intrusive, growing hash table. Entries are embedded in their
 * owners, who keep the key's bytes alive. */
#pragma once

#include "base/slice.h"

struct table_entry {
    struct table_entry *next;
    uint64_t hash;
    struct slice key;
};

struct table {
    struct table_entry **slots; /* NULL until the first entry */
    size_t size, n;
    uint64_t seed; /* so that nobody can choose keys that collide */
};

void table_init(struct table *table);
void table_fini(struct table *table);                                        /* of an empty table */
struct table_entry *table_find(const struct table *table, struct slice key); /* or NULL */
void table_add(struct table *table, struct table_entry *entry, struct slice key); /* not in it */
void table_remove(struct table *table, struct table_entry *entry);
