/* catcher.h: HTTP servers on this machine's loopback, on the test's own loop, that answer every
 * request with fixed bytes, or not at all. They live until the arena is freed, which is after the
 * loop has ended: connections outlive their listener. */
#pragma once

#include "unit.h"

#include "base/arena.h"
#include "base/loop.h"
#include "base/memory.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum { CATCHER_REQUEST_MAX = 2048, CATCHER_ENDLESS_BYTES = 64 << 10 };

struct catcher {
    uv_tcp_t listener;
    int port, connections, requests;
    const char *answer; /* NULL: never answers */
    bool endless;       /* after the answer: bytes without end */
    size_t received_bytes;
    char request[CATCHER_REQUEST_MAX]; /* the latest complete one */
};

struct catcher_peer {
    uv_tcp_t tcp;
    struct catcher *catcher;
    uv_write_t write;
    size_t n;
    char request[CATCHER_REQUEST_MAX];
};

static char catcher_filler[CATCHER_ENDLESS_BYTES];

static void catcher_on_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

static void catcher_drop(struct catcher_peer *peer)
{
    if (!uv_is_closing((uv_handle_t *)&peer->tcp))
        uv_close((uv_handle_t *)&peer->tcp, catcher_on_closed);
}

static void catcher_on_written(uv_write_t *write, int status)
{
    struct catcher_peer *peer = write->data;
    uv_buf_t more = uv_buf_init(catcher_filler, sizeof catcher_filler);

    if (status < 0)
        catcher_drop(peer);
    else if (peer->catcher->endless)
        uv_write(&peer->write, (uv_stream_t *)&peer->tcp, &more, 1, catcher_on_written);
}

static void catcher_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct catcher_peer *peer = handle->data;

    *buf = uv_buf_init(peer->request + peer->n, (unsigned)(sizeof peer->request - 1 - peer->n));
}

/* Head and as much body as it announces; 0: not complete. */
static size_t catcher_complete(const char *request, size_t n)
{
    const char *end = strstr(request, "\r\n\r\n");
    const char *length = strstr(request, "Content-Length: ");
    size_t body = 0;

    if (!end || !length)
        return 0;
    for (length += 16; *length >= '0' && *length <= '9'; length++)
        body = 10 * body + (size_t)(*length - '0');
    size_t all = (size_t)(end - request) + 4 + body;
    return n >= all ? all : 0;
}

static void catcher_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct catcher_peer *peer = stream->data;
    struct catcher *catcher = peer->catcher;

    if (n < 0) {
        catcher_drop(peer);
        return;
    }
    peer->n += (size_t)n;
    catcher->received_bytes += (size_t)n;
    peer->request[peer->n] = '\0';
    if (!catcher_complete(peer->request, peer->n))
        return;
    memcpy(catcher->request, peer->request, peer->n + 1);
    catcher->requests++;
    peer->n = 0;
    if (!catcher->answer)
        return;
    uv_buf_t answer =
        uv_buf_init((char *)(uintptr_t)catcher->answer, (unsigned)strlen(catcher->answer));
    peer->write.data = peer;
    uv_write(&peer->write, stream, &answer, 1, catcher_on_written);
}

static void catcher_on_connection(uv_stream_t *listener, int status)
{
    struct catcher_peer *peer = MEM_NEW(struct catcher_peer);

    assert_int_equal(status, 0);
    peer->catcher = listener->data;
    peer->catcher->connections++;
    uv_tcp_init(loop_get(), &peer->tcp);
    peer->tcp.data = peer;
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&peer->tcp), 0);
    uv_read_start((uv_stream_t *)&peer->tcp, catcher_on_alloc, catcher_on_read);
}

/* port 0: any that is free. */
static struct catcher *catcher_open_at(struct arena *arena, const char *host, int port,
                                       const char *answer)
{
    struct catcher *catcher = ARENA_NEW(arena, struct catcher);
    struct sockaddr_in address;
    int n = sizeof address;

    catcher->answer = answer;
    uv_ip4_addr(host, port, &address);
    uv_tcp_init(loop_get(), &catcher->listener);
    catcher->listener.data = catcher;
    uv_tcp_bind(&catcher->listener, (const struct sockaddr *)&address, 0);
    assert_int_equal(uv_listen((uv_stream_t *)&catcher->listener, 64, catcher_on_connection), 0);
    uv_tcp_getsockname(&catcher->listener, (struct sockaddr *)&address, &n);
    catcher->port = ntohs(address.sin_port);
    return catcher;
}

static inline struct catcher *catcher_open(struct arena *arena, const char *answer)
{
    return catcher_open_at(arena, "127.0.0.1", 0, answer);
}

static void catcher_close(struct catcher *catcher)
{
    uv_close((uv_handle_t *)&catcher->listener, NULL);
}
