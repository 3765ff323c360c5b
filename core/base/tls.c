#include "base/tls.h"

#include "base/listen.h"

#include <assert.h>

enum { PORT = 8443 };

struct slice tls_address(const struct config *config, struct arena *arena)
{
    struct slice address = config_text(config, "listen_tls"), host;
    uint64_t port;
    bool bracketed;

    if (config_text(config, "tls_cert").n == 0)
        return SLICE_NONE;
    if (address.n)
        return address;
    bool ok = listen_parse(config_text(config, "listen"), &host, &port, &bracketed);
    assert(ok);
    (void)ok;
    return arena_printf(arena, bracketed ? "[%.*s]:%d" : "%.*s:%d", SLICE_ARG(host), PORT);
}
