#include "gateway/http/origin.h"

enum { HTTP_PORT = 80, HTTPS_PORT = 443 };

/* "host", "host:port" or "[v6]:port". False: the port is none. */
static bool split_authority(struct slice authority, uint64_t default_port, struct slice *host,
                            uint64_t *port)
{
    size_t colon = authority.n;

    while (colon > 0 && authority.p[colon - 1] != ':' && authority.p[colon - 1] != ']')
        colon--;
    bool has_port = colon > 0 && authority.p[colon - 1] == ':';
    struct slice digits = has_port ? slice_from_offset(authority, colon) : SLICE_NONE;

    *host = has_port ? (struct slice){authority.p, colon - 1} : authority;
    *port = default_port;
    return host->n > 0 && (digits.n == 0 || slice_to_u64(digits, port));
}

bool origin_is_host(struct slice origin, bool tls, struct slice host)
{
    struct slice scheme = tls ? SLICE("https://") : SLICE("http://"), names[2];
    uint64_t own = tls ? HTTPS_PORT : HTTP_PORT, ports[2];

    if (origin.n <= scheme.n || !slice_eq_nocase((struct slice){origin.p, scheme.n}, scheme))
        return false;
    return split_authority(slice_from_offset(origin, scheme.n), own, &names[0], &ports[0]) &&
           split_authority(host, own, &names[1], &ports[1]) && ports[0] == ports[1] &&
           slice_eq_nocase(names[0], names[1]);
}
