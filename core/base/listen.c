#include "base/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
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
    int on = 1, off = 0;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->ai_family == AF_INET6) /* so that [::] is all addresses on every machine */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if ((!share_port || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    int problem = errno;
    close(fd);
    errno = problem;
    return -1;
}

static bool is_missing_here(int why)
{
    return why == EADDRNOTAVAIL || why == EAFNOSUPPORT;
}

/* A name may have addresses that this machine has not, such as ::1 without IPv6. On failure *why
 * says it, and errno where the kernel has. */
static int open_host(const char *host, const char *port, bool share_port, const char **why)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    int fd = -1;

    errno = 0;
    int status = getaddrinfo(host, port, &hints, &found);
    if (status != 0) {
        *why = gai_strerror(status);
        return -1;
    }
    for (const struct addrinfo *at = found; at; at = at->ai_next)
        if ((fd = open_one(at, share_port)) >= 0 || !is_missing_here(errno))
            break;
    int problem = errno;
    freeaddrinfo(found);
    errno = problem;
    *why = strerror(problem);
    return fd;
}

int listen_open(struct arena *arena, struct slice host_port, bool share_port, struct slice *problem)
{
    const char *why;
    struct slice host;
    uint64_t port;
    bool bracketed;

    if (!listen_parse(host_port, &host, &port, &bracketed)) {
        *problem =
            arena_printf(arena, "\"%.*s\" is not an address and a port", SLICE_ARG(host_port));
        errno = 0;
        return -1;
    }
    const char *service = arena_printf(arena, "%u", (unsigned)port).p;
    int fd = open_host(host.n ? arena_cstr(arena, host) : "::", service, share_port, &why);
    if (fd < 0 && host.n == 0 && is_missing_here(errno))
        fd = open_host("0.0.0.0", service, share_port, &why);
    int status = errno;
    if (fd < 0)
        *problem = arena_printf(arena, "cannot listen on %.*s: %s", SLICE_ARG(host_port), why);
    errno = status;
    return fd;
}
