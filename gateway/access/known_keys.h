/* known_keys.h: whose the API keys are that this process has seen hold. The owner of a key never
 * changes, so what stands here is never wrong; whether the key still holds, its record says. With
 * it a request's reads all leave at once, and a counter of its own is only kept for a key that
 * there is: invented ones cost nobody memory. A fixed table; a newer key of the same slot takes the
 * older one's place. */
#pragma once

#include "base/arena.h"

/* False: not known here. The owner's id lives in the arena. */
bool known_keys_find(struct arena *arena, struct slice key_id, struct slice *owner);
void known_keys_note(struct slice key_id, struct slice owner);
