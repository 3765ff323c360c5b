#include "supervisor/service_unit.h"

#include <string.h>

/* One line each, and why where it is not plain. */
static const char fixed[] =
    "# What stops stops in order: the supervisor tells its children, Redis last.\n"
    "KillMode=mixed\n"
    "# A big state takes its time; whoever cannot start says so and ends.\n"
    "TimeoutStartSec=infinity\n"
    "TimeoutStopSec=120\n"
    "Restart=on-failure\n"
    "RestartSec=2\n"
    "LimitNOFILE=65536\n"
    "UMask=0077\n"
    "\n"
    "# The hub and its children, decoders of strangers' files among them, get nothing beyond "
    "this.\n"
    "NoNewPrivileges=yes\n"
    "ProtectSystem=strict\n"
    "PrivateTmp=yes\n"
    "PrivateDevices=yes\n"
    "DevicePolicy=closed\n"
    "ProtectHostname=yes\n"
    "ProtectClock=yes\n"
    "ProtectKernelTunables=yes\n"
    "ProtectKernelModules=yes\n"
    "ProtectKernelLogs=yes\n"
    "ProtectControlGroups=yes\n"
    "ProtectProc=invisible\n"
    "ProcSubset=pid\n"
    "RestrictNamespaces=yes\n"
    "RestrictRealtime=yes\n"
    "RestrictSUIDSGID=yes\n"
    "LockPersonality=yes\n"
    "MemoryDenyWriteExecute=yes\n"
    "RemoveIPC=yes\n"
    "KeyringMode=private\n"
    "# Netlink: the addresses of this machine, for the ready line.\n"
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n"
    "SystemCallArchitectures=native\n"
    "# The sandbox of the decoders takes more away by itself, with these four.\n"
    "SystemCallFilter=@system-service landlock_create_ruleset landlock_add_rule "
    "landlock_restrict_self seccomp\n"
    "SystemCallErrorNumber=EPERM\n";

static struct slice escape(struct arena *arena, struct slice text, const char *backslashed,
                           const char *doubled)
{
    char *out = arena_alloc(arena, 2 * text.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (strchr(backslashed, c))
            out[n++] = '\\';
        else if (strchr(doubled, c))
            out[n++] = c;
        out[n++] = c;
    }
    return (struct slice){out, n};
}

/* As a word of ExecStart=: quoted, with what systemd would expand doubled. */
static struct slice unit_word(struct arena *arena, struct slice word)
{
    struct slice inside = escape(arena, word, "\"\\", "%$");

    return arena_printf(arena, "\"%.*s\"", SLICE_ARG(inside));
}

/* A path in other settings: '%' is expanded there, '$' is not. */
static struct slice path_word(struct arena *arena, struct slice path)
{
    struct slice inside = escape(arena, path, "\"\\", "%");

    return arena_printf(arena, "\"%.*s\"", SLICE_ARG(inside));
}

static struct slice command(struct arena *arena, const struct service_unit *unit)
{
    struct slice text = arena_printf(arena, "%.*s run", SLICE_ARG(unit_word(arena, unit->program)));

    for (size_t i = 0; i < unit->argument_count; i++)
        text = arena_printf(arena, "%.*s %.*s", SLICE_ARG(text),
                            SLICE_ARG(unit_word(arena, unit->arguments[i])));
    return text;
}

static struct slice writable(struct arena *arena, const struct service_unit *unit)
{
    struct slice text = path_word(arena, unit->data);

    for (size_t i = 0; i < unit->writable_count; i++)
        text = arena_printf(arena, "%.*s %.*s", SLICE_ARG(text),
                            SLICE_ARG(path_word(arena, unit->writable[i])));
    return text;
}

struct slice service_unit_write(struct arena *arena, const struct service_unit *unit)
{
    const char *capabilities = unit->low_port ? "CapabilityBoundingSet=CAP_NET_BIND_SERVICE\n"
                                                "AmbientCapabilities=CAP_NET_BIND_SERVICE\n"
                                              : "CapabilityBoundingSet=\nAmbientCapabilities=\n"
                                                "PrivateUsers=yes\n";
    /* WorkingDirectory= takes its value as it is. */
    struct slice folder = escape(arena, unit->data, "", "%");

    return arena_printf(arena,
                        "[Unit]\n"
                        "Description=Mediahub\n"
                        "Wants=network-online.target\n"
                        "After=network-online.target\n"
                        "RequiresMountsFor=%.*s\n"
                        "\n"
                        "[Service]\n"
                        "Type=notify\n"
                        "User=%.*s\n"
                        "WorkingDirectory=%.*s\n"
                        "ExecStart=%.*s\n"
                        "%s"
                        "%s"
                        "ProtectHome=%s\n"
                        "ReadWritePaths=%.*s\n"
                        "\n"
                        "[Install]\n"
                        "WantedBy=multi-user.target\n",
                        SLICE_ARG(writable(arena, unit)), SLICE_ARG(unit->user), SLICE_ARG(folder),
                        SLICE_ARG(command(arena, unit)), fixed, capabilities,
                        unit->at_home ? "read-only" : "yes", SLICE_ARG(writable(arena, unit)));
}
