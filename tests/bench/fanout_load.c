/* bench_fanout_load PORT PATH CLIENTS MARK [send TEXT | expect TEXT]..: WebSocket clients that
 * listen. Each upgrades, goes through the script (sends a text, waits for a text frame that
 * contains one), and then counts the frames in which a decimal number follows MARK. The numbers
 * must rise by one from frame to frame on every client.
 *
 * Says {"ready": N} when all scripts are through. Each line "TOTAL MS" on standard input is
 * answered with the counts as soon as TOTAL numbered frames have come in all, or after MS
 * milliseconds. The end of its input ends it. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/slice.h"

#include <arpa/inet.h>
#include <err.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS = 256,
    RECEIVE_BYTES = 256 << 10,
    REST_MAX_BYTES = 1 << 20,
    GREETING_AT_ONCE = 64, /* clients that have not gone through their script */
    OPCODE_TEXT = 1,
    OPCODE_CLOSE = 8,
    OPCODE_PING = 9,
    OPCODE_PONG = 10,
};

struct client {
    int fd;
    bool upgraded, ready;
    int step;
    uint64_t next; /* number that must come; 0: any */
    struct buf rest;
};

static const char *path;
static uint16_t port;
static struct slice mark;
static char **script; /* pairs */
static int steps;
static int poller;
static struct client *clients;
static size_t client_count, started, ready;
static struct {
    uint64_t frames, bytes, reads, gaps, duplicates, reordered, closed;
} count;
static struct {
    uint64_t total, until_ms; /* until_ms 0: nobody waits */
} order;

/* --- frames ------------------------------------------------------------------------------------
 */

static void send_all(const struct client *client, struct slice bytes)
{
    if (send(client->fd, bytes.p, bytes.n, MSG_NOSIGNAL) != (ssize_t)bytes.n)
        err(1, "send");
}

/* With a mask of zeros, under which the payload stays as it is. */
static void send_frame(const struct client *client, uint8_t opcode, struct slice payload)
{
    struct buf frame;
    uint8_t head[] = {
        0x80 | opcode, 0x80 | 126, (uint8_t)(payload.n >> 8), (uint8_t)payload.n, 0, 0, 0, 0};

    buf_init(&frame, REST_MAX_BYTES);
    if (payload.n < 126) {
        head[1] = 0x80 | (uint8_t)payload.n;
        memset(head + 2, 0, 4);
    }
    buf_add(&frame, (struct slice){(char *)head, payload.n < 126 ? 6 : 8});
    buf_add(&frame, payload);
    send_all(client, buf_slice(&frame));
    buf_fini(&frame);
}

static bool contains(struct slice text, struct slice part)
{
    return memmem(text.p, text.n, part.p, part.n) != NULL;
}

/* Sends up to the next text that is to be waited for. */
static void go_on(struct client *client)
{
    while (client->step < steps && strcmp(script[2 * client->step], "send") == 0)
        send_frame(client, OPCODE_TEXT, slice_from(script[2 * client->step++ + 1]));
    if (client->step < steps || client->ready)
        return;
    client->ready = true;
    ready++;
}

static void check_number(struct client *client, uint64_t number)
{
    count.frames++;
    if (client->next == 0 || number == client->next)
        client->next = number + 1;
    else if (number > client->next) {
        count.gaps += number - client->next;
        client->next = number + 1;
    } else if (number == client->next - 1)
        count.duplicates++;
    else
        count.reordered++;
}

static void on_text(struct client *client, struct slice text)
{
    const char *at = memmem(text.p, text.n, mark.p, mark.n);
    uint64_t number = 0;

    if (client->step < steps) {
        if (contains(text, slice_from(script[2 * client->step + 1]))) {
            client->step++;
            go_on(client);
        }
        return;
    }
    if (!at)
        return;
    for (at += mark.n; at < text.p + text.n && *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (uint64_t)(*at - '0');
    check_number(client, number);
}

/* One frame, unmasked as servers send them; the bytes it took, 0: it is not complete. */
static size_t take_frame(struct client *client, struct slice bytes)
{
    const uint8_t *p = (const uint8_t *)bytes.p;
    size_t head = 2, n = bytes.n < head ? 0 : p[1];

    if (n == 126) {
        head = 4;
        n = bytes.n < head ? 0 : (size_t)p[2] << 8 | p[3];
    } else if (n > 126)
        errx(1, "a frame of 64 KiB or more");
    if (bytes.n < head + n)
        return 0;
    struct slice payload = {bytes.p + head, n};
    if ((p[0] & 15) == OPCODE_TEXT)
        on_text(client, payload);
    else if ((p[0] & 15) == OPCODE_PING)
        send_frame(client, OPCODE_PONG, payload);
    else if ((p[0] & 15) == OPCODE_CLOSE)
        count.closed++;
    return head + n;
}

/* The bytes that were taken. */
static size_t take_frames(struct client *client, struct slice bytes)
{
    size_t taken = 0, n;

    while ((n = take_frame(client, slice_from_offset(bytes, taken))) > 0)
        taken += n;
    return taken;
}

static size_t take_answer(struct client *client, struct slice bytes)
{
    const char *end = memmem(bytes.p, bytes.n, "\r\n\r\n", 4);

    if (!end)
        return 0;
    if (!slice_starts_with(bytes, SLICE("HTTP/1.1 101 ")))
        errx(1, "not upgraded: %.*s", SLICE_ARG(bytes));
    client->upgraded = true;
    go_on(client);
    return (size_t)(end + 4 - bytes.p);
}

static size_t take(struct client *client, struct slice bytes)
{
    size_t taken = client->upgraded ? 0 : take_answer(client, bytes);

    if (client->upgraded)
        taken += take_frames(client, slice_from_offset(bytes, taken));
    return taken;
}

/* --- sockets -----------------------------------------------------------------------------------
 */

static void watch(int fd, void *arg)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = arg};

    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0)
        err(1, "epoll_ctl");
}

