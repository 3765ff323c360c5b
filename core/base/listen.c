#include "base/listen.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 1024 };

bool listen_parse(struct slice host_port, struct slice *host, uint64_t *port, bool *bracketed)
{
    size_t colon = host_port.n;

    while (colon > 0 && host_port.p[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return false;
    *host = (struct slice){host_port.p, colon - 1};
    *bracketed = host->n >= 2 && host->p[0] == '[' && host->p[host->n - 1] == ']';
    if (*bracketed)
        *host = (struct slice){host->p + 1, host->n - 2};
    return slice_to_u64(slice_from_offset(host_port, colon), port) && *port <= UINT16_MAX;
}

static int open_one(const struct addrinfo *address, bool share_port)
{
    int on = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if ((!share_port || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    int problem = errno;
    close(fd);
    errno = problem;
    return -1;
}

int listen_open(struct arena *arena, struct slice host_port, bool share_port, struct slice *problem)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    struct slice host;
    uint64_t port;
    bool bracketed;

    errno = 0;
    if (!listen_parse(host_port, &host, &port, &bracketed)) {
        *problem =
            arena_printf(arena, "\"%.*s\" is not an address and a port", SLICE_ARG(host_port));
        return -1;
    }
    const char *service = arena_printf(arena, "%u", (unsigned)port).p;
    int status = getaddrinfo(host.n ? arena_cstr(arena, host) : NULL, service, &hints, &found);
    if (status != 0) {
        *problem = arena_printf(arena, "cannot listen on %.*s: %s", SLICE_ARG(host_port),
                                gai_strerror(status));
        return -1;
    }
    int fd = open_one(found, share_port);
    int why = errno;
    if (fd < 0)
        *problem =
            arena_printf(arena, "cannot listen on %.*s: %s", SLICE_ARG(host_port), strerror(why));
    freeaddrinfo(found);
    errno = why;
    return fd;
}
