/* keyring.h: the signing keys of this hub, made at first start and kept in state, sealed
 * (secret.h): keys for tokens, and keys for signed links. Of each the first signs, and all verify.
 * A rotation adds new ones, which sign a little later, when every gateway has read them, and lets
 * the old ones verify until all that they have signed has ended. */
#pragma once

#include "state/state.h"

enum {
    KEY_BYTES = 32,
    KEYRING_MAX = 4, /* of a kind; past it the oldest ends */
    KEY_SIGNS_AFTER_S = 5,
    KEY_ENDS_AFTER_S = 3600 + 900 + 60, /* a token's hour, or a link's, rounded up; clocks differ */
};

struct signing_key {
    char kid[17];
    uint8_t secret[KEY_BYTES];
    uint64_t from_s, until_s; /* Unix; it signs from then on; 0: always, and without an end */
};

struct keyring {
    struct signing_key token_keys[KEYRING_MAX]; /* the one that signs first */
    size_t n;
    struct signing_key link_keys[KEYRING_MAX]; /* likewise; their kids mean nothing */
    size_t link_n;
};

/* As of now: what has ended is left out. Makes it when there is none, and seals one that is plain.
 */
enum err keyring_load(struct task *task, struct state *state, struct keyring *out);
/* The same of a hub that runs, whose keys are there: ERR_NOT_FOUND in a state that has lost them.
 */
enum err keyring_reload(struct task *task, struct state *state, struct keyring *out);
const struct signing_key *keyring_find(const struct keyring *keyring, struct slice kid);

/* Adds new keys. at_once: the old ones end now, whether they can be read or not. ERR_CONFLICT:
 * somebody else rotated in the same moment. */
enum err keyring_rotate(struct task *task, struct state *state, bool at_once);

/* The name of the key file that it is sealed under; empty: there is none, or it is plain. */
enum err keyring_sealed_by(struct task *task, struct state *state, struct slice *name);

/* Takes the key file into use (secret.h), which is made when there is none and the keyring was
 * never sealed. ERR_CONFLICT: *problem says in one line what is wrong with it, or that the state is
 * sealed under another one. Suspends, and blocks for the file: for the start. */
enum err keyring_unlock(struct task *task, struct state *state, struct slice key_path,
                        struct slice *problem);
