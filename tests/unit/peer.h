/* peer.h: the client's side of a test against sockets: blocking, on a thread of its own, plain or
 * TLS (without checking the certificate, which is made for the run). */
#pragma once

#include "unit.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct peer {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
};

/* A port for the listeners of this program, which share it (SO_REUSEPORT): nobody else is given it
 * by the kernel while *guard, which does not listen, is open. */
static inline uint16_t peer_reserve_port(int *guard)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t n = sizeof address;
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *guard = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (setsockopt(*guard, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
        bind(*guard, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(*guard, (struct sockaddr *)&address, &n) != 0)
        abort();
    return ntohs(address.sin_port);
}

static inline struct peer peer_open(uint16_t port, bool tls)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval patience = {.tv_sec = 20};
    struct peer peer = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(peer.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(peer.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(peer.fd, (struct sockaddr *)&address, sizeof address) != 0)
        abort();
    if (tls) {
        peer.context = SSL_CTX_new(TLS_client_method());
        peer.ssl = SSL_new(peer.context);
        SSL_set_fd(peer.ssl, peer.fd);
        if (SSL_connect(peer.ssl) != 1)
            abort();
    }
    return peer;
}

static inline bool peer_send(struct peer *peer, const void *bytes, size_t n)
{
    const char *at = bytes;

    while (n > 0) {
        ssize_t sent =
            peer->ssl ? SSL_write(peer->ssl, at, (int)n) : send(peer->fd, at, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* What came; 0: end of stream, -1: reset or too late. */
static inline ssize_t peer_receive(struct peer *peer, void *bytes, size_t n)
{
    if (!peer->ssl)
        return recv(peer->fd, bytes, n, 0);
    int got = SSL_read(peer->ssl, bytes, (int)n);
    if (got > 0)
        return got;
    return SSL_get_error(peer->ssl, got) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

/* Reads until n bytes have come or the stream ends. */
static inline size_t peer_receive_all(struct peer *peer, void *bytes, size_t n)
{
    size_t have = 0;

    while (have < n) {
        ssize_t got = peer_receive(peer, (char *)bytes + have, n - have);

        if (got <= 0)
            break;
        have += (size_t)got;
    }
    return have;
}

static inline void peer_close(struct peer *peer)
{
    SSL_free(peer->ssl);
    SSL_CTX_free(peer->context);
    close(peer->fd);
}

/* A self-signed certificate and its key, as two files. */
static inline void peer_make_certificate(const char *cert_path, const char *key_path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    FILE *file;

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_sign(cert, key, EVP_sha256());
    file = fopen(cert_path, "w");
    PEM_write_X509(file, cert);
    fclose(file);
    file = fopen(key_path, "w");
    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
    X509_free(cert);
    EVP_PKEY_free(key);
}
