/* HTTP over real sockets, plain and TLS, without routes: the service is this file's, and answers by
 * path. The client is a thread with blocking calls that compares bytes. */
#include "http_peer.h"

#include "base/loop.h"
#include "gateway/dispatch.h"
#include "gateway/gateway.h"
#include "gateway/http/exchange.h"
#include "gateway/http/listener.h"
#include "gateway/http/room.h"
#include "gateway/reply.h"
#include "gateway/router.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>

enum { FILE_BYTES = 3 << 20, BIG_BYTES = 600 << 10, UPLOAD_BYTES = FILE_BYTES, LIMIT = 8 << 20 };
enum { HUGE_BYTES = 20 << 20, HUGE_PER_S = 1 << 20, WAITING_BYTES = 70 << 20 };

static struct server {
    uv_loop_t *loop;
    struct gateway gateway;
    struct exchange_service service;
    struct listener *listeners[2];
    int guards[2]; /* of their ports */
    uint16_t ports[2];
    char cert[64], key[64], file[64];
    int cancelled;
    int requests; /* under way */
} server;

static char content[HUGE_BYTES];

static void wrap_error(struct request *req, struct buf *out, enum err why, struct slice message,
                       const struct field_error *errors, size_t n)
{
    buf_printf(out, "error %d", err_row(why)->status);
}

static const struct surface surface = {.name = SLICE_INIT("test"), .wrap_error = wrap_error};
static const struct route any = {
    .surface = &surface, .operation = "any", .max_body_bytes = LIMIT, .body_kind = BODY_STREAM};

/* --- what the server does ----------------------------------------------------------------------
 */

static void answer_body(struct request *req, bool echo)
{
    struct buf all;
    struct slice chunk;
    enum err err;

    buf_init(&all, LIMIT);
    while ((err = request_read(req, &chunk)) == OK && chunk.n) {
        buf_add(&all, chunk);
        if (all.n > 1 << 20)
            fiber_sleep(1); /* as a slow disk: what arrives meanwhile must wait */
    }
    server.cancelled += req->task.cancelled;
    if (err)
        reply_error(req, err, SLICE_NONE);
    else if (echo)
        reply_raw(req, 200, "text/plain", buf_slice(&all));
    else
        reply_raw(req, 200, "text/plain",
                  all.n == UPLOAD_BYTES && memcmp(all.p + all.start, content, all.n) == 0
                      ? SLICE("same")
                      : SLICE("other"));
    buf_fini(&all);
}

static void echo_bytes(void *arg, struct slice bytes)
{
    connection_write(arg, bytes);
}

static void ignore(void *arg)
{
}

static void open_echo(struct connection *connection, struct slice early_bytes, void *arg)
{
    static const struct connection_owner callbacks = {echo_bytes, ignore, ignore, ignore};

    connection_set_owner(connection, &callbacks, connection);
    connection_write(connection, early_bytes);
}

/* More than an answer may be: nothing of it is sent. */
static void answer_endlessly(struct request *req)
{
    struct buf *out = reply_writer(req);

    while (buf_add(out, (struct slice){content, HUGE_BYTES}))
        ;
    reply_raw(req, 200, "text/plain", buf_slice(out));
}

static void run(struct task *task)
{
    struct request *req = (struct request *)task;

    req->route = &any;
    req->surface = &surface;
    req->task.request_id = SLICE("req_x");
    if (slice_eq(req->path, SLICE("/echo"))) {
        answer_body(req, true);
    } else if (slice_eq(req->path, SLICE("/compare"))) {
        answer_body(req, false);
    } else if (slice_eq(req->path, SLICE("/slow"))) {
        fiber_sleep(30);
        reply_raw(req, 200, "text/plain", req->query);
    } else if (slice_eq(req->path, SLICE("/big"))) {
        reply_raw(req, 200, "text/plain", (struct slice){content, BIG_BYTES});
    } else if (slice_eq(req->path, SLICE("/huge"))) {
        req->principal.user_id = req->query;
        reply_raw(req, 200, "text/plain", (struct slice){content, HUGE_BYTES});
    } else if (slice_eq(req->path, SLICE("/endless"))) {
        answer_endlessly(req);
    } else if (slice_eq(req->path, SLICE("/upgrade"))) {
        reply_upgrade(req, SLICE("HTTP/1.1 101 Switching Protocols\r\n\r\n"), open_echo, NULL);
    } else if (slice_eq(req->path, SLICE("/file"))) {
        reply_file(req, &(struct file_reply){.status = 200,
                                             .fd = open(server.file, O_RDONLY | O_CLOEXEC),
                                             .offset = 7,
                                             .length = FILE_BYTES - 7,
                                             .content_type = "video/mp4"});
    } else if (slice_eq(req->path, SLICE("/empty"))) {
        reply_header(req, "X-Odd", SLICE("a\r\nb"));
        reply_empty(req, 204);
    } else {
        reply_raw(req, 200, "text/plain", req->path);
    }
}

