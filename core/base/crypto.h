/* crypto.h: hashes, MACs and randomness (OpenSSL for SHA-256, which uses the processor's
 * own instructions; libsodium for the rest). */
#pragma once

#include "base/arena.h"

enum { SHA256_BYTES = 32, SHA256_HEX = 64 };

void crypto_init(void); /* once, at start; aborts on failure */

struct sha256;
struct sha256 *sha256_new(void);
void sha256_update(struct sha256 *hash, const void *bytes, size_t n);
void sha256_final(struct sha256 *hash, uint8_t out[SHA256_BYTES]);
void sha256_free(struct sha256 *hash);
struct slice sha256_hex(struct arena *arena, struct slice bytes);

void hmac_sha256(struct slice key, struct slice bytes, uint8_t out[SHA256_BYTES]);

void random_bytes(void *out, size_t n);
uint64_t random_below(uint64_t bound);             /* uniform; bound > 0 */
bool crypto_equal(struct slice a, struct slice b); /* in constant time for equal lengths */
