/* certificate.h: a certificate chain and its private key in two PEM files: read and judged, made,
 * and handed to OpenSSL. Must not know who serves with it.
 * Sources: RFC 5280; CA/Browser baseline requirements 6.3.2 (825 days, which phones insist on). */
#pragma once

#include "base/arena.h"

struct certificate;
struct ssl_st;

enum { CERTIFICATE_MADE_DAYS = 825 };

/* NULL: *fault says what is wrong with one of the files, in words that follow its name: "has
 * expired"; *in_key: with the key's. */
struct certificate *certificate_load(struct arena *arena, const char *chain_path,
                                     const char *key_path, bool *in_key, struct slice *fault);
void certificate_free(struct certificate *certificate); /* NULL is allowed */

/* For one connection before its handshake, in place of all that its context has: that keeps one
 * certificate per kind of key, so that an old RSA one would go on beside a new one for ECDSA. */
bool certificate_use(const struct certificate *certificate, struct ssl_st *connection);
/* The same chain, that is, from the first to the last. */
bool certificate_same(const struct certificate *left, const struct certificate *right);

struct slice certificate_fingerprint(const struct certificate *certificate,
                                     struct arena *arena); /* SHA-256: "AB:CD:..." */
uint64_t certificate_seconds_left(const struct certificate *certificate);
/* Is it good for this host name or IP address? */
bool certificate_covers(const struct certificate *certificate, struct arena *arena,
                        struct slice name);

/* Writes one that is signed by itself, for host names and IP addresses, in place of what is there.
 * The files are for their owner only. False with a sentence in *problem. */
bool certificate_make(struct arena *arena, const char *chain_path, const char *key_path,
                      const struct slice *names, size_t n, struct slice *problem);
