/* config.h: settings by dotted name, from four places: command line, environment, INI file,
 * default, in this order. `a.b_c` is MEDIAHUB_A_B_C in the environment and `--a.b_c` or its short
 * option on the command line. The table of settings is core/base/settings.def: name, option,
 * kind, default, range. A value is checked where it is read, whichever place it comes from, so that
 * nobody who uses one has to; an unknown option or a value that its row does not allow is one clear
 * line, and all of them are told at once. */
#pragma once

#include "base/arena.h"

struct config;

/* argv without the program's and command's names. On failure returns NULL, and *problem has a line
 * for each fault, between them '\n'; it stays valid until the next call. */
struct config *config_load(int argc, char **argv, struct slice *problem);
/* Also looks at the files and folders that the values name: for whoever starts something. */
struct config *config_load_to_start(int argc, char **argv, struct slice *problem);
void config_free(struct config *config);

/* What is no fault, but hardly what was meant (a MEDIAHUB_ name that is no setting, a secret that
 * every user of the machine can read): a line each, between them '\n'; empty when there is none. */
struct slice config_warnings(const struct config *config);

struct slice config_text(const struct config *config,
                         const char *name); /* NUL-terminated; "" when unset */
uint64_t config_number(const struct config *config, const char *name); /* times: in seconds */
bool config_bool(const struct config *config, const char *name);

/* Did somebody say it, or is it the default? */
bool config_is_given(const struct config *config, const char *name);

/* Every setting that differs from its default, as MEDIAHUB_X=value lines for a child's environment
 * that has no other MEDIAHUB_ lines; ends with NULL. Without secrets, and without the name of the
 * INI file: what it says is among the lines. */
char **config_environment(const struct config *config, struct arena *arena);

/* The help text of all settings: each with its three names, its range and its default. */
struct slice config_help(struct arena *arena);
