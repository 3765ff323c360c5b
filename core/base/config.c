#include "base/config.h"

#include "base/memory.h"
#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum kind { TEXT, NUMBER, BOOL, CHOICE };

struct setting {
    const char *name, *option;
    enum kind kind;
    const char *standard; /* the default; of a CHOICE, all words */
    const char *help;
};

static const struct setting settings[] = {
#define SETTING(name, option, kind, standard, help) {name, option, kind, standard, help},
#include "base/settings.def"
#undef SETTING
};

enum { SETTINGS = sizeof settings / sizeof *settings, PROBLEM_MAX_BYTES = 512 };

/* What a setting was called before; it still counts. */
static const struct former {
    const char *name, *option, *now;
} formers[] = {
    {"mediavault.trusted_proxies", "mediavault-trusted-proxies", "trusted_proxies"},
};

enum { FORMERS = sizeof formers / sizeof *formers };

/* Where a value came from; a higher one wins. */
enum origin { FROM_DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_COMMAND_LINE };

struct config {
    struct arena *arena;
    struct slice values[SETTINGS];
    enum origin origins[SETTINGS];
};

static char problem_line[PROBLEM_MAX_BYTES];

__attribute__((format(printf, 1, 2))) static bool fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(problem_line, sizeof problem_line, format, args);
    va_end(args);
    return false;
}

static bool parse_bool(struct slice text, bool *out)
{
    static const struct {
        struct slice word;
        bool value;
    } words[] = {
        {SLICE_INIT("on"), true},   {SLICE_INIT("true"), true},   {SLICE_INIT("1"), true},
        {SLICE_INIT("off"), false}, {SLICE_INIT("false"), false}, {SLICE_INIT("0"), false},
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (slice_eq_nocase(text, words[i].word)) {
            *out = words[i].value;
            return true;
        }
    }
    return false;
}

static struct slice standard_value(const struct setting *setting)
{
    struct slice value = slice_from(setting->standard), rest;

    if (setting->kind == CHOICE)
        slice_split(value, '|', &value, &rest);
    return value;
}

static bool is_choice(const struct setting *setting, struct slice value)
{
    struct slice rest = slice_from(setting->standard), word;

    while (slice_split(rest, '|', &word, &rest))
        if (slice_eq(word, value))
            return true;
    return false;
}

/* `where` is how the user named the setting: "--workers", "MEDIAHUB_WORKERS", "hub.ini: workers" */
static bool check(const struct setting *setting, struct slice value, const char *where)
{
    uint64_t number;
    bool flag;

    if (setting->kind == NUMBER && !text_size(value, &number))
        return fail("%s: \"%.*s\" is not a number", where, SLICE_ARG(value));
    if (setting->kind == BOOL && !parse_bool(value, &flag))
        return fail("%s: \"%.*s\" is neither on nor off", where, SLICE_ARG(value));
    if (setting->kind == CHOICE && !is_choice(setting, value))
        return fail("%s: \"%.*s\" is not one of %s", where, SLICE_ARG(value), setting->standard);
    return true;
}

static bool set(struct config *config, size_t at, struct slice value, enum origin origin,
                const char *where)
{
    if (!check(&settings[at], value, where))
        return false;
    if (origin < config->origins[at])
        return true;
    config->values[at] = arena_dup(config->arena, value);
    config->origins[at] = origin;
    return true;
}

static bool find_name(struct slice name, size_t *at)
{
    for (size_t i = 0; i < FORMERS; i++)
        if (slice_eq(slice_from(formers[i].name), name))
            name = slice_from(formers[i].now);
    for (size_t i = 0; i < SETTINGS; i++) {
        if (slice_eq(slice_from(settings[i].name), name)) {
            *at = i;
            return true;
        }
    }
    return false;
}

static bool find_option(struct slice option, size_t *at)
{
    for (size_t i = 0; i < FORMERS; i++)
        if (slice_eq(slice_from(formers[i].option), option) ||
            slice_eq(slice_from(formers[i].name), option))
            return find_name(slice_from(formers[i].now), at);
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *setting = &settings[i];

        if (*setting->option && (slice_eq(slice_from(setting->option), option) ||
                                 slice_eq(slice_from(setting->name), option))) {
            *at = i;
            return true;
        }
    }
    return false;
}

static bool load_arguments(struct config *config, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        struct slice argument = slice_from(argv[i]), option, value;
        size_t at;

        if (!slice_starts_with(argument, SLICE("--")))
            return fail("unexpected argument \"%s\"", argv[i]);
        slice_split(slice_from_offset(argument, 2), '=', &option, &value);
        if (!find_option(option, &at))
            return fail("unknown option --%.*s", SLICE_ARG(option));
        if (!value.p) {
            if (++i == argc)
                return fail("option %s needs a value", argv[i - 1]);
            value = slice_from(argv[i]);
        }
        char *where = arena_cstr(config->arena, (struct slice){argument.p, option.n + 2});
        if (!set(config, at, value, FROM_COMMAND_LINE, where))
            return false;
    }
    return true;
}

static char *environment_name(struct arena *arena, const char *name)
{
    struct slice text = arena_printf(arena, "MEDIAHUB_%s", name);
    char *p = arena_cstr(arena, text);

    for (size_t i = 0; i < text.n; i++) {
        if (p[i] == '.' || p[i] == '-')
            p[i] = '_';
        else if (p[i] >= 'a' && p[i] <= 'z')
            p[i] = (char)(p[i] - ('a' - 'A'));
    }
    return p;
}

