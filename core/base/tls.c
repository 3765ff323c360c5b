#include "base/tls.h"

#include "base/addresses.h"
#include "base/certificate.h"
#include "base/listen.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PORT = 8443,
    RENEW_BEFORE_S = 30 * 86400,
    FOLDER_MODE = 0700,
    NAMES_MAX = ADDRESSES_MAX + 3
};

static bool is_own(const struct config *config)
{
    return slice_eq(config_text(config, "tls"), SLICE("auto"));
}

bool tls_wanted(const struct config *config)
{
    return config_text(config, "tls_cert").n || is_own(config);
}

struct slice tls_address(const struct config *config, struct arena *arena)
{
    struct slice address = config_text(config, "listen_tls"), host;
    uint64_t port;
    bool bracketed;

    if (!tls_wanted(config))
        return SLICE_NONE;
    if (address.n)
        return address;
    bool ok = listen_parse(config_text(config, "listen"), &host, &port, &bracketed);
    assert(ok);
    (void)ok;
    return arena_printf(arena, bracketed ? "[%.*s]:%d" : "%.*s:%d", SLICE_ARG(host), PORT);
}

struct tls_files tls_files(const struct config *config, struct arena *arena, struct slice data)
{
    if (!is_own(config))
        return (struct tls_files){config_text(config, "tls_cert").p,
                                  config_text(config, "tls_key").p};
    return (struct tls_files){arena_printf(arena, "%.*s/tls/cert.pem", SLICE_ARG(data)).p,
                              arena_printf(arena, "%.*s/tls/key.pem", SLICE_ARG(data)).p};
}

/* --- one of our own -------------------------------------------------------------------------- */

static bool is_host_name(const char *name)
{
    return *name &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") ==
               strlen(name);
}

/* Also as phones and desktops find a neighbour: NAME.local. */
static size_t names_of_host(struct arena *arena, struct slice names[NAMES_MAX])
{
    char name[HOST_NAME_MAX + 1] = "";
    size_t n = addresses_of_host(arena, names);

    names[n++] = SLICE("localhost");
    if (gethostname(name, sizeof name - 1) == 0 && is_host_name(name)) {
        names[n++] = arena_dup(arena, slice_from(name));
        if (!strchr(name, '.'))
            names[n++] = arena_printf(arena, "%s.local", name);
    }
    return n;
}

static bool is_good_for(const struct certificate *certificate, struct arena *arena,
                        const struct slice *names, size_t n)
{
    bool good = certificate && certificate_seconds_left(certificate) > RENEW_BEFORE_S;

    for (size_t i = 0; good && i < n; i++)
        good = certificate_covers(certificate, arena, names[i]);
    return good;
}

bool tls_keep_own(const struct config *config, struct arena *arena, struct slice data,
                  struct slice *fingerprint, bool *made, struct slice *problem)
{
    struct tls_files files = tls_files(config, arena, data);
    struct slice names[NAMES_MAX], fault;
    size_t n = names_of_host(arena, names);
    const char *folder = arena_printf(arena, "%.*s/tls", SLICE_ARG(data)).p;
    bool in_key;

    *made = false;
    *fingerprint = SLICE_NONE;
    if (!is_own(config))
        return true;
    if (mkdir(folder, FOLDER_MODE) != 0 && errno != EEXIST) {
        *problem = arena_printf(arena, "%s cannot be made: %s", folder, strerror(errno));
        return false;
    }
    struct certificate *own = certificate_load(arena, files.chain, files.key, &in_key, &fault);
    *made = !is_good_for(own, arena, names, n);
    if (*made) {
        certificate_free(own);
        if (!certificate_make(arena, files.chain, files.key, names, n, problem))
            return false;
        own = certificate_load(arena, files.chain, files.key, &in_key, &fault);
    }
    if (own)
        *fingerprint = certificate_fingerprint(own, arena);
    else
        *problem =
            arena_printf(arena, "%s %.*s", in_key ? files.key : files.chain, SLICE_ARG(fault));
    certificate_free(own);
    return fingerprint->n > 0;
}
