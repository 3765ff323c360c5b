#include "base/table.h"

#include "base/crypto.h"
#include "base/memory.h"

#include <assert.h>

enum { FIRST_SLOTS = 16 };

/* FNV-1a from a secret start, mixed once more at the end because slots use the low bits. */
static uint64_t hash_of(const struct table *table, struct slice key)
{
    uint64_t hash = table->seed;

    for (size_t i = 0; i < key.n; i++)
        hash = (hash ^ (uint8_t)key.p[i]) * 0x100000001B3;
    hash ^= hash >> 32;
    return (hash * 0x9E3779B97F4A7C15) ^ (hash >> 29);
}

void table_init(struct table *table)
{
    *table = (struct table){0};
    random_bytes(&table->seed, sizeof table->seed);
}

void table_fini(struct table *table)
{
    assert(table->n == 0);
    mem_free(table->slots);
    *table = (struct table){0};
}

static struct table_entry **slot(const struct table *table, uint64_t hash)
{
    return &table->slots[(hash >> 7) & (table->size - 1)];
}

static void grow(struct table *table)
{
    struct table old = *table;

    table->size = old.size ? old.size * 2 : FIRST_SLOTS;
    table->slots = mem_alloc(table->size * sizeof(struct table_entry *));
    for (size_t i = 0; i < old.size; i++) {
        while (old.slots[i]) {
            struct table_entry *entry = old.slots[i];
            struct table_entry **to = slot(table, entry->hash);

            old.slots[i] = entry->next;
            entry->next = *to;
            *to = entry;
        }
    }
    mem_free(old.slots);
}

struct table_entry *table_find(const struct table *table, struct slice key)
{
    if (table->n == 0)
        return NULL;
    uint64_t hash = hash_of(table, key);
    struct table_entry *entry = *slot(table, hash);

    while (entry && (entry->hash != hash || !slice_eq(entry->key, key)))
        entry = entry->next;
    return entry;
}

void table_add(struct table *table, struct table_entry *entry, struct slice key)
{
    if (table->n == table->size)
        grow(table);
    struct table_entry **to;

    entry->key = key;
    entry->hash = hash_of(table, key);
    to = slot(table, entry->hash);
    entry->next = *to;
    *to = entry;
    table->n++;
}

void table_remove(struct table *table, struct table_entry *entry)
{
    struct table_entry **link = slot(table, entry->hash);

    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    entry->next = NULL;
    table->n--;
}
