#include "base/config_rules.h"

#include "base/certificate.h"
#include "base/listen.h"
#include "base/setting.h"
#include "base/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct rules {
    const struct config *config;
    struct arena *arena;
    config_fault_fn *fault;
    void *arg;
};

static struct slice text(const struct rules *rules, const char *name)
{
    return config_text(rules->config, name);
}

static void fail(const struct rules *rules, const char *name, struct slice fault)
{
    rules->fault(rules->arg, name, fault);
}

/* --- between settings ------------------------------------------------------------------------ */

/* `name` means nothing without `other`. */
static const struct {
    const char *name, *other;
    struct slice fault;
} needs[] = {
    {"tls_cert", "tls_key", SLICE_INIT("is a certificate without its key, tls_key")},
    {"tls_key", "tls_cert", SLICE_INIT("is a key without its certificate, tls_cert")},
    {"redis_volatile", "redis",
     SLICE_INIT("is the second of two servers, of which the first, "
                "redis, is not named")},
};

static void judge_tls(const struct rules *rules)
{
    if (text(rules, "listen_tls").n && !tls_wanted(rules->config))
        fail(rules, "listen_tls",
             SLICE("is an address for HTTPS, which needs a certificate: tls_cert, or tls = auto"));
    if (text(rules, "tls_cert").n && slice_eq(text(rules, "tls"), SLICE("auto")))
        fail(rules, "tls", SLICE("is a certificate of our own, and tls_cert names another"));
}

static bool is_wildcard(struct slice host)
{
    return host.n == 0 || slice_eq(host, SLICE("0.0.0.0")) || slice_eq(host, SLICE("::"));
}

static bool same_port(struct slice a, struct slice b)
{
    struct slice host_a, host_b;
    uint64_t port_a, port_b;
    bool bracketed;

    return a.n && b.n && listen_parse(a, &host_a, &port_a, &bracketed) &&
           listen_parse(b, &host_b, &port_b, &bracketed) && port_a == port_b &&
           (is_wildcard(host_a) || is_wildcard(host_b) || slice_eq(host_a, host_b));
}

/* SO_REUSEPORT would let both have it, and give each half of the other's connections. */
static void judge_ports(const struct rules *rules)
{
    struct slice plain = text(rules, "listen"), inside = text(rules, "metrics.listen");
    struct slice tls = tls_address(rules->config, rules->arena);

    if (same_port(plain, tls))
        fail(rules, "listen_tls", SLICE("is the port of HTTP, listen, too"));
    if (same_port(plain, inside) || same_port(tls, inside))
        fail(rules, "metrics.listen", SLICE("is a port of everything else, too"));
}

void config_rules_judge(const struct config *config, struct arena *arena, config_fault_fn *fault,
                        void *arg)
{
    const struct rules rules = {config, arena, fault, arg};

    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if (text(&rules, needs[i].name).n && !text(&rules, needs[i].other).n)
            fail(&rules, needs[i].name, needs[i].fault);
    judge_tls(&rules);
    judge_ports(&rules);
}

/* --- files ----------------------------------------------------------------------------------- */

static const char *parent_of(struct arena *arena, struct slice path)
{
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    while (path.n > 0 && path.p[path.n - 1] != '/')
        path.n--;
    return path.n ? arena_cstr(arena, path) : ".";
}

static bool is_readable(struct slice path)
{
    struct stat st;

    return stat(path.p, &st) == 0 && !S_ISDIR(st.st_mode) && access(path.p, R_OK) == 0;
}

/* It may be missing where it can be made. */
static bool can_be_made(struct arena *arena, struct slice path)
{
    return errno == ENOENT && access(parent_of(arena, path), W_OK | X_OK) == 0;
}

static void judge_file(const struct rules *rules, const char *name, struct slice path, bool made)
{
    struct stat st;

    if (stat(path.p, &st) == 0 && S_ISDIR(st.st_mode))
        fail(rules, name, SLICE("is a folder, not a file"));
    else if (access(path.p, R_OK) != 0 && !(made && can_be_made(rules->arena, path)))
        fail(rules, name, arena_printf(rules->arena, "cannot be read (%s)", strerror(errno)));
}

static void judge_folder(const struct rules *rules, const char *name, struct slice path, bool made)
{
    struct stat st;
    int wanted = made ? R_OK | W_OK | X_OK : R_OK | X_OK;

    if (stat(path.p, &st) != 0) {
        if (!(made && can_be_made(rules->arena, path)))
            fail(rules, name, arena_printf(rules->arena, "cannot be used (%s)", strerror(errno)));
    } else if (!S_ISDIR(st.st_mode)) {
        fail(rules, name, SLICE("is a file, not a folder"));
    } else if (access(path.p, wanted) != 0) {
        fail(rules, name, arena_printf(rules->arena, "cannot be used (%s)", strerror(errno)));
    }
}

static bool is_folder(struct arena *arena, struct slice parent, const char *name)
{
    struct stat st;

    return stat(arena_printf(arena, "%.*s/%s", SLICE_ARG(parent), name).p, &st) == 0 &&
           S_ISDIR(st.st_mode);
}

/* The folder above or below the right one, too, would be read without a word and hold nobody. */
static void judge_backup_folder(const struct rules *rules)
{
    struct slice root = text(rules, "backup.config_path");
    const char *name_space = text(rules, "backup.namespace").p;
    struct stat st;

    if (!root.n || stat(root.p, &st) != 0 || !S_ISDIR(st.st_mode) ||
        is_folder(rules->arena, root, name_space))
        return;
    const char *hint = "";
    if (is_folder(rules->arena, root, "backups.riotkit.org"))
        hint = "; name the folder above it";
    fail(rules, "backup.config_path",
         arena_printf(rules->arena, "has no folder %s (backup.namespace) in it%s", name_space,
                      hint));
}

/* Of a pair that can be read. */
static void judge_certificate(const struct rules *rules)
{
    struct slice chain = text(rules, "tls_cert"), key = text(rules, "tls_key"), fault;
    bool in_key;

    if (!chain.n || !key.n || !is_readable(chain) || !is_readable(key))
        return;
    struct certificate *certificate =
        certificate_load(rules->arena, chain.p, key.p, &in_key, &fault);
    if (!certificate)
        fail(rules, in_key ? "tls_key" : "tls_cert", fault);
    certificate_free(certificate);
}

void config_rules_judge_files(const struct config *config, struct arena *arena,
                              config_fault_fn *fault, void *arg)
{
    const struct rules rules = {config, arena, fault, arg};
    const struct setting *row;

    for (size_t at = 0; (row = setting_row(at)); at++) {
        struct slice path = row->kind == SETTING_FILE || row->kind == SETTING_FOLDER
                                ? text(&rules, row->name)
                                : SLICE_NONE;
        bool made = strcmp(row->range, "made") == 0;

        if (path.n && row->kind == SETTING_FOLDER)
            judge_folder(&rules, row->name, path, made);
        else if (path.n && strcmp(row->name, "config") != 0) /* it has been read */
            judge_file(&rules, row->name, path, made);
    }
    judge_certificate(&rules);
    judge_backup_folder(&rules);
}
