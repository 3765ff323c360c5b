/* config.h: the values of the settings, by dotted name. The table of settings is
 * core/base/settings.def: name, option, kind, default, range. Every value has been judged when it
 * was read (config_load.h), so that nobody who uses one has to. */
#pragma once

#include "base/arena.h"

struct config;

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
