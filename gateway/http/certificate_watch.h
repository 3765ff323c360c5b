/* certificate_watch.h: what TLS may be spoken, and the certificate it is spoken with: read again
 * when its files change or when that is asked for. A pair that cannot be used is told in the log,
 * and the one before stays. Connections that are open keep theirs. */
#pragma once

#include <stdbool.h>
#include <uv.h>

struct ssl_ctx_st;
struct certificate_watch;

/* TLS 1.2 and 1.3, ECDHE alone, ciphers with AEAD alone. False: OpenSSL has none of these. */
bool certificate_watch_restrict(struct ssl_ctx_st *context);

/* The paths must live as long as the watch. */
struct certificate_watch *certificate_watch_start(uv_loop_t *loop, struct ssl_ctx_st *context,
                                                  const char *chain_path, const char *key_path);
void certificate_watch_look(struct certificate_watch *watch);
void certificate_watch_stop(struct certificate_watch *watch); /* NULL is allowed */
