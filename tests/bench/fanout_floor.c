/* bench_fanout_floor PORT: the least that a broadcast over TCP costs. Every connection is answered
 * with a 101 and counted as a subscriber; what it sends later is dropped. On standard input come
 * blocks of preframed bytes, each after its length (4 bytes, little endian), and each leaves in one
 * send(2) per subscriber. Says "ready" on standard output; the end of its input ends it. */
#include "base/buf.h"
#include "base/memory.h"
#include "base/slice.h"

#include <arpa/inet.h>
#include <err.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, HEAD_MAX_BYTES = 8 << 10, BLOCK_MAX_BYTES = 1 << 20, LENGTH_BYTES = 4 };

static const char upgraded[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\n\r\n";

struct peer {
    int fd;
    bool subscribed;
    size_t head_n;
    char head[HEAD_MAX_BYTES];
};

static int poller, door;
static int *subscribers;
static size_t subscriber_count;
static struct buf input;

static void watch(int fd, void *arg)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = arg};

    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0)
        err(1, "epoll_ctl");
}

static void open_door(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;

    door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(door, (struct sockaddr *)&address, sizeof address) != 0 || listen(door, 4096) != 0)
        err(1, "cannot listen");
    watch(door, &door);
}

static void let_in(void)
{
    struct peer *peer = MEM_NEW(struct peer);
    int on = 1;

    peer->fd = accept4(door, NULL, NULL, SOCK_CLOEXEC);
    if (peer->fd < 0)
        err(1, "accept");
    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(peer->fd, peer);
}

static void hear(struct peer *peer)
{
    ssize_t n = recv(peer->fd, peer->head + peer->head_n, HEAD_MAX_BYTES - peer->head_n, 0);

    if (n <= 0) { /* the load ends all of them together, and then us */
        epoll_ctl(poller, EPOLL_CTL_DEL, peer->fd, NULL);
        return;
    }
    if (peer->subscribed)
        return;
    peer->head_n += (size_t)n;
    if (!memmem(peer->head, peer->head_n, "\r\n\r\n", 4))
        return;
    peer->subscribed = true;
    peer->head_n = 0;
    subscribers = mem_realloc(subscribers, (subscriber_count + 1) * sizeof *subscribers);
    subscribers[subscriber_count++] = peer->fd;
    if (send(peer->fd, upgraded, sizeof upgraded - 1, MSG_NOSIGNAL) < 0)
        err(1, "send");
}

static void broadcast(struct slice block)
{
    for (size_t i = 0; i < subscriber_count; i++)
        if (send(subscribers[i], block.p, block.n, MSG_NOSIGNAL) != (ssize_t)block.n)
            err(1, "send");
}

/* False: the input has ended. */
static bool take_input(void)
{
    char *to = buf_reserve(&input, BLOCK_MAX_BYTES / 4);
    ssize_t n = to ? read(STDIN_FILENO, to, BLOCK_MAX_BYTES / 4) : -1;

    if (n <= 0)
        return false;
    buf_commit(&input, (size_t)n);
    for (;;) {
        struct slice waiting = buf_slice(&input);
        uint32_t length;

        if (waiting.n < LENGTH_BYTES)
            return true;
        memcpy(&length, waiting.p, LENGTH_BYTES);
        if (waiting.n < LENGTH_BYTES + length)
            return true;
        broadcast((struct slice){waiting.p + LENGTH_BYTES, length});
        buf_consume(&input, LENGTH_BYTES + length);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    struct rlimit files;
    uint64_t port = 0;

    if (argc != 2 || !slice_to_u64(slice_from(argv[1]), &port) || port > UINT16_MAX)
        errx(2, "usage: bench_fanout_floor PORT");
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    poller = epoll_create1(EPOLL_CLOEXEC);
    buf_init(&input, BLOCK_MAX_BYTES);
    open_door((uint16_t)port);
    watch(STDIN_FILENO, NULL);
    puts("ready");
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(poller, events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &door)
                let_in();
            else if (events[i].data.ptr)
                hear(events[i].data.ptr);
            else if (!take_input())
                return 0;
        }
    }
}
