#include "base/config_load.h"

#include "base/config_rules.h"
#include "base/config_values.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PROBLEM_MAX_BYTES = 32 << 10 };

static char problem_lines[PROBLEM_MAX_BYTES];
static size_t problem_bytes;

/* One more line of the problem. */
__attribute__((format(printf, 1, 2))) static void fail(const char *format, ...)
{
    size_t room = sizeof problem_lines - problem_bytes;
    const char *separator = problem_bytes ? "\n" : "";
    char line[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (strlen(line) + 1 < room)
        problem_bytes +=
            (size_t)snprintf(problem_lines + problem_bytes, room, "%s%s", separator, line);
}

static void fail_value(struct config *config, size_t at, struct slice value, const char *where,
                       struct slice fault)
{
    const struct setting *row = setting_row(at);

    fail("%s: %.*s %.*s; it must be %.*s (%.*s)", where,
         SLICE_ARG(setting_shown(row, config->arena, value)), SLICE_ARG(fault),
         SLICE_ARG(setting_expected(row, config->arena)),
         SLICE_ARG(setting_names(row, config->arena)));
}

static void set(struct config *config, size_t at, struct slice value, enum origin origin,
                const char *where)
{
    const char *fault = setting_fault(setting_row(at), value);

    if (fault) {
        fail_value(config, at, value, where, slice_from(fault));
        return;
    }
    if (origin < config->origins[at])
        return;
    config->values[at] = arena_dup(config->arena, value);
    config->origins[at] = origin;
    config->wheres[at] = where;
}

/* --- the command line ------------------------------------------------------------------------ */

/* The value of an option that is not known is passed over with it. */
static void load_arguments(struct config *config, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        struct slice argument = slice_from(argv[i]), option, value;
        size_t at;

        if (!slice_starts_with(argument, SLICE("--"))) {
            fail("unexpected argument \"%s\"", argv[i]);
            continue;
        }
        slice_split(slice_from_offset(argument, 2), '=', &option, &value);
        bool known = setting_find_option(option, &at);
        if (!known)
            fail("unknown option --%.*s", SLICE_ARG(option));
        bool next_is_value =
            i + 1 < argc && (known || !slice_starts_with(slice_from(argv[i + 1]), SLICE("--")));
        if (!value.p && next_is_value)
            value = slice_from(argv[++i]);
        else if (!value.p && known)
            fail("option %s needs a value", argv[i]);
        if (known && value.p)
            set(config, at, value, FROM_COMMAND_LINE,
                arena_cstr(config->arena, (struct slice){argument.p, option.n + 2}));
    }
}

/* --- the environment ------------------------------------------------------------------------- */

static void load_variable(struct config *config, const char *setting, size_t at)
{
    char *name = setting_environment_name(config->arena, setting);
    const char *value = getenv(name);

    if (value)
        set(config, at, slice_from(value), FROM_ENVIRONMENT, name);
}

static void load_environment(struct config *config)
{
    const struct setting_former *former;
    const struct setting *row;
    size_t now;

    for (size_t at = 0; (former = setting_former(at)); at++)
        if (setting_find(slice_from(former->name), &now))
            load_variable(config, former->name, now);
    for (size_t at = 0; (row = setting_row(at)); at++)
        load_variable(config, row->name, at);
}

/* --- the file -------------------------------------------------------------------------------- */

struct ini {
    struct config *config;
    const char *path;
    FILE *file;
    int line;
    bool seen[SETTING_COUNT], broken;
};

static int on_ini_line(void *arg, const char *section, const char *key, const char *value)
{
    struct ini *ini = arg;
    struct arena *arena = ini->config->arena;
    struct slice name = *section ? arena_printf(arena, "%s.%s", section, key) : slice_from(key);
    struct slice where = arena_printf(arena, "%s: %.*s", ini->path, SLICE_ARG(name));
    size_t at;

    if (!setting_find(name, &at)) {
        fail("%s is not a setting", where.p);
    } else if (ini->seen[at]) {
        fail("%s is set twice", where.p);
    } else {
        ini->seen[at] = true;
        set(ini->config, at, slice_from(value), FROM_FILE, where.p);
    }
    return 1;
}

/* fgets() for libinih, whose buffer is short and which would take the rest of a longer line for a
 * line of its own. */
static char *read_ini_line(char *text, int size, void *arg)
{
    struct ini *ini = arg;
    char *got = fgets(text, size, ini->file);

    ini->line++;
    if (got && !strchr(text, '\n') && !feof(ini->file)) {
        fail("%s: line %d is longer than %d bytes", ini->path, ini->line, size - 2);
        ini->broken = true;
        return NULL;
    }
    return got;
}

