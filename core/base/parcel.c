#include "base/parcel.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
    struct cmsghdr align;
    char room[CMSG_SPACE(PARCEL_MAX_FDS * sizeof(int))];
};

bool parcel_send(int socket, struct slice bytes, const int *fds, size_t n)
{
    union control control = {0};
    struct iovec part = {(void *)(uintptr_t)bytes.p, bytes.n};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent;

    assert(n <= PARCEL_MAX_FDS);
    if (n) {
        header.msg_control = &control;
        header.msg_controllen = CMSG_SPACE(n * sizeof(int));
        control.align = (struct cmsghdr){CMSG_LEN(n * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.align), fds, n * sizeof(int));
    }
    do {
        sent = sendmsg(socket, &header, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

static void take_descriptors(struct msghdr *header, int *fds, size_t *n)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        *n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(c), *n * sizeof(int));
    }
}

ssize_t parcel_receive(int socket, char *room, size_t size, int *fds, size_t *n)
{
    union control control;
    struct iovec part = {room, size};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control)};
    ssize_t got;

    *n = 0;
    do {
        got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got <= 0)
        return got;
    take_descriptors(&header, fds, n);
    if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
        return got;
    while (*n)
        close(fds[--*n]);
    errno = EMSGSIZE;
    return -1;
}
