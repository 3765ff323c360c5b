/* addresses.h: by which addresses this machine can be reached. Asks the kernel for its network
 * interfaces; must not know what is served there. */
#pragma once

#include "base/arena.h"

enum { ADDRESSES_MAX = 64 };

/* The addresses of all interfaces that are up, without brackets: IPv4 before IPv6, those of the
 * loopback first. None that needs a scope (link-local). At most ADDRESSES_MAX. */
size_t addresses_of_host(struct arena *arena, struct slice out[ADDRESSES_MAX]);

/* The URLs that open what listens on host_port ("127.0.0.1:80", ":80", "[::]:80"), of `n` addresses
 * as above: where it listens on all of them, one for each of the right family and of the loopback
 * one alone. At least one; the first can be opened on this machine. Returns how many. Pure. */
size_t addresses_urls(struct arena *arena, const char *scheme, struct slice host_port,
                      const struct slice *addresses, size_t n, struct slice urls[ADDRESSES_MAX]);
