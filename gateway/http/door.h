/* door.h: how many connections may be open at a time: in all, so that descriptors are left for
 * files and for the servers that we talk to, and per address (of IPv6: per /64), so that nobody
 * takes them all. Knows addresses; must not know sockets. */
#pragma once

#include "base/address.h"

struct door_settings {
    size_t per_address;         /* 0: what the number of descriptors suggests */
    const struct cidr *proxies; /* their connections are those of many people */
    size_t proxy_count;
};

struct door;

/* descriptors: how many the process may have. */
struct door *door_new(const struct door_settings *settings, size_t descriptors);
void door_free(struct door *door); /* when everybody has left */

bool door_is_full(const struct door *door); /* whoever comes now has to wait */
/* False: this address has as many as it may. With no number given: this machine and the proxies all
 * but an eighth, others a sixteenth, at least 64 and at most 1024. Proxies are not bound by a given
 * number. */
bool door_enter(struct door *door, const struct address *who);
void door_leave(struct door *door, const struct address *who);
