/* Connections over real sockets, plain and TLS: the server runs on the loop of the main thread, the
 * client is a thread with blocking calls. The first word of what a client sends chooses what the
 * server does with it. */
#include "peer.h"

#include "base/loop.h"
#include "base/memory.h"
#include "base/task.h"
#include "gateway/http/connection.h"
#include "gateway/http/listener.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { BIG = 900 << 10, FLOOD = 8 << 20 };

struct client {
    struct connection *connection;
    char order;
    size_t received;
    bool fiber; /* one holds the client, which then outlives its connection */
};

static struct server {
    uv_loop_t *loop;
    struct connection_server *connections;
    struct listener *listeners[2];
    int guards[2]; /* of their ports */
    uint16_t ports[2];
    size_t gone, late;
    char cert[64], key[64];
} server;

static char big[BIG];

static void answer_later(struct task *task, void *arg)
{
    struct client *client = arg;

    fiber_sleep(20);
    client->fiber = false;
    if (client->connection)
        connection_write(client->connection, SLICE("later"));
    else
        mem_free(client);
}

static void obey(struct client *client)
{
    switch (client->order) {
    case 'f': /* a fiber answers later, outside any callback */
        client->fiber = task_spawn(answer_later, client);
        assert_true(client->fiber);
        break;
    case 'n': /* at once, from within the callback */
        connection_write(client->connection, SLICE("now"));
        break;
    case 'b': /* more than the kernel takes */
        connection_write(client->connection, (struct slice){big, BIG});
        connection_want_writable(client->connection);
        break;
    case 'e': /* an answer while the client still sends, then the end */
        connection_write(client->connection, SLICE("enough"));
        connection_finish(client->connection, false);
        break;
    case 'd':
        connection_drop(client->connection);
        break;
    case 's': /* stop reading; the deadline lets it go on */
        connection_set_reading(client->connection, false);
        connection_deadline(client->connection, 50);
        break;
    default:
        break;
    }
}

static void on_bytes(void *arg, struct slice bytes)
{
    struct client *client = arg;
    bool first = client->received == 0;

    client->received += bytes.n;
    if (first) {
        client->order = bytes.p[0];
        obey(client);
    } else if (client->order == 's' && client->received == FLOOD) {
        connection_write(client->connection, SLICE("all"));
    } else if (client->order == 'n') {
        connection_write(client->connection, bytes);
    }
}

static void on_writable(void *arg)
{
    struct client *client = arg;

    assert_int_equal(connection_backlog(client->connection), 0);
    connection_write(client->connection, SLICE("done"));
}

static void on_deadline(void *arg)
{
    struct client *client = arg;

    server.late++;
    if (client->order == 's') {
        /* One piece may have been under way when reading was stopped. */
        assert_true(client->received <= 2 * 65536);
        connection_set_reading(client->connection, true);
    }
}

static void on_gone(void *arg)
{
    struct client *client = arg;

    server.gone++;
    client->connection = NULL;
    if (!client->fiber)
        mem_free(client);
}

static void *on_accept(struct connection *connection, const struct connection_owner **owner)
{
    static const struct connection_owner callbacks = {on_bytes, on_writable, on_gone, on_deadline};
    struct client *client = MEM_NEW(struct client);

    assert_true(slice_eq(connection_peer_ip(connection), SLICE("127.0.0.1")));
    client->connection = connection;
    *owner = &callbacks;
    return client;
}

/* --- the client's side -------------------------------------------------------------------------
 */

typedef void scenario_fn(struct peer *peer);

struct scenario {
    scenario_fn *fn;
    bool tls;
};

static void stop_loop(void *arg)
{
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

/* Runs the scenario and then the loop until the server has noticed the client's end. */
static void play(scenario_fn *fn, bool tls)
{
    struct scenario scenario = {.fn = fn, .tls = tls};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, run_client, &scenario), 0);
    uv_run(server.loop, UV_RUN_DEFAULT);
    pthread_join(thread, NULL);
    while (connection_count(server.connections) > 0)
        uv_run(server.loop, UV_RUN_ONCE);
}

/* Runs on the client's thread, where cmocka cannot fail a test. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void expect_answer(struct peer *peer, const char *order, const char *answer)
{
    char text[16];
    size_t n = strlen(answer);

    EXPECT(peer_send(peer, order, strlen(order)));
    EXPECT(peer_receive_all(peer, text, n) == n && memcmp(text, answer, n) == 0);
}

static void answered_by_fiber(struct peer *peer)
{
    expect_answer(peer, "fiber", "later");
}

static void answered_at_once(struct peer *peer)
{
    expect_answer(peer, "now", "now");
    expect_answer(peer, "again", "again");
}

static void leaves_early(struct peer *peer)
{
    EXPECT(peer_send(peer, "fiber", 5));
}

static void takes_much(struct peer *peer)
{
    static char text[BIG + 4];

    EXPECT(peer_send(peer, "big", 3));
    EXPECT(peer_receive_all(peer, text, sizeof text) == sizeof text);
    EXPECT(memcmp(text, big, BIG) == 0 && memcmp(text + BIG, "done", 4) == 0);
}

/* The answer must arrive although the server never reads the rest of this: a reset would lose it.
 */
