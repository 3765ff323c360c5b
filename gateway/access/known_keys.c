#include "gateway/access/known_keys.h"

#include "base/text.h"

#include <string.h>

enum { SLOTS = 2048, ID_MAX_BYTES = 40 };

static struct known_key {
    uint8_t id_bytes, owner_bytes; /* 0: empty */
    char id[ID_MAX_BYTES], owner[ID_MAX_BYTES];
} known[SLOTS];

static struct known_key *slot_of(struct slice key_id)
{
    return &known[text_crc32(key_id) % SLOTS];
}

bool known_keys_find(struct arena *arena, struct slice key_id, struct slice *owner)
{
    const struct known_key *entry = slot_of(key_id);

    if (!slice_eq(key_id, (struct slice){entry->id, entry->id_bytes}))
        return false;
    *owner = arena_dup(arena, (struct slice){entry->owner, entry->owner_bytes});
    return true;
}

void known_keys_note(struct slice key_id, struct slice owner)
{
    struct known_key *entry = slot_of(key_id);

    if (!key_id.n || key_id.n > ID_MAX_BYTES || owner.n > ID_MAX_BYTES)
        return;
    entry->id_bytes = (uint8_t)key_id.n;
    entry->owner_bytes = (uint8_t)owner.n;
    memcpy(entry->id, key_id.p, key_id.n);
    memcpy(entry->owner, owner.p, owner.n);
}