/* --- the client's side -------------------------------------------------------------------------
 */

static void expect(struct peer *peer, int status, const char *body)
{
    struct answer answer = hear(peer, false);

    EXPECT(answer.status == status);
    EXPECT(strcmp(answer.body, body) == 0);
    mem_free(answer.body);
}

static void expect_end(struct peer *peer)
{
    char byte;

    EXPECT(peer_receive(peer, &byte, 1) == 0);
}

static void keeps_alive(struct peer *peer)
{
    for (int i = 0; i < 3; i++) {
        say(peer, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        expect(peer, 200, "/a");
    }
}

static void pipelines(struct peer *peer)
{
    say(peer, "GET /slow?1 HTTP/1.1\r\nHost: x\r\n\r\n"
              "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
              "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
              "3\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n"
              "GET /slow?2 HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(peer, 200, "1");
    expect(peer, 200, "hello");
    expect(peer, 200, "abcde");
    expect(peer, 200, "2");
}

static void sends_single_bytes(struct peer *peer)
{
    static const char text[] =
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n";

    for (size_t i = 0; i < sizeof text - 1; i++)
        EXPECT(peer_send(peer, text + i, 1));
    expect(peer, 200, "abcde");
    expect(peer, 200, "/b");
}

static void expects_continue(struct peer *peer)
{
    say(peer,
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    struct answer answer = hear(peer, true);
    EXPECT(answer.status == 100);
    say(peer, "hi");
    expect(peer, 200, "hi");
    say(peer, "GET /c HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(peer, 200, "/c");
}

/* The answer does not need the body, which may come or not: the connection cannot go on. */
static void is_answered_without_continue(struct peer *peer)
{
    say(peer, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    struct answer answer = hear(peer, false);
    EXPECT(answer.status == 200 && strstr(answer.head, "\r\nConnection: close\r\n"));
    mem_free(answer.body);
    expect_end(peer);
}

/* A body that nobody wanted but that is there already does no harm. */
static void sends_unwanted_body(struct peer *peer)
{
    say(peer, "DELETE /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
              "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(peer, 200, "/a");
    expect(peer, 200, "/b");
}

static void asks_head(struct peer *peer)
{
    say(peer, "HEAD /big HTTP/1.1\r\nHost: x\r\n\r\n"
              "HEAD /file HTTP/1.1\r\nHost: x\r\n\r\n"
              "GET /empty HTTP/1.1\r\nHost: x\r\n\r\n"
              "GET /d HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT(hear(peer, true).body_n == BIG_BYTES);
    EXPECT(hear(peer, true).body_n == FILE_BYTES - 7);
    struct answer answer = hear(peer, true);
    EXPECT(answer.status == 204 && !strstr(answer.head, "Content-Length"));
    EXPECT(strstr(answer.head, "\r\nX-Odd: a__b\r\n"));
    expect(peer, 200, "/d");
}

static void speaks_old_http(struct peer *peer)
{
    say(peer, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    struct answer answer = hear(peer, false);
    EXPECT(strstr(answer.head, "\r\nConnection: keep-alive\r\n"));
    mem_free(answer.body);
    say(peer, "GET /b HTTP/1.0\r\n\r\n");
    expect(peer, 200, "/b");
    expect_end(peer);
}

static void wants_close(struct peer *peer)
{
    say(peer, "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /b");
    expect(peer, 200, "/a");
    expect_end(peer);
}

static void takes_files(struct peer *peer)
{
    for (int i = 0; i < 3; i++) {
        say(peer, "GET /file HTTP/1.1\r\nHost: x\r\n\r\nGET /big HTTP/1.1\r\nHost: x\r\n\r\n");
        struct answer answer = hear(peer, false);
        EXPECT(answer.body_n == FILE_BYTES - 7);
        EXPECT(memcmp(answer.body, content + 7, answer.body_n) == 0);
        mem_free(answer.body);
        answer = hear(peer, false);
        EXPECT(answer.body_n == BIG_BYTES && memcmp(answer.body, content, BIG_BYTES) == 0);
        mem_free(answer.body);
    }
}

static void reads_slowly(struct peer *peer)
{
    enum { PIECE = 64 << 10 };
    char *piece = mem_alloc(PIECE), head[768];
    size_t have = 0;

    say(peer, "GET /huge HTTP/1.1\r\nHost: x\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    read_head(peer, head, sizeof head);
    while (have < HUGE_BYTES) {
        size_t n = HUGE_BYTES - have < PIECE ? HUGE_BYTES - have : PIECE;

        EXPECT(peer_receive_all(peer, piece, n) == n);
        EXPECT(memcmp(piece, content + have, n) == 0);
        have += n;
        usleep((useconds_t)(1000000ull * n / HUGE_PER_S));
    }
    mem_free(piece);
    expect(peer, 200, "/a");
}

static int ask_huge(struct peer *peer, const char *who)
{
    char text[64], head[768];
    int status;

    snprintf(text, sizeof text, "GET /huge?%s HTTP/1.1\r\nHost: x\r\n\r\n", who);
    say(peer, text);
    read_head(peer, head, sizeof head);
    EXPECT(sscanf(head, "HTTP/1.1 %d ", &status) == 1);
    return status;
}

/* Of the room for 70 MB Ada may have half, and then Bob half of what she leaves: one answer each.
 * Who leaves makes room. */
static void read_nothing(struct peer *peer)
{
    static const struct {
        const char *who;
        int status;
    } asks[] = {{"ada", 200}, {"ada", 503}, {"bob", 200}, {"bob", 503}, {"eve", 503}};
    struct peer others[COUNT_OF(asks)];
    int status;

    for (size_t i = 0; i < COUNT_OF(asks); i++) {
        others[i] = peer_open(server.ports[0], false);
        EXPECT(ask_huge(&others[i], asks[i].who) == asks[i].status);
    }
    say(peer, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(peer, 200, "/a");
    for (size_t i = 0; i < COUNT_OF(asks); i++)
        peer_close(&others[i]);
    do {
        struct peer again = peer_open(server.ports[0], false);

        status = ask_huge(&again, "eve");
        peer_close(&again);
    } while (status == 503);
    EXPECT(status == 200);
}

static void asks_too_much(struct peer *peer)
{
    say(peer, "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(peer, 500, "error 500");
    say(peer, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(peer, 200, "/a");
}

static void uploads(struct peer *peer)
{
    char head[128];

    for (int i = 0; i < 2; i++) {
        snprintf(head, sizeof head,
                 "POST /compare HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", UPLOAD_BYTES);
        say(peer, head);
        EXPECT(peer_send(peer, content, UPLOAD_BYTES));
        expect(peer, 200, "same");
    }
}

/* Too large by its length: refused before the body, and the refusal arrives while we still send. */
static void uploads_too_much(struct peer *peer)
{
    say(peer, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n");
    EXPECT(peer_send(peer, content, 200 << 10));
    expect(peer, 413, "error 413");
    expect_end(peer);
}

/* The same, read only when all is sent, at 2 MB/s. */
static void uploads_too_much_slowly(struct peer *peer)
{
    say(peer, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9437184\r\n\r\n");
    for (int i = 0; i < 9 * 16; i++) {
        EXPECT(peer_send(peer, content, 64 << 10));
        usleep(31250);
    }
    expect(peer, 413, "error 413");
    expect_end(peer);
}

static void breaks_framing(struct peer *peer)
{
    say(peer, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
              "5\r\nhelloXX0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(peer, 400, "error 400");
    expect_end(peer);
}

static void sends_nonsense(struct peer *peer)
{
    say(peer, "nonsense\r\n\r\n");
    struct answer answer = hear(peer, false);
    EXPECT(answer.status == 400 && strstr(answer.head, "\r\nConnection: close\r\n"));
    EXPECT(strstr(answer.body, "\"success\":false"));
    mem_free(answer.body);
    expect_end(peer);
}

static void upgrades(struct peer *peer)
{
    char text[16];

    say(peer, "GET /upgrade HTTP/1.1\r\nHost: x\r\n\r\nearly");
    EXPECT(hear(peer, true).status == 101);
    EXPECT(peer_receive_all(peer, text, 5) == 5 && memcmp(text, "early", 5) == 0);
    say(peer, "later");
    EXPECT(peer_receive_all(peer, text, 5) == 5 && memcmp(text, "later", 5) == 0);
}

static void leaves_in_body(struct peer *peer)
{
    say(peer,
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
    EXPECT(hear(peer, true).status == 100);
    say(peer, "hi");
}

static void leaves_in_answer(struct peer *peer)
{
    char text[100];

    say(peer, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT(peer_receive_all(peer, text, sizeof text) == sizeof text);
}

static void leaves_before_answer(struct peer *peer)
{
    say(peer, "GET /slow?x HTTP/1.1\r\nHost: x\r\n\r\n");
}

/* --- running them ------------------------------------------------------------------------------
 */

struct scenario {
    void (*fn)(struct peer *peer);
    bool tls;
    pthread_t thread;
};

static int playing; /* scenarios whose clients are not done */

static void stop_loop(void *arg)
{
    if (--playing == 0)
        uv_stop(server.loop);
}

static void *run_client(void *arg)
{
    const struct scenario *scenario = arg;
    struct peer peer = peer_open(server.ports[scenario->tls], scenario->tls);

    scenario->fn(&peer);
    peer_close(&peer);
    loop_post(stop_loop, NULL);
    return NULL;
}

static void play_all(struct scenario *scenarios, int n)
{
    playing = n;
    for (int i = 0; i < n; i++)
        assert_int_equal(pthread_create(&scenarios[i].thread, NULL, run_client, &scenarios[i]), 0);
    uv_run(server.loop, UV_RUN_DEFAULT);
    for (int i = 0; i < n; i++)
        pthread_join(scenarios[i].thread, NULL);
    while (connection_count(server.gateway.connections) > 0 || server.requests > 0)
        uv_run(server.loop, UV_RUN_ONCE);
}

static void play(void (*fn)(struct peer *peer))
{
    for (int tls = 0; tls < 2; tls++)
        play_all(&(struct scenario){.fn = fn, .tls = tls}, 1);
}

static void test_requests(void **state)
{
    play(keeps_alive);
    play(pipelines);
    play(sends_single_bytes);
    play(asks_head);
    play(speaks_old_http);
    play(wants_close);
}

static void test_bodies(void **state)
{
    play(expects_continue);
    play(is_answered_without_continue);
    play(sends_unwanted_body);
    play(uploads);
    play(uploads_too_much);
    play(breaks_framing);
}

static void test_answers(void **state)
{
    play(takes_files);
    play(sends_nonsense);
    play(upgrades);
}

/* 20 MB at 1 MB/s are past every bound of a connection. */
static void test_slow_clients(void **state)
{
    struct scenario scenarios[] = {
        {.fn = reads_slowly},
        {.fn = reads_slowly, .tls = true},
        {.fn = uploads_too_much_slowly},
        {.fn = uploads_too_much_slowly, .tls = true},
    };

    play_all(scenarios, COUNT_OF(scenarios));
}

static void test_bounds_of_answers(void **state)
{
    room_set_size(WAITING_BYTES);
    play(read_nothing);
    room_set_size(2 * WAITING_BYTES);
    play(asks_too_much);
}

static void test_leaving(void **state)
{
    server.cancelled = 0;
    play(leaves_in_body);
    assert_int_equal(server.cancelled, 2);
    play(leaves_in_answer);
    play(leaves_before_answer);
}

static void test_uploads_are_counted(void **state)
{
    assert_int_equal(exchange_uploads(), 0);
}

static struct task *open_request(void *arg, struct exchange *exchange, struct arena *arena,
                                 const struct http_head *head)
{
    server.requests++;
    return dispatch_service.open(arg, exchange, arena, head);
}

static void close_request(struct task *request)
{
    server.requests--;
    dispatch_service.close(request);
}

static void *on_accept(struct connection *connection, const struct connection_owner **owner)
{
    return exchange_accept(&server.service, &server.gateway, connection, owner);
}

static int set_up(void **state)
{
    struct arena *arena = arena_new();
    struct connection_tls tls = {server.cert, server.key};
    struct slice problem;

    snprintf(server.cert, sizeof server.cert, "/tmp/exchange.%d.cert", (int)getpid());
    snprintf(server.key, sizeof server.key, "/tmp/exchange.%d.key", (int)getpid());
    snprintf(server.file, sizeof server.file, "/tmp/exchange.%d.file", (int)getpid());
    peer_make_certificate(server.cert, server.key);
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (char)(i * 7 + i / 251);
    FILE *file = fopen(server.file, "w");
    assert_int_equal(fwrite(content, 1, FILE_BYTES, file), FILE_BYTES);
    fclose(file);
    server.loop = loop_init(64);
    server.service = dispatch_service;
    server.service.open = open_request;
    server.service.run = run;
    server.service.close = close_request;
    server.gateway.connections = connection_server_new(server.loop, &tls, on_accept);
    for (int i = 0; i < 2; i++) {
        server.ports[i] = peer_reserve_port(&server.guards[i]);
        server.listeners[i] = listener_open(server.loop, server.gateway.connections,
                                            arena_printf(arena, "127.0.0.1:%u", server.ports[i]),
                                            i == 1, arena, &problem);
        assert_non_null(server.listeners[i]);
    }
    arena_free(arena);
    return 0;
}

static int tear_down(void **state)
{
    server.gateway.draining = true;
    for (int i = 0; i < 2; i++) {
        listener_close(server.listeners[i]);
        close(server.guards[i]);
    }
    exchange_drain();
    connection_server_free(server.gateway.connections);
    unlink(server.cert);
    unlink(server.key);
    unlink(server.file);
    return loop_fini() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_slow_clients),
        cmocka_unit_test(test_bounds_of_answers),
        cmocka_unit_test(test_leaving),
        cmocka_unit_test(test_uploads_are_counted),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
