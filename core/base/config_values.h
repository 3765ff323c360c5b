/* config_values.h: how a config keeps its values, by their rows in the table of settings. For
 * config.c and config_load.c. */
#pragma once

#include "base/setting.h"

#include <assert.h>

/* Where a value came from; a higher one wins. */
enum origin { FROM_DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_COMMAND_LINE };

struct config {
    struct arena *arena;
    struct slice values[SETTING_COUNT];
    enum origin origins[SETTING_COUNT];
    const char *wheres[SETTING_COUNT]; /* how the user named it: "--workers", "hub.ini: workers" */
    struct slice warnings;
};

static inline size_t config_row(const char *name)
{
    size_t at;
    bool known = setting_find(slice_from(name), &at);

    assert(known);
    (void)known;
    return at;
}
