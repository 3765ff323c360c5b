#include "gateway/http/certificate_watch.h"

#include "base/certificate.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/timer.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

enum {
    LOOK_EVERY_MS = 2000,
    SETTLE_MS = 500, /* whoever renews writes two files */
    FILES = 2,
};

struct certificate_watch {
    SSL_CTX *context;
    const char *paths[FILES]; /* chain, key */
    uv_fs_poll_t polls[FILES];
    int open;
    struct timer settle;
    struct certificate *now; /* NULL: what the server was started with cannot be read any more */
};

bool certificate_watch_restrict(struct ssl_ctx_st *context)
{
    static char groups[] = "X25519:P-256:P-384:P-521"; /* the macro takes no const */

    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20:!PSK") == 1 &&
           SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                             "TLS_CHACHA20_POLY1305_SHA256") == 1 &&
           SSL_CTX_set1_groups_list(context, groups) == 1;
}

/* As OpenSSL asks at the beginning of each handshake. */
static int on_handshake(SSL *connection, void *arg)
{
    const struct certificate_watch *watch = arg;

    return !watch->now || certificate_use(watch->now, connection);
}

static void take(struct certificate_watch *watch, struct certificate *certificate,
                 struct arena *arena)
{
    bool first = !watch->now;

    if (!first && certificate_same(certificate, watch->now)) {
        certificate_free(certificate);
        return;
    }
    certificate_free(watch->now);
    watch->now = certificate;
    if (!first)
        log_event(LOG_INFO, "certificate_taken", F("file", watch->paths[0]),
                  F("sha256", certificate_fingerprint(certificate, arena)));
}

static void look(struct certificate_watch *watch)
{
    struct arena *arena = arena_new();
    struct slice fault = SLICE("");
    bool in_key;
    struct certificate *certificate =
        certificate_load(arena, watch->paths[0], watch->paths[1], &in_key, &fault);

    if (certificate)
        take(watch, certificate, arena);
    else
        log_event(LOG_ERROR, "certificate_refused", F("file", watch->paths[in_key]),
                  F("problem", fault));
    arena_free(arena);
}

static void on_settled(struct timer *timer)
{
    look(CONTAINER_OF(timer, struct certificate_watch, settle));
}

/* Also of a file that is gone for a moment: what follows is another change. */
static void on_change(uv_fs_poll_t *poll, int status, const uv_stat_t *before, const uv_stat_t *now)
{
    struct certificate_watch *watch = poll->data;

    if (status == 0)
        timer_start(&watch->settle, SETTLE_MS, on_settled);
}

struct certificate_watch *certificate_watch_start(uv_loop_t *loop, struct ssl_ctx_st *context,
                                                  const char *chain_path, const char *key_path)
{
    struct certificate_watch *watch = MEM_NEW(struct certificate_watch);

    watch->context = context;
    watch->paths[0] = chain_path;
    watch->paths[1] = key_path;
    look(watch); /* what is served with now */
    SSL_CTX_set_cert_cb(context, on_handshake, watch);
    for (int i = 0; i < FILES; i++) {
        uv_fs_poll_init(loop, &watch->polls[i]);
        watch->polls[i].data = watch;
        uv_fs_poll_start(&watch->polls[i], on_change, watch->paths[i], LOOK_EVERY_MS);
        watch->open++;
    }
    return watch;
}

void certificate_watch_look(struct certificate_watch *watch)
{
    look(watch);
}

static void on_closed(uv_handle_t *handle)
{
    struct certificate_watch *watch = handle->data;

    if (--watch->open > 0)
        return;
    certificate_free(watch->now);
    mem_free(watch);
}

void certificate_watch_stop(struct certificate_watch *watch)
{
    if (!watch)
        return;
    SSL_CTX_set_cert_cb(watch->context, NULL, NULL);
    timer_stop(&watch->settle);
    for (int i = 0; i < FILES; i++)
        uv_close((uv_handle_t *)&watch->polls[i], on_closed);
}