static void fail_file(struct config *config, const char *path)
{
    const char *why = strerror(errno);
    size_t at = config_row("config");

    fail_value(config, at, slice_from(path), config->wheres[at],
               arena_printf(config->arena, "cannot be read (%s)", why));
}

static void load_file(struct config *config)
{
    struct ini ini = {.config = config};

    ini.path = config_text(config, "config").p;
    if (!*ini.path)
        return;
    ini.file = fopen(ini.path, "re");
    if (!ini.file) {
        fail_file(config, ini.path);
        return;
    }
    int line = ini_parse_stream(read_ini_line, &ini, on_ini_line, &ini);
    if (ferror(ini.file))
        fail_file(config, ini.path);
    else if (line != 0 && !ini.broken)
        fail("%s: line %d is not \"name = value\"", ini.path, line);
    fclose(ini.file);
}

/* --- warnings -------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void warn(struct config *config, const char *format,
                                                       ...)
{
    char line[512];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    config->warnings = arena_printf(config->arena, "%.*s%s%s", SLICE_ARG(config->warnings),
                                    config->warnings.n ? "\n" : "", line);
}

/* Names that programs of ours tell each other. */
static bool is_our_own(struct slice name)
{
    static const struct slice names[] = {
        SLICE_INIT("MEDIAHUB_SUPERVISED"),
        SLICE_INIT("MEDIAHUB_READY_FD"),
        SLICE_INIT("MEDIAHUB_FAULT"),
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (slice_eq(name, names[i]))
            return true;
    return false;
}

static bool names_a_setting(struct arena *arena, struct slice name)
{
    const struct setting_former *former;
    const struct setting *row;

    for (size_t at = 0; (row = setting_row(at)); at++)
        if (slice_eq(slice_from(setting_environment_name(arena, row->name)), name))
            return true;
    for (size_t at = 0; (former = setting_former(at)); at++)
        if (slice_eq(slice_from(setting_environment_name(arena, former->name)), name))
            return true;
    return false;
}

static void find_strangers(struct config *config)
{
    struct slice name, value;

    for (char **line = environ; *line; line++) {
        slice_split(slice_from(*line), '=', &name, &value);
        if (slice_starts_with(name, SLICE("MEDIAHUB_")) && !is_our_own(name) &&
            !names_a_setting(config->arena, name))
            warn(config, "%.*s in the environment is not a setting, and is not looked at",
                 SLICE_ARG(name));
    }
}

static void find_open_secrets(struct config *config)
{
    const struct setting *row;

    for (size_t at = 0; (row = setting_row(at)); at++)
        if (config->origins[at] == FROM_COMMAND_LINE && setting_is_secret(row, config->values[at]))
            warn(config,
                 "%s on the command line has a secret, which every user of this machine can read "
                 "there; give it as %s or in a file",
                 config->wheres[at], setting_environment_name(config->arena, row->name));
}

/* --- all together ---------------------------------------------------------------------------- */

static const char *where_of(const struct config *config, size_t at)
{
    return config->wheres[at] ? config->wheres[at] : setting_row(at)->name;
}

static void on_rule_fault(void *arg, const char *name, struct slice fault)
{
    struct config *config = arg;
    size_t at = config_row(name);
    const struct setting *row = setting_row(at);

    fail("%s: %.*s %.*s (%.*s)", where_of(config, at),
         SLICE_ARG(setting_shown(row, config->arena, config->values[at])), SLICE_ARG(fault),
         SLICE_ARG(setting_names(row, config->arena)));
}

static void on_file_fault(void *arg, const char *name, struct slice fault)
{
    struct config *config = arg;
    size_t at = config_row(name);

    fail_value(config, at, config->values[at], where_of(config, at), fault);
}

static struct config *load(int argc, char **argv, bool to_start, struct slice *problem)
{
    struct config *config = MEM_NEW(struct config);
    const struct setting *row;

    config->arena = arena_new();
    problem_bytes = 0;
    problem_lines[0] = '\0';
    for (size_t at = 0; (row = setting_row(at)); at++)
        config->values[at] = arena_dup(config->arena, slice_from(row->standard));
    load_arguments(config, argc, argv);
    load_environment(config);
    load_file(config);
    config_rules_judge(config, config->arena, on_rule_fault, config);
    if (to_start)
        config_rules_judge_files(config, config->arena, on_file_fault, config);
    find_strangers(config);
    find_open_secrets(config);
    if (problem_bytes == 0)
        return config;
    *problem = (struct slice){problem_lines, problem_bytes};
    config_free(config);
    return NULL;
}

struct config *config_load(int argc, char **argv, struct slice *problem)
{
    return load(argc, argv, false, problem);
}

struct config *config_load_to_start(int argc, char **argv, struct slice *problem)
{
    return load(argc, argv, true, problem);
}
