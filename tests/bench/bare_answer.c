/* bench_bare_answer PORT [TLS_PORT CERT KEY]: the connection layer alone, for comparison with other
 * servers' static answers: every request is parsed, runs on a fiber and gets 200 bytes of JSON in
 * one write. Says "ready" on standard output; SIGTERM ends it. */
#include "base/log.h"
#include "base/loop.h"
#include "base/process.h"
#include "gateway/dispatch.h"
#include "gateway/gateway.h"
#include "gateway/http/exchange.h"
#include "gateway/http/listener.h"
#include "gateway/reply.h"
#include "gateway/router.h"

#include <stdio.h>
#include <string.h>

static struct gateway gateway;
static struct exchange_service service;
static struct listener *listeners[2];
static char body[200];

static const struct surface surface = {.name = SLICE_INIT("bench")};
static const struct route route = {.surface = &surface, .operation = "bare"};

static void run(struct task *task)
{
    struct request *req = (struct request *)task;

    req->route = &route;
    req->surface = &surface;
    req->task.request_id = SLICE("req_bench");
    reply_raw(req, 200, "application/json", (struct slice){body, sizeof body});
}

static void *on_accept(struct connection *connection, const struct connection_owner **owner)
{
    return exchange_accept(&service, &gateway, connection, owner);
}

static void on_stop(void *arg)
{
    process_stop_watching();
    gateway.draining = true;
    for (int i = 0; i < 2; i++)
        listener_close(listeners[i]);
    exchange_drain();
    uv_stop(loop_get());
}

static void listen_on(uv_loop_t *loop, int i, const char *port, bool tls)
{
    struct arena *arena = arena_new();
    struct slice problem;
    struct slice address = arena_printf(arena, "127.0.0.1:%s", port);

    listeners[i] = listener_open(loop, gateway.connections, address, tls, arena, &problem);
    if (!listeners[i])
        process_fail("%.*s", SLICE_ARG(problem));
    arena_free(arena);
}

int main(int argc, char **argv)
{
    struct connection_tls tls = {argc > 4 ? argv[3] : NULL, argc > 4 ? argv[4] : NULL};

    if (argc != 2 && argc != 5) {
        fprintf(stderr, "usage: bench_bare_answer PORT [TLS_PORT CERT KEY]\n");
        return 2;
    }
    process_init("bench_bare_answer");
    log_init("bench_bare_answer", LOG_WARN);
    memset(body, 'x', sizeof body);
    memcpy(body, "{\"data\":\"", 9);
    memcpy(body + sizeof body - 2, "\"}", 2);
    uv_loop_t *loop = loop_init(4096);
    service = dispatch_service;
    service.run = run;
    gateway.connections = connection_server_new(loop, &tls, on_accept);
    if (!gateway.connections)
        process_fail("Cannot use the certificate");
    listen_on(loop, 0, argv[1], false);
    if (argc == 5)
        listen_on(loop, 1, argv[2], true);
    process_on_stop(loop, on_stop, NULL);
    puts("ready");
    fflush(stdout);
    uv_run(loop, UV_RUN_DEFAULT);
    connection_server_free(gateway.connections);
    return loop_fini() ? 0 : 1;
}