static void start_client(struct client *client)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct buf head;
    int on = 1;

    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(client->fd, (struct sockaddr *)&address, sizeof address) != 0)
        err(1, "connect");
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    buf_init(&client->rest, REST_MAX_BYTES);
    buf_init(&head, REST_MAX_BYTES);
    buf_printf(&head,
               "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\n"
               "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
               path, port);
    send_all(client, buf_slice(&head));
    buf_fini(&head);
    watch(client->fd, client);
}

static void on_gone(struct client *client)
{
    count.closed++;
    epoll_ctl(poller, EPOLL_CTL_DEL, client->fd, NULL);
    if (!client->ready)
        errx(1, "a client was closed in step %d", client->step);
}

static void hear(struct client *client)
{
    static char received[RECEIVE_BYTES];
    ssize_t n = recv(client->fd, received, sizeof received, 0);
    struct slice bytes = {received, n > 0 ? (size_t)n : 0};
    bool kept = client->rest.n > 0;

    if (n <= 0) {
        on_gone(client);
        return;
    }
    count.reads++;
    count.bytes += bytes.n;
    if (kept && !buf_add(&client->rest, bytes))
        errx(1, "a frame that does not end");
    if (kept)
        bytes = buf_slice(&client->rest);
    size_t taken = take(client, bytes);
    if (kept)
        buf_consume(&client->rest, taken);
    else if (taken < bytes.n)
        buf_add(&client->rest, slice_from_offset(bytes, taken));
}

/* --- orders ------------------------------------------------------------------------------------
 */

static void tell(void)
{
    printf("{\"frames\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"reads\": %" PRIu64
           ", \"gaps\": %" PRIu64 ", \"duplicates\": %" PRIu64 ", \"reordered\": %" PRIu64
           ", \"closed\": %" PRIu64 "}\n",
           count.frames, count.bytes, count.reads, count.gaps, count.duplicates, count.reordered,
           count.closed);
    fflush(stdout);
    order.until_ms = 0;
}

/* False: the input has ended. */
static bool take_order(void)
{
    char line[128];
    ssize_t n = read(STDIN_FILENO, line, sizeof line - 1);
    struct slice total, ms = {line, n > 0 ? (size_t)n - 1 : 0};
    uint64_t patience_ms;

    if (n <= 0)
        return false;
    if (!slice_split(ms, ' ', &total, &ms) || !slice_to_u64(total, &order.total) ||
        !slice_to_u64(ms, &patience_ms))
        errx(1, "not an order: %.*s", (int)n, line);
    order.until_ms = clock_ms() + patience_ms;
    return true;
}

static void start_some(void)
{
    if (ready == client_count)
        return;
    while (started < client_count && started < ready + GREETING_AT_ONCE)
        start_client(&clients[started++]);
}

/* False: the input has ended. */
static bool turn(void)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(poller, events, EVENTS, order.until_ms ? 10 : -1);

    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr)
            hear(events[i].data.ptr);
        else if (!take_order())
            return false;
    }
    if (order.until_ms && (count.frames >= order.total || clock_ms() >= order.until_ms))
        tell();
    return true;
}

static void read_arguments(int argc, char **argv)
{
    uint64_t number, n;

    if (argc < 5 || argc % 2 == 0 || !slice_to_u64(slice_from(argv[1]), &number) ||
        number > UINT16_MAX || !slice_to_u64(slice_from(argv[3]), &n) || n == 0)
        errx(2, "usage: bench_fanout_load PORT PATH CLIENTS MARK [send TEXT | expect TEXT]..");
    port = (uint16_t)number;
    path = argv[2];
    client_count = (size_t)n;
    mark = slice_from(argv[4]);
    script = argv + 5;
    steps = (argc - 5) / 2;
}

int main(int argc, char **argv)
{
    struct rlimit files;

    read_arguments(argc, argv);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    poller = epoll_create1(EPOLL_CLOEXEC);
    clients = mem_alloc(client_count * sizeof *clients);
    watch(STDIN_FILENO, NULL);
    do {
        start_some();
        if (!turn())
            return 1;
    } while (ready < client_count);
    printf("{\"ready\": %zu}\n", ready);
    fflush(stdout);
    while (turn()) {
    }
    return 0;
}
