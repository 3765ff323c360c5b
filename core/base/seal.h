/* seal.h: secrets at rest. A sealed text opens with its key alone and only at the place it was
 * sealed for (XChaCha20-Poly1305, with the place as additional data): nobody who can write to where
 * it stands can read it, change it, or put it elsewhere. Pure but for randomness. */
#pragma once

#include "base/arena.h"

enum { SEAL_KEY_BYTES = 32, SEAL_NAME_BYTES = 8 };

struct seal_key {
    uint8_t bytes[SEAL_KEY_BYTES];
    char name[SEAL_NAME_BYTES + 1]; /* tells keys apart, and nothing about them */
};

enum seal_verdict {
    SEAL_OPENED,
    SEAL_PLAIN,     /* it was never sealed */
    SEAL_OTHER_KEY, /* sealed under a key of another name */
    SEAL_BROKEN,    /* changed, moved, or no sealed text of ours */
};

void seal_key_name(struct seal_key *key); /* from its bytes */
/* A key that only who has the secret can make, for this purpose alone. */
struct seal_key seal_key_from(struct arena *arena, const char *purpose, struct slice secret);

/* "sealed:1:<name of the key>:<base64url>" */
struct slice seal(struct arena *arena, const struct seal_key *key, struct slice place,
                  struct slice plain);
/* *plain for SEAL_OPENED, in the arena; for SEAL_PLAIN it is `text`. */
enum seal_verdict seal_open(struct arena *arena, const struct seal_key *key, struct slice place,
                            struct slice text, struct slice *plain);
/* The name of the key that a text is sealed under; empty: it is plain. */
struct slice seal_name(struct slice text);
