/* mediahub service install [--print] [--user NAME] [options]: writes a systemd unit that runs the
 * hub with these options, or prints it. --user: who it runs as; else the owner of the data folder,
 * or whoever asks. */
#include "supervisor/command.h"
#include "supervisor/service_unit.h"

#include "base/config.h"
#include "base/process.h"
#include "base/setting.h"
#include "base/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNIT_FILE "/etc/systemd/system/mediahub.service"

enum { ARGUMENTS_MAX = 256, WRITABLE_MAX = 4, LOW_PORTS = 1024 };

struct install {
    struct arena *arena;
    struct config *config;
    bool print;
    const char *user; /* as asked for; or NULL */
    struct slice arguments[ARGUMENTS_MAX], writable[WRITABLE_MAX];
    struct service_unit unit;
};

/* Takes its own options out of argv; what is left are settings. */
static int take_options(struct install *install, int argc, char **argv)
{
    int left = 0;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--print") == 0)
            install->print = true;
        else if (strcmp(argv[i], "--user") == 0 && i + 1 < argc)
            install->user = argv[++i];
        else
            argv[left++] = argv[i];
    }
    return left;
}

static struct slice absolute(struct arena *arena, struct slice path)
{
    char *folder = arena_alloc(arena, PATH_MAX);

    while (slice_starts_with(path, SLICE("./")))
        path = slice_from_offset(path, 2);
    if (path.n && path.p[0] == '/')
        return path;
    if (!getcwd(folder, PATH_MAX))
        process_fail("the current folder is gone");
    return arena_printf(arena, "%s/%.*s", folder, SLICE_ARG(path));
}

/* -- Arguments -------------------------------------------------------------------------------- */

static bool is_path(const struct setting *setting)
{
    return setting->kind == SETTING_FILE || setting->kind == SETTING_FOLDER;
}

static void add_argument(struct install *install, struct slice option, struct slice value)
{
    struct arena *arena = install->arena;
    size_t at;

    if (!setting_find_option(option, &at) || install->unit.argument_count == ARGUMENTS_MAX)
        return; /* config_load() has told */
    const struct setting *setting = setting_row(at);
    if (setting_is_secret(setting, value))
        process_fail("--%.*s has a secret, which every user of this machine could read in the "
                     "unit: give it in an INI file of mode 0600, and name that with --config",
                     SLICE_ARG(option));
    if (is_path(setting))
        value = absolute(arena, value);
    install->arguments[install->unit.argument_count++] =
        arena_printf(arena, "--%.*s=%.*s", SLICE_ARG(option), SLICE_ARG(value));
}

/* Both forms, "--option value" and "--option=value", as config_load() has taken them. */
static void read_arguments(struct install *install, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        struct slice option, value;

        slice_split(slice_from(argv[i] + 2), '=', &option, &value);
        if (!value.p && i + 1 < argc)
            value = slice_from(argv[++i]);
        if (!slice_eq(option, SLICE("data")))
            add_argument(install, option, value);
    }
    add_argument(install, SLICE("data"), config_text(install->config, "data"));
}

/* -- Who and where ---------------------------------------------------------------------------- */

static struct slice name_of(struct arena *arena, uid_t uid)
{
    const struct passwd *entry = getpwuid(uid);

    return entry ? arena_dup(arena, slice_from(entry->pw_name))
                 : arena_printf(arena, "%u", (unsigned)uid);
}

static struct slice choose_user(const struct install *install)
{
    const char *sudo = getenv("SUDO_USER");
    struct stat info;

    if (install->user) {
        if (!getpwnam(install->user))
            process_fail("there is no user %s on this machine", install->user);
        return slice_from(install->user);
    }
    if (stat(arena_cstr(install->arena, install->unit.data), &info) == 0)
        return name_of(install->arena, info.st_uid);
    return sudo && *sudo ? slice_from(sudo) : name_of(install->arena, geteuid());
}

static bool below(struct slice path, struct slice folder)
{
    return slice_starts_with(path, folder) && (path.n == folder.n || path.p[folder.n] == '/');
}

static void note_place(struct install *install, struct slice path)
{
    static const struct slice homes[] = {SLICE_INIT("/home"), SLICE_INIT("/root"),
                                         SLICE_INIT("/run/user")};

    for (size_t i = 0; i < sizeof homes / sizeof *homes; i++)
        install->unit.at_home = install->unit.at_home || below(path, homes[i]);
}

/* Folders that are written and lie elsewhere than the data. */
static void find_places(struct install *install)
{
    struct service_unit *unit = &install->unit;
    struct slice store = config_text(install->config, "store");

    note_place(install, unit->program);
    note_place(install, unit->data);
    for (size_t at = 0; setting_row(at); at++) {
        struct slice path = is_path(setting_row(at))
                                ? config_text(install->config, setting_row(at)->name)
                                : SLICE_NONE;
        if (path.n)
            note_place(install, absolute(install->arena, path));
    }
    if (store.n && !below(absolute(install->arena, store), unit->data))
        install->writable[unit->writable_count++] = absolute(install->arena, store);
}

