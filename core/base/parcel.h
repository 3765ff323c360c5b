/* parcel.h: one message with open descriptors beside it, over a Unix socket that keeps messages
 * apart (SOCK_SEQPACKET; SCM_RIGHTS, unix(7)). Never suspends; may block on a blocking socket. */
#pragma once

#include "base/slice.h"

#include <sys/types.h>

enum { PARCEL_MAX_FDS = 20 };

/* False: the other end is gone, or a socket that does not block has no room. The descriptors stay
 * the caller's. */
bool parcel_send(int socket, struct slice bytes, const int *fds, size_t n);

/* How many bytes came, 0: the other end is closed; -1 with errno. fds has room for PARCEL_MAX_FDS;
 * the caller closes the *n that came, which are not passed on by exec. A message that does not fit,
 * or with more descriptors, is -1 with EMSGSIZE, and nothing of it is kept. */
ssize_t parcel_receive(int socket, char *room, size_t size, int *fds, size_t *n);
