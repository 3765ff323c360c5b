/* config.h: settings by dotted name, from four places: command line, environment, INI file,
 * default, in this order. `a.b_c` is MEDIAHUB_A_B_C in the environment and `--a.b_c` or its short
 * option on the command line. The table of settings is core/base/settings.def: name, option,
 * environment name, default, kind. An unknown option or a value of the wrong kind is one clear
 * line and a failure. */
#pragma once

#include "base/arena.h"

struct config;

/* argv without the program's and command's names. On failure returns NULL with a line in *problem,
 * which stays valid until the next call. Environment names that are no settings are ignored. */
struct config *config_load(int argc, char **argv, struct slice *problem);
void config_free(struct config *config);

struct slice config_text(const struct config *config,
                         const char *name); /* NUL-terminated; "" when unset */
uint64_t config_number(const struct config *config, const char *name);
bool config_bool(const struct config *config, const char *name);

/* Every setting that differs from its default, as MEDIAHUB_X=value lines for a child's environment
 * that has no other MEDIAHUB_ lines; ends with NULL. Without secrets, and without the name of the
 * INI file: what it says is among the lines. */
char **config_environment(const struct config *config, struct arena *arena);

/* The help text of all settings, a line each. */
struct slice config_help(struct arena *arena);
