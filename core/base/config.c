#include "base/config.h"

#include "base/config_values.h"
#include "base/memory.h"

#include <string.h>

struct slice config_warnings(const struct config *config)
{
    return config->warnings;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    arena_free(config->arena);
    mem_free(config);
}

static struct slice value_of(const struct config *config, const char *name,
                             const struct setting **row)
{
    size_t at = config_row(name);

    *row = setting_row(at);
    return config->values[at];
}

static bool is_quantity(const struct setting *row)
{
    return row->kind == SETTING_NUMBER || row->kind == SETTING_BYTES ||
           row->kind == SETTING_SECONDS;
}

struct slice config_text(const struct config *config, const char *name)
{
    const struct setting *row;
    struct slice value = value_of(config, name, &row);

    assert(!is_quantity(row) && row->kind != SETTING_BOOL);
    return value;
}

uint64_t config_number(const struct config *config, const char *name)
{
    const struct setting *row;
    struct slice value = value_of(config, name, &row);

    assert(is_quantity(row));
    return setting_number(row, value);
}

bool config_is_given(const struct config *config, const char *name)
{
    return config->origins[config_row(name)] != FROM_DEFAULT;
}

bool config_bool(const struct config *config, const char *name)
{
    const struct setting *row;
    struct slice value = value_of(config, name, &row);

    assert(row->kind == SETTING_BOOL);
    return setting_bool(value);
}

static bool is_handed_on(const struct config *config, size_t at)
{
    const struct setting *row = setting_row(at);

    return *row->option && strcmp(row->name, "config") != 0 &&
           !slice_eq(config->values[at], slice_from(row->standard));
}

char **config_environment(const struct config *config, struct arena *arena)
{
    char **lines = ARENA_ARRAY(arena, char *, SETTING_COUNT + 1);
    const struct setting *row;
    size_t n = 0;

    for (size_t at = 0; (row = setting_row(at)); at++)
        if (is_handed_on(config, at))
            lines[n++] = arena_cstr(arena, arena_printf(arena, "%s=%.*s",
                                                        setting_environment_name(arena, row->name),
                                                        SLICE_ARG(config->values[at])));
    return lines;
}

struct slice config_help(struct arena *arena)
{
    struct slice text = SLICE("");
    const struct setting *row;

    for (size_t at = 0; (row = setting_row(at)); at++)
        text = arena_printf(arena, "%.*s  %.*s\n      %s\n      %.*s%s%s%s\n", SLICE_ARG(text),
                            SLICE_ARG(setting_names(row, arena)), row->help,
                            SLICE_ARG(setting_expected(row, arena)), *row->standard ? " (" : "",
                            row->standard, *row->standard ? ")" : "");
    return text;
}