static void sends_too_much(struct peer *peer)
{
    static char text[200 << 10];
    char answer[16];

    text[0] = 'e';
    EXPECT(peer_send(peer, text, sizeof text));
    EXPECT(peer_receive_all(peer, answer, 6) == 6 && memcmp(answer, "enough", 6) == 0);
    EXPECT(peer_receive(peer, answer, 1) == 0);
}

static void is_dropped(struct peer *peer)
{
    char text[16];

    EXPECT(peer_send(peer, "drop", 4));
    EXPECT(peer_receive(peer, text, sizeof text) <= 0);
}

static void floods(struct peer *peer)
{
    static char text[FLOOD];

    memset(text, 's', sizeof text);
    EXPECT(peer_send(peer, text, sizeof text));
    EXPECT(peer_receive_all(peer, text, 3) == 3 && memcmp(text, "all", 3) == 0);
}

enum { ANSWER_WAIT_MS = 10000, IDLE_WINDOW_MS = 300 };

/* Sends while it does not read what it asked for: the server must not spin on it. The window in
 * which its CPU time is looked at is a length of time by nature. */
static void sends_and_does_not_read(struct peer *peer)
{
    static char text[64 << 10];
    struct pollfd readable = {.fd = peer->fd, .events = POLLIN};

    EXPECT(peer_send(peer, "big", 3));
    EXPECT(poll(&readable, 1, ANSWER_WAIT_MS) == 1);
    EXPECT(peer_send(peer, text, sizeof text));
    EXPECT(poll(NULL, 0, IDLE_WINDOW_MS) == 0);
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void for_both(scenario_fn *fn)
{
    play(fn, false);
    play(fn, true);
}

static void test_answers(void **state)
{
    for_both(answered_at_once);
    for_both(answered_by_fiber);
    for_both(leaves_early);
}

static void test_backlog(void **state)
{
    for_both(takes_much);
}

static void test_ends(void **state)
{
    server.gone = 0;
    for_both(sends_too_much);
    for_both(is_dropped);
    assert_int_equal(server.gone, 4);
}

static void test_flow_control(void **state)
{
    server.late = 0;
    for_both(floods);
    assert_int_equal(server.late, 2);
}

static long cpu_ms(void)
{
    struct rusage usage;

    getrusage(RUSAGE_THREAD, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

static void test_does_not_spin(void **state)
{
    long before_ms = cpu_ms();

    for_both(sends_and_does_not_read);
    assert_true(cpu_ms() - before_ms < 200);
}

/* --- the end of the server ---------------------------------------------------------------------
 */

static int set_up(void **state)
{
    struct arena *arena = arena_new();
    struct connection_tls tls = {server.cert, server.key};
    struct slice problem;

    snprintf(server.cert, sizeof server.cert, "/tmp/connection.%d.cert", (int)getpid());
    snprintf(server.key, sizeof server.key, "/tmp/connection.%d.key", (int)getpid());
    peer_make_certificate(server.cert, server.key);
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 7 + i / 251);
    big[0] = 'b';
    server.loop = loop_init(64);
    server.connections = connection_server_new(server.loop, &tls, on_accept);
    assert_non_null(server.connections);
    for (int i = 0; i < 2; i++) {
        server.ports[i] = peer_reserve_port(&server.guards[i]);
        server.listeners[i] = listener_open(server.loop, server.connections,
                                            arena_printf(arena, "127.0.0.1:%u", server.ports[i]),
                                            i == 1, arena, &problem);
        assert_non_null(server.listeners[i]);
    }
    arena_free(arena);
    return 0;
}

static struct peer staying[4];

static void *connect_and_stay(void *arg)
{
    for (int i = 0; i < 4; i++) {
        staying[i] = peer_open(server.ports[i % 2], i % 2);
        expect_answer(&staying[i], "now", "now");
    }
    loop_post(stop_loop, NULL);
    return NULL;
}

/* Ends with open connections: each owner is told, and nothing is left on the loop. */
static void test_stop(void **state)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, connect_and_stay, NULL), 0);
    uv_run(server.loop, UV_RUN_DEFAULT);
    pthread_join(thread, NULL);
    server.gone = 0;
    for (int i = 0; i < 2; i++) {
        listener_close(server.listeners[i]);
        close(server.guards[i]);
    }
    connection_server_free(server.connections);
    assert_int_equal(server.gone, 4);
    assert_true(loop_fini());
    for (int i = 0; i < 4; i++)
        peer_close(&staying[i]);
    unlink(server.cert);
    unlink(server.key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),       cmocka_unit_test(test_backlog),
        cmocka_unit_test(test_ends),          cmocka_unit_test(test_flow_control),
        cmocka_unit_test(test_does_not_spin), cmocka_unit_test(test_stop),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
