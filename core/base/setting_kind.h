/* setting_kind.h: what a value may be, by the kind and range of its setting's row: judged,
 * described in words, and read. Knows texts alone; must not know which settings there are. Pure. */
#pragma once

#include "base/arena.h"

enum setting_kind {
    SETTING_TEXT,
    SETTING_SECRET,
    SETTING_NAME,
    SETTING_NUMBER,
    SETTING_BYTES,
    SETTING_SECONDS,
    SETTING_BOOL,
    SETTING_CHOICE,
    SETTING_WORDS,
    SETTING_FILE,
    SETTING_FOLDER,
    SETTING_ADDRESS,
    SETTING_ORIGINS,
    SETTING_NETWORKS,
    SETTING_REDIS,
    SETTING_JOBS,
};

struct setting {
    const char *name, *option; /* option: "" is none */
    enum setting_kind kind;
    const char *standard; /* the default */
    const char *range;    /* its form depends on the kind: settings.def */
    const char *help;
};

/* What is wrong with this value: "is too small". NULL: nothing. */
const char *setting_fault(const struct setting *setting, struct slice value);
/* What it must be: "1 to 1024". */
struct slice setting_expected(const struct setting *setting, struct arena *arena);

/* Of a value that has no fault: a NUMBER, BYTES or SECONDS; a BOOL. */
uint64_t setting_number(const struct setting *setting, struct slice value);
bool setting_bool(struct slice value);
