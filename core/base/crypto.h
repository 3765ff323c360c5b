/* crypto.h: hashes, MACs and randomness (OpenSSL for hashes, which uses the processor's own
 * instructions; libsodium for the rest). */
#pragma once

#include "base/arena.h"

enum { SHA256_BYTES = 32, SHA256_HEX = 64, SHA256_STATE_BYTES = 104 };

void crypto_init(void); /* once, at start; aborts on failure */

struct sha256;
struct sha256 *sha256_new(void);
void sha256_update(struct sha256 *hash, const void *bytes, size_t n);
void sha256_final(struct sha256 *hash, uint8_t out[SHA256_BYTES]);
void sha256_free(struct sha256 *hash);
/* What it has seen so far, to be kept and gone on with, by any machine (big-endian). */
void sha256_save(const struct sha256 *hash, uint8_t out[SHA256_STATE_BYTES]);
struct sha256 *sha256_restore(const uint8_t state[SHA256_STATE_BYTES]);
uint64_t sha256_count(const struct sha256 *hash); /* bytes seen */
struct slice sha256_hex(struct arena *arena, struct slice bytes);

/* Checksums that clients choose: md5, sha1, sha256, sha512. */
struct digest;
enum { DIGEST_BYTES_MAX = 64 };
struct digest *digest_new(struct slice name); /* NULL: not one of these, or not on this machine */
void digest_update(struct digest *digest, const void *bytes, size_t n);
size_t digest_final(struct digest *digest, uint8_t out[DIGEST_BYTES_MAX]); /* how long it is */
void digest_free(struct digest *digest);                                   /* NULL is allowed */

void hmac_sha256(struct slice key, struct slice bytes, uint8_t out[SHA256_BYTES]);

void random_bytes(void *out, size_t n);
uint64_t random_below(uint64_t bound);             /* uniform; bound > 0 */
bool crypto_equal(struct slice a, struct slice b); /* in constant time for equal lengths */
