#include "gateway/http/listener.h"

#include "base/clock.h"
#include "base/listen.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/timer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* At most so many a turn, so that a storm of new connections does not starve the open ones. */
enum { ACCEPTS_PER_TURN = 64, PAUSE_MS = 100, TOLD_EVERY_MS = 60000 };

enum { LISTENER_MAGIC = 0x4c53544e };

struct listener {
    uint32_t magic;
    struct connection_server *server;
    enum connection_entry entry;
    int fd;
    uv_poll_t poll;
    struct timer pause;
    uint64_t told_ms; /* that accepting pauses */
};

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_pause_over(struct timer *timer)
{
    struct listener *listener = CONTAINER_OF(timer, struct listener, pause);

    uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

/* Who comes by IPv4 to a socket of both families has an IPv4 address all the same. */
static struct slice ip_text(const struct sockaddr_storage *peer, char text[INET6_ADDRSTRLEN])
{
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)peer)->sin6_addr;

    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): accept4() has set it */
    if (peer->ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)peer)->sin_addr, text, INET6_ADDRSTRLEN);
    else if (IN6_IS_ADDR_V4MAPPED(v6))
        inet_ntop(AF_INET, &v6->s6_addr[12], text, INET6_ADDRSTRLEN);
    else
        inet_ntop(AF_INET6, v6, text, INET6_ADDRSTRLEN);
    return slice_from(text);
}

/* The backlog keeps them; polling on would only spin. */
static void pause_accepting(struct listener *listener, const char *why)
{
    uint64_t now_ms = clock_ms();

    uv_poll_stop(&listener->poll);
    timer_start(&listener->pause, PAUSE_MS, on_pause_over);
    if (listener->told_ms && now_ms < listener->told_ms + TOLD_EVERY_MS)
        return;
    listener->told_ms = now_ms;
    log_event(LOG_WARN, "accepting_paused", F("why", why),
              F("connections", connection_count(listener->server)));
}

/* False: nothing more to accept now. */
static bool accept_one(struct listener *listener)
{
    struct sockaddr_storage peer;
    socklen_t n = sizeof peer;
    char text[INET6_ADDRSTRLEN];
    int on = 1;

    if (connection_server_is_full(listener->server)) {
        pause_accepting(listener, "as many connections are open as may be");
        return false;
    }
    int fd = accept4(listener->fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_accepting(listener, strerror(errno));
            return false;
        }
        return errno == EINTR || errno == ECONNABORTED;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection_adopt(listener->server, fd, listener->entry, ip_text(&peer, text));
    return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct listener *listener = CAST_OBJ(struct listener, poll->data, LISTENER_MAGIC);

    for (int i = 0; i < ACCEPTS_PER_TURN && accept_one(listener); i++)
        ;
}

struct listener *listener_open(uv_loop_t *loop, struct connection_server *server,
                               struct slice host_port, enum connection_entry entry,
                               struct arena *arena, struct slice *problem)
{
    int fd = listen_open(arena, host_port, true, problem);

    if (fd < 0)
        return NULL;
    struct listener *listener = MEM_NEW(struct listener);
    *listener =
        (struct listener){.magic = LISTENER_MAGIC, .server = server, .entry = entry, .fd = fd};
    listener->poll.data = listener;
    uv_poll_init(loop, &listener->poll, fd);
    uv_poll_start(&listener->poll, UV_READABLE, on_readable);
    return listener;
}

static void on_closed(uv_handle_t *handle)
{
    struct listener *listener = CAST_OBJ(struct listener, handle->data, LISTENER_MAGIC);

    listener->magic = 0;
    mem_free(listener);
}

void listener_close(struct listener *listener)
{
    if (!listener)
        return;
    /* The kernel would reset whoever is connected and not accepted yet. */
    for (int i = 0; i < SOMAXCONN && accept_one(listener); i++)
        ;
    timer_stop(&listener->pause);
    uv_poll_stop(&listener->poll);
    close(listener->fd);
    uv_close((uv_handle_t *)&listener->poll, on_closed);
}
