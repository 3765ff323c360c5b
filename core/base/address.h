/* address.h: IP addresses as a decision needs them: read from any form in which they can stand in a
 * URL, and judged: does it belong to the public network, or to this machine, its neighbours or a
 * special purpose? Pure; knows no names and no sockets.
 * Sources: RFC 4291, the IANA special-purpose address registries, the WHATWG URL standard (section
 * 3.5: a host that ends in a number is an IPv4 address or nothing). */
#pragma once

#include "base/slice.h"

struct sockaddr;

struct address {
    uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
};

enum address_form { ADDRESS_NONE, ADDRESS_LITERAL, ADDRESS_BROKEN };

/* A host as it stands in a URL, brackets included. LITERAL: *out is what it means; BROKEN: it ends
 * in a number or has brackets, but is no address; NONE: a name. IPv4 may have one to four parts in
 * decimal, octal or hex and one dot at the end; scope ids are BROKEN. */
enum address_form address_parse(struct slice host, struct address *out);

/* False for any family but AF_INET and AF_INET6. */
bool address_from_sockaddr(const struct sockaddr *socket_address, struct address *out);

/* Neither of this machine, of a local or private network, multicast, documentation, nor one of the
 * ranges through which an IPv4 address can be reached by another name (NAT64, 6to4, Teredo). */
bool address_is_public(const struct address *address);

struct cidr {
    struct address base;
    unsigned bits; /* of 128 */
};

/* "10.0.0.0/8", "fd00::/8", or a single address; bits past the prefix must be zero. */
bool cidr_parse(struct slice text, struct cidr *out);
bool cidr_contains(const struct cidr *cidr, const struct address *address);