static bool load_variable(struct config *config, const char *setting)
{
    char *name = environment_name(config->arena, setting);
    const char *value = getenv(name);
    size_t at;

    return !value || !find_name(slice_from(setting), &at) ||
           set(config, at, slice_from(value), FROM_ENVIRONMENT, name);
}

static bool load_environment(struct config *config)
{
    for (size_t i = 0; i < FORMERS; i++)
        if (!load_variable(config, formers[i].name))
            return false;
    for (size_t i = 0; i < SETTINGS; i++)
        if (!load_variable(config, settings[i].name))
            return false;
    return true;
}

struct ini {
    struct config *config;
    const char *path;
    FILE *file;
    int line;
    bool seen[SETTINGS];
};

static int on_ini_line(void *arg, const char *section, const char *key, const char *value)
{
    struct ini *ini = arg;
    struct arena *arena = ini->config->arena;
    struct slice name = *section ? arena_printf(arena, "%s.%s", section, key) : slice_from(key);
    struct slice where = arena_printf(arena, "%s: %.*s", ini->path, SLICE_ARG(name));
    size_t at;

    if (*problem_line)
        return 0; /* the first problem is the one to tell */
    if (!find_name(name, &at))
        return fail("%s is not a setting", where.p);
    if (ini->seen[at])
        return fail("%s is set twice", where.p);
    ini->seen[at] = true;
    return set(ini->config, at, slice_from(value), FROM_FILE, where.p);
}

/* fgets() for libinih, whose buffer is short and which would take the rest of a longer line for a
 * line of its own. */
static char *read_ini_line(char *text, int size, void *arg)
{
    struct ini *ini = arg;
    char *got = fgets(text, size, ini->file);

    ini->line++;
    if (got && !strchr(text, '\n') && !feof(ini->file)) {
        if (!*problem_line)
            fail("%s: line %d is longer than %d bytes", ini->path, ini->line, size - 2);
        return NULL;
    }
    return got;
}

static bool parse_ini(struct ini *ini)
{
    int line = ini_parse_stream(read_ini_line, ini, on_ini_line, ini);

    if (*problem_line)
        return false;
    if (ferror(ini->file))
        return fail("%s: %s", ini->path, strerror(errno));
    return line == 0 || fail("%s: line %d is not \"name = value\"", ini->path, line);
}

static bool load_file(struct config *config)
{
    struct ini ini = {.config = config};

    ini.path = config_text(config, "config").p;
    if (!*ini.path)
        return true;
    ini.file = fopen(ini.path, "re");
    if (!ini.file)
        return fail("%s: %s", ini.path, strerror(errno));
    bool ok = parse_ini(&ini);
    fclose(ini.file);
    return ok;
}

struct config *config_load(int argc, char **argv, struct slice *problem)
{
    struct config *config = MEM_NEW(struct config);

    config->arena = arena_new();
    problem_line[0] = '\0';
    for (size_t i = 0; i < SETTINGS; i++)
        config->values[i] = arena_dup(config->arena, standard_value(&settings[i]));
    if (load_arguments(config, argc, argv) && load_environment(config) && load_file(config))
        return config;
    *problem = slice_from(problem_line);
    config_free(config);
    return NULL;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    arena_free(config->arena);
    mem_free(config);
}

static struct slice value_of(const struct config *config, const char *name, enum kind *kind)
{
    size_t at;
    bool known = find_name(slice_from(name), &at);

    assert(known);
    (void)known;
    *kind = settings[at].kind;
    return config->values[at];
}

struct slice config_text(const struct config *config, const char *name)
{
    enum kind kind;
    struct slice value = value_of(config, name, &kind);

    assert(kind == TEXT || kind == CHOICE);
    return value;
}

uint64_t config_number(const struct config *config, const char *name)
{
    enum kind kind;
    struct slice value = value_of(config, name, &kind);
    uint64_t number = 0;
    bool ok = text_size(value, &number);

    assert(kind == NUMBER && ok);
    (void)ok;
    return number;
}

bool config_bool(const struct config *config, const char *name)
{
    enum kind kind;
    struct slice value = value_of(config, name, &kind);
    bool flag = false, ok = parse_bool(value, &flag);

    assert(kind == BOOL && ok);
    (void)ok;
    return flag;
}

static bool is_handed_on(const struct config *config, size_t at)
{
    return *settings[at].option && strcmp(settings[at].name, "config") != 0 &&
           !slice_eq(config->values[at], standard_value(&settings[at]));
}

char **config_environment(const struct config *config, struct arena *arena)
{
    char **lines = ARENA_ARRAY(arena, char *, SETTINGS + 1);
    size_t n = 0;

    for (size_t i = 0; i < SETTINGS; i++) {
        if (!is_handed_on(config, i))
            continue;
        struct slice line =
            arena_printf(arena, "%s=%.*s", environment_name(arena, settings[i].name),
                         SLICE_ARG(config->values[i]));
        lines[n++] = arena_cstr(arena, line);
    }
    return lines;
}

struct slice config_help(struct arena *arena)
{
    struct slice text = SLICE("");

    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *setting = &settings[i];
        struct slice standard = standard_value(setting);
        char *name = environment_name(arena, setting->name);

        text = arena_printf(arena, "%.*s  %s%-28s %s%s%.*s%s\n", SLICE_ARG(text),
                            *setting->option ? "--" : "  ",
                            *setting->option ? setting->option : name, setting->help,
                            standard.n ? " (" : "", SLICE_ARG(standard), standard.n ? ")" : "");
    }
    return text;
}
