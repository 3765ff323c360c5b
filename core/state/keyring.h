/* keyring.h: the signing keys of this hub, made at first start and kept in state: up to two live
 * keys for tokens (newest signs, both verify) and one for signed links. Held in memory; read again
 * when an unknown kid turns up. */
#pragma once

#include "state/state.h"

enum { KEY_BYTES = 32, KEYRING_MAX = 2 };

struct signing_key {
    char kid[17];
    uint8_t secret[KEY_BYTES];
};

struct keyring {
    struct signing_key token_keys[KEYRING_MAX]; /* newest first */
    size_t n;
    uint8_t link_key[KEY_BYTES];
};

enum err keyring_load(struct task *task, struct state *state, struct keyring *out);
const struct signing_key *keyring_find(const struct keyring *keyring, struct slice kid);
