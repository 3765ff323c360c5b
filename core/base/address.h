/* address.h: IP addresses as a decision needs them: read from any form in which they can stand in a
 * URL, and judged: does it belong to the public network, or to this machine, its neighbours or a
 * special purpose? Pure; knows no names and no sockets.
 * Sources: RFC 4291, the IANA special-purpose address registries, the WHATWG URL standard (section
 * 3.5: a host that ends in a number is an IPv4 address or nothing). */
#pragma once

#include "base/arena.h"

struct sockaddr;

struct address {
    uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
    bool mapped;       /* it was given as such an IPv6 address; only address_is_public() cares */
};

enum address_form { ADDRESS_NONE, ADDRESS_LITERAL, ADDRESS_BROKEN };

/* A host as it stands in a URL, brackets included. LITERAL: *out is what it means; BROKEN: it ends
 * in a number or has brackets, but is no address; NONE: a name. IPv4 may have one to four parts in
 * decimal, octal or hex and one dot at the end; scope ids are BROKEN. */
enum address_form address_parse(struct slice host, struct address *out);

/* False for any family but AF_INET and AF_INET6. */
bool address_from_sockaddr(const struct sockaddr *socket_address, struct address *out);

/* One address in its usual form, as header fields and files write it: no brackets, port, prefix or
 * scope. */
bool address_from_text(struct slice text, struct address *out);
/* "192.0.2.1", also where it was written ::ffff:192.0.2.1; "2001:db8::1". */
struct slice address_text(struct arena *arena, const struct address *address);

/* Who counts as one: an IPv4 address is its own, and of an IPv6 address the first 64 bits count,
 * since whoever has one address of a /64 has all of them. Every limit by address goes by this. */
struct address address_prefix(const struct address *address);
/* The same as the text of a counter's key: "192.0.2.1", "2001:db8:1:2::/64". What is no address
 * comes back as it is. */
struct slice address_prefix_text(struct arena *arena, struct slice text);
/* The network that an address is in, as wide as one customer's may be: of IPv4 24 bits, of IPv6
 * 48: "192.0.2.0/24", "2001:db8:1::/48". */
struct slice address_network_text(struct arena *arena, struct slice text);
bool address_is_loopback(const struct address *address);

/* Neither of this machine, of a local or private network, multicast, documentation, nor one of the
 * ranges through which an IPv4 address can be reached by another name (IPv4-mapped, NAT64, 6to4,
 * Teredo). */
bool address_is_public(const struct address *address);

struct cidr {
    struct address base;
    unsigned bits; /* of 128 */
};

/* "10.0.0.0/8", "fd00::/8", or a single address; bits past the prefix must be zero. */
bool cidr_parse(struct slice text, struct cidr *out);
bool cidr_contains(const struct cidr *cidr, const struct address *address);