static bool is_low(struct slice address)
{
    uint64_t port;

    while (address.n && address.p[address.n - 1] >= '0' && address.p[address.n - 1] <= '9')
        address.n--;
    return slice_to_u64(slice_from(address.p + address.n), &port) && port < LOW_PORTS;
}

static struct slice own_path(struct arena *arena)
{
    char *path = arena_alloc(arena, PATH_MAX);
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

    if (n <= 0)
        process_fail("the path of this program is not known");
    return (struct slice){path, (size_t)n};
}

static void plan_unit(struct install *install, int argc, char **argv)
{
    struct service_unit *unit = &install->unit;
    struct slice tls = tls_address(install->config, install->arena);

    unit->program = own_path(install->arena);
    unit->data = absolute(install->arena, config_text(install->config, "data"));
    unit->arguments = install->arguments;
    unit->writable = install->writable;
    read_arguments(install, argc, argv);
    find_places(install);
    unit->user = choose_user(install);
    unit->low_port = is_low(config_text(install->config, "listen")) ||
                     (tls.n && is_low(arena_printf(install->arena, "%.*s", SLICE_ARG(tls))));
}

/* With the user's eyes: a checkout under /root is closed to everybody else. */
static bool may_run(const struct passwd *user, const char *program)
{
    pid_t child = fork();
    int status = EXIT_FAILURE;

    if (child == 0)
        _exit(initgroups(user->pw_name, user->pw_gid) == 0 && setgid(user->pw_gid) == 0 &&
                      setuid(user->pw_uid) == 0 && access(program, X_OK) == 0
                  ? EXIT_SUCCESS
                  : EXIT_FAILURE);
    return child > 0 && waitpid(child, &status, 0) == child && status == EXIT_SUCCESS;
}

static void check_user(const struct install *install)
{
    const char *program = arena_cstr(install->arena, install->unit.program);
    const struct passwd *user = getpwnam(arena_cstr(install->arena, install->unit.user));

    if (geteuid() == 0 && user && user->pw_uid != 0 && !may_run(user, program))
        process_fail("%s may not run %s: put the checkout where he may enter, below /srv or /opt",
                     user->pw_name, program);
}

/* -- Writing ---------------------------------------------------------------------------------- */

/* systemd refuses a unit whose writable folders are not there. */
static void make_folder(struct install *install, struct slice path)
{
    const struct passwd *user = getpwnam(arena_cstr(install->arena, install->unit.user));
    const char *name = arena_cstr(install->arena, path);

    if (mkdir(name, 0700) == 0 && (!user || chown(name, user->pw_uid, user->pw_gid) != 0))
        process_fail("the folder %s cannot be given to %.*s: %s", name,
                     SLICE_ARG(install->unit.user), strerror(errno));
    if (access(name, F_OK) != 0)
        process_fail("the folder %s cannot be made: %s", name, strerror(errno));
}

static void write_unit(struct install *install, struct slice text)
{
    int fd = open(UNIT_FILE ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0)
        process_fail(UNIT_FILE " cannot be written: %s; as root, or: mediahub service install "
                               "--print ... | sudo tee " UNIT_FILE,
                     strerror(errno));
    make_folder(install, install->unit.data);
    for (size_t i = 0; i < install->unit.writable_count; i++)
        make_folder(install, install->writable[i]);
    if (write(fd, text.p, text.n) != (ssize_t)text.n || fchmod(fd, 0644) != 0 || fsync(fd) != 0 ||
        rename(UNIT_FILE ".new", UNIT_FILE) != 0)
        process_fail(UNIT_FILE " cannot be written: %s", strerror(errno));
    close(fd);
    printf(UNIT_FILE " is written, to run as %.*s; systemctl daemon-reload && systemctl enable "
                     "--now mediahub starts it, journalctl -u mediahub shows its log\n",
           SLICE_ARG(install->unit.user));
}

int command_service(int argc, char **argv)
{
    static struct install install;

    if (argc < 1 || strcmp(argv[0], "install") != 0)
        process_fail("usage: mediahub service install [--print] [--user NAME] [options]");
    install.arena = arena_new();
    argc = take_options(&install, argc - 1, argv + 1);
    install.config = process_settings(argc, argv + 1, EXIT_FAILURE);
    plan_unit(&install, argc, argv + 1);
    check_user(&install);
    struct slice text = service_unit_write(install.arena, &install.unit);
    if (install.print)
        printf("%.*s", SLICE_ARG(text));
    else
        write_unit(&install, text);
    config_free(install.config);
    arena_free(install.arena);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
