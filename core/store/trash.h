/* trash.h: how content leaves the store: a blob that nothing refers to goes to trash/ together with
 * its variants, comes back when somebody turns out to need it, and is removed for good later. Who
 * refers to what is not known here. All functions are blocking, may run in several processes at
 * once, and end harmlessly when somebody else was faster. */
#pragma once

#include "store/store.h"

/* OK: blob and variants (one of them may be missing) are in the trash. ERR_CONFLICT: the blob was
 * used at or after unused_since_ms (Unix) and has stayed, or is back, in its place. */
enum err trash_put(struct store *store, struct slice sha256_hex, uint64_t unused_since_ms);

/* Back to their places. What is there already stays. False: there was no blob in the trash. */
bool trash_restore(struct store *store, struct slice sha256_hex);

/* Removes both from the trash. */
void trash_purge(struct store *store, struct slice sha256_hex);
