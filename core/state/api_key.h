/* api_key.h: API keys: what a program calls with instead of a login. The key itself
 * (api_key_text.h) is told once, when it is made; kept is its SHA-256, and its id, key_<ULID>, is
 * made of that, so that a key leads to its record without an index. The record is `api_key` in
 * schemas/records.yaml, in its owner's partition; per owner "{pN}:api_keys_of:<user id>" (sorted
 * set by creation) and the count in "{pN}:api_keys:held:<user id>". When it was last used stands on
 * the volatile server, "used:<key id>": who only reads writes nothing durable. */
#pragma once

#include "records.h"
#include "state/once.h"

/* Makes a key of the owner, name, scopes and expires_ms that the caller has filled in, and fills in
 * the rest; *text is the key itself. ERR_QUOTA: the account has `most`, of which none has expired
 * (those give way). ERR_UNAUTHORIZED: the owner is disabled. once: as for once_settle(). */
enum err api_key_create(struct task *task, struct state *state, uint64_t most, struct api_key *key,
                        struct slice *text, const struct once_claim *once);

/* Who presents `text`: fills in id, partition and sha256. False: it is no key of ours at first
 * sight. */
bool api_key_locate(struct arena *arena, const struct state *state, struct slice text,
                    struct api_key *out);
/* Sent and awaited apart, so that admission can pipeline it with the rate counter. `key` is
 * located, and then filled in. ERR_UNAUTHORIZED: there is no such key (any more), or it has
 * expired. Whether its owner may still call is account_take_standing(). */
struct redis_call *api_key_send(struct state *state, struct arena *arena,
                                const struct api_key *key);
enum err api_key_take(struct task *task, struct redis_call *call, struct api_key *key);
/* Does not suspend. */
void api_key_note_use(struct state *state, struct arena *arena, struct slice id, uint64_t now_ms);

/* With last_used_ms. ERR_NOT_FOUND. */
enum err api_key_load(struct task *task, struct state *state, struct slice id, struct api_key *out);
/* A user's, newest first, expired ones too; *total: how many there are. */
enum err api_key_list(struct task *task, struct state *state, struct slice owner,
                      unsigned partition, uint64_t skip, uint64_t limit, struct api_key **out,
                      size_t *n, uint64_t *total);

/* Revokes it and emits session.ended, whose resource is its id (realtime closes its sockets).
 * ERR_NOT_FOUND: it was gone before. */
enum err api_key_delete(struct task *task, struct state *state, const struct api_key *key);
/* Emits the same for all keys of a user, who cannot use them for now. */
enum err api_key_end_sockets(struct task *task, struct state *state, struct slice owner,
                             unsigned partition);
