#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum {
    V4_BITS = 96,
    IPV6_TEXT_MAX = 46,
    PREFIX_BYTES = 8,
    NETWORK_BYTES = 6,
    V4_NETWORK_BYTES = 15,
    V4_LOOPBACK = 127
};

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

static void set_v4(struct address *out, uint32_t value)
{
    out->mapped = false;
    memcpy(out->bytes, v4_mapped, sizeof v4_mapped);
    for (int i = 0; i < 4; i++)
        out->bytes[12 + i] = (uint8_t)(value >> (24 - 8 * i));
}

static bool is_v4(const struct address *address)
{
    return memcmp(address->bytes, v4_mapped, sizeof v4_mapped) == 0;
}

static void set_v6(struct address *out, const struct in6_addr *value)
{
    memcpy(out->bytes, value->s6_addr, sizeof out->bytes);
    out->mapped = is_v4(out);
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

/* One part of an IPv4 address: "10", "012", "0xa"; "0x" alone is zero. */
static bool parse_part(struct slice part, uint64_t *out)
{
    int base = 10;

    if (part.n == 0)
        return false;
    if (part.n >= 2 && part.p[0] == '0' && (part.p[1] | 0x20) == 'x') {
        base = 16;
        part = slice_from_offset(part, 2);
    } else if (part.n >= 2 && part.p[0] == '0') {
        base = 8;
        part = slice_from_offset(part, 1);
    }
    *out = 0;
    for (size_t i = 0; i < part.n; i++) {
        int digit = digit_value(part.p[i]);

        if (digit >= base)
            return false;
        *out = *out * (uint64_t)base + (uint64_t)digit;
        if (*out > UINT32_MAX)
            return false;
    }
    return true;
}

static struct slice without_last_dot(struct slice host)
{
    if (host.n > 1 && host.p[host.n - 1] == '.')
        host.n--;
    return host;
}

static bool ends_in_number(struct slice host)
{
    size_t start = host.n;
    bool digits = true;
    uint64_t value;

    while (start > 0 && host.p[start - 1] != '.')
        start--;
    struct slice last = slice_from_offset(host, start);
    for (size_t i = 0; i < last.n; i++)
        digits = digits && last.p[i] >= '0' && last.p[i] <= '9';
    return last.n > 0 && (digits || parse_part(last, &value));
}

/* All parts but the last are bytes; the last fills what is left. */
static bool parse_v4(struct slice host, struct address *out)
{
    uint64_t parts[4], value = 0;
    size_t n = 0;
    struct slice part, rest = host;

    while (slice_split(rest, '.', &part, &rest))
        if (n == 4 || !parse_part(part, &parts[n++]))
            return false;
    if (n == 0)
        return false;
    for (size_t i = 0; i + 1 < n; i++) {
        if (parts[i] > 255)
            return false;
        value |= parts[i] << (24 - 8 * i);
    }
    if (parts[n - 1] >> (8 * (5 - n)))
        return false;
    set_v4(out, (uint32_t)(value | parts[n - 1]));
    return true;
}

/* The canonical forms only. */
static bool parse_strictly(int family, struct slice text, void *out)
{
    char copy[IPV6_TEXT_MAX];

    if (text.n == 0 || text.n >= sizeof copy || memchr(text.p, '\0', text.n))
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    return inet_pton(family, copy, out) == 1;
}

static bool parse_v6(struct slice text, struct address *out)
{
    struct in6_addr v6;

    if (!parse_strictly(AF_INET6, text, &v6))
        return false;
    set_v6(out, &v6);
    return true;
}

enum address_form address_parse(struct slice host, struct address *out)
{
    if (host.n > 0 && host.p[0] == '[') {
        if (host.n < 2 || host.p[host.n - 1] != ']')
            return ADDRESS_BROKEN;
        struct slice inner = {host.p + 1, host.n - 2};
        return parse_v6(inner, out) ? ADDRESS_LITERAL : ADDRESS_BROKEN;
    }
    host = without_last_dot(host);
    if (!ends_in_number(host))
        return ADDRESS_NONE;
    return parse_v4(host, out) ? ADDRESS_LITERAL : ADDRESS_BROKEN;
}

bool address_from_sockaddr(const struct sockaddr *socket_address, struct address *out)
{
    if (socket_address->sa_family == AF_INET) {
        struct sockaddr_in v4;

        memcpy(&v4, socket_address, sizeof v4);
        set_v4(out, ntohl(v4.sin_addr.s_addr));
        return true;
    }
    if (socket_address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;

        memcpy(&v6, socket_address, sizeof v6);
        set_v6(out, &v6.sin6_addr);
        return true;
    }
    return false;
}

bool address_from_text(struct slice text, struct address *out)
{
    struct in_addr v4;

    if (!parse_strictly(AF_INET, text, &v4))
        return parse_v6(text, out);
    set_v4(out, ntohl(v4.s_addr));
    return true;
}

struct slice address_text(struct arena *arena, const struct address *address)
{
    char text[IPV6_TEXT_MAX];

    if (is_v4(address))
        inet_ntop(AF_INET, address->bytes + sizeof v4_mapped, text, sizeof text);
    else
        inet_ntop(AF_INET6, address->bytes, text, sizeof text);
    return arena_dup(arena, slice_from(text));
}

struct address address_prefix(const struct address *address)
{
    struct address prefix = *address;

    if (!is_v4(address))
        memset(prefix.bytes + PREFIX_BYTES, 0, sizeof prefix.bytes - PREFIX_BYTES);
    return prefix;
}

struct slice address_prefix_text(struct arena *arena, struct slice text)
{
    struct address address;

    if (!address_from_text(text, &address))
        return text;
    struct address prefix = address_prefix(&address);
    struct slice base = address_text(arena, &prefix);
    return is_v4(&address) ? base : arena_printf(arena, "%.*s/64", SLICE_ARG(base));
}

struct slice address_network_text(struct arena *arena, struct slice text)
{
    struct address network;

    if (!address_from_text(text, &network))
        return text;
    bool v4 = is_v4(&network);
    size_t kept = v4 ? V4_NETWORK_BYTES : NETWORK_BYTES;
    memset(network.bytes + kept, 0, sizeof network.bytes - kept);
    return arena_printf(arena, "%.*s/%d", SLICE_ARG(address_text(arena, &network)), v4 ? 24 : 48);
}

bool address_is_loopback(const struct address *address)
{
    static const struct address v6 = {.bytes = {[15] = 1}};

    return is_v4(address) ? address->bytes[sizeof v4_mapped] == V4_LOOPBACK
                          : memcmp(address->bytes, v6.bytes, sizeof v6.bytes) == 0;
}

#define V4(a, b, c, d, prefix)                                                                     \
    {                                                                                              \
        .base.bytes = {[10] = 0xff, [11] = 0xff, [12] = (a), [13] = (b), [14] = (c), [15] = (d)},  \
        .bits = V4_BITS + (prefix),                                                                \
    }
#define V6(a, b, c, d, prefix)                                                                     \
    {                                                                                              \
        .base.bytes = {(a) >> 8, (a)&0xff, (b) >> 8, (b)&0xff,                                     \
                       (c) >> 8, (c)&0xff, (d) >> 8, (d)&0xff},                                    \
        .bits = (prefix),                                                                          \
    }

static const struct cidr not_public[] = {
    V4(0, 0, 0, 0, 8),           /* "this" network */
    V4(10, 0, 0, 0, 8),          /* private */
    V4(100, 64, 0, 0, 10),       /* shared by carriers */
    V4(127, 0, 0, 0, 8),         /* loopback */
    V4(169, 254, 0, 0, 16),      /* link-local, cloud metadata */
    V4(172, 16, 0, 0, 12),       /* private */
    V4(192, 0, 0, 0, 24),        /* protocol assignments */
    V4(192, 0, 2, 0, 24),        /* documentation */
    V4(192, 88, 99, 0, 24),      /* 6to4 relays */
    V4(192, 168, 0, 0, 16),      /* private */
    V4(198, 18, 0, 0, 15),       /* benchmarks */
    V4(198, 51, 100, 0, 24),     /* documentation */
    V4(203, 0, 113, 0, 24),      /* documentation */
    V4(224, 0, 0, 0, 4),         /* multicast */
    V4(240, 0, 0, 0, 4),         /* reserved, broadcast */
    V6(0, 0, 0, 0, 96),          /* unspecified, loopback, IPv4-compatible */
    V6(0x64, 0xff9b, 0, 0, 96),  /* NAT64 */
    V6(0x64, 0xff9b, 1, 0, 48),  /* NAT64, local use */
    V6(0x100, 0, 0, 0, 64),      /* discard */
    V6(0x100, 0, 0, 1, 64),      /* dummy prefix */
    V6(0x2001, 0, 0, 0, 23),     /* protocol assignments: Teredo, benchmarks, ORCHID and others */
    V6(0x2001, 0xdb8, 0, 0, 32), /* documentation */
    V6(0x2002, 0, 0, 0, 16),     /* 6to4 */
    V6(0x3fff, 0, 0, 0, 20),     /* documentation */
    V6(0x5f00, 0, 0, 0, 16),     /* segment routing */
    V6(0xfc00, 0, 0, 0, 7),      /* unique local */
    V6(0xfe80, 0, 0, 0, 10),     /* link-local */
    V6(0xfec0, 0, 0, 0, 10),     /* site-local */
    V6(0xff00, 0, 0, 0, 8),      /* multicast */
    /* IPv4-translated, ::ffff:0:0:0/96 (RFC 2765): such a host has an IPv4 address behind it. */
    {.base.bytes = {[8] = 0xff, [9] = 0xff}, .bits = 96},
};

bool address_is_public(const struct address *address)
{
    if (address->mapped)
        return false;
    for (size_t i = 0; i < sizeof not_public / sizeof not_public[0]; i++)
        if (cidr_contains(&not_public[i], address))
            return false;
    return true;
}

static bool bit(const struct address *address, unsigned at)
{
    return address->bytes[at / 8] >> (7 - at % 8) & 1;
}

bool cidr_contains(const struct cidr *cidr, const struct address *address)
{
    size_t whole = cidr->bits / 8;
    unsigned rest = cidr->bits % 8;

    if (memcmp(cidr->base.bytes, address->bytes, whole) != 0)
        return false;
    return rest == 0 || (cidr->base.bytes[whole] ^ address->bytes[whole]) >> (8 - rest) == 0;
}

bool cidr_parse(struct slice text, struct cidr *out)
{
    struct slice base, prefix;
    unsigned offset = 0;
    uint64_t bits;

    if (!slice_split(slice_trim(text), '/', &base, &prefix) || !address_from_text(base, &out->base))
        return false;
    if (!slice_find(base, ':', &(size_t){0}))
        offset = V4_BITS;
    bits = 128 - offset;
    if (prefix.p && (!slice_to_u64(prefix, &bits) || bits > 128 - offset))
        return false;
    out->bits = (unsigned)bits + offset;
    for (unsigned i = out->bits; i < 128; i++)
        if (bit(&out->base, i))
            return false;
    return true;
}
