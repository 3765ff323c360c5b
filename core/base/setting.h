/* setting.h: the table of settings (settings.def) as rows (setting_kind.h), found by their names.
 * Knows texts alone; must not know where a value came from, nor what it is for. Pure. */
#pragma once

#include "base/setting_kind.h"

/* clang-format off */
enum {
    SETTING_COUNT = 0
#define SETTING(...) + 1
#include "base/settings.def"
#undef SETTING
};
/* clang-format on */

/* Row `at`, or NULL past the last one. */
const struct setting *setting_row(size_t at);
/* What a setting was called before, which still counts: the find functions know it. NULL past the
 * last one. */
struct setting_former {
    const char *name, *option, *now;
};
const struct setting_former *setting_former(size_t at);
bool setting_find(struct slice name, size_t *at);          /* "limits.user" */
bool setting_find_option(struct slice option, size_t *at); /* "limits-user" or "limits.user" */

/* "--limits-user, MEDIAHUB_LIMITS_USER, user in [limits] of the INI file" */
struct slice setting_names(const struct setting *setting, struct arena *arena);
/* "MEDIAHUB_LIMITS_USER" */
char *setting_environment_name(struct arena *arena, const char *name);
/* The value as a message may show it: in quotes, without secrets, short, on one line. */
struct slice setting_shown(const struct setting *setting, struct arena *arena, struct slice value);
/* Is anything in this value secret? A password in a URL is. */
bool setting_is_secret(const struct setting *setting, struct slice value);
