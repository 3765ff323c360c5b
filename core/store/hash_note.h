/* hash_note.h: how far the hash of an upload in partial/ has come, kept beside it so that whoever
 * goes on need not read all of it again. Only a help: without a note, or with one that does not fit
 * (torn, or of more bytes than are there), the hash begins anew. All functions are blocking, for
 * whoever holds the file (partial_open()). */
#pragma once

#include "base/crypto.h"
#include "store/store.h"

/* Of the file's first bytes, `size` at most; none of them: no note. The caller frees it. A note
 * that does not fit is removed. */
struct sha256 *hash_note_read(struct store *store, struct slice name, uint64_t size);
void hash_note_write(struct store *store, struct slice name, const struct sha256 *hash);
