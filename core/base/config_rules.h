/* config_rules.h: what must hold between settings, and of the files that they name. Called by
 * config_load() once every value by itself is right. Every rule is told of every fault, none ends
 * the others. */
#pragma once

#include "base/config.h"

/* Says what is wrong with the value of one setting, in words that follow it: "is empty". */
typedef void config_fault_fn(void *arg, const char *name, struct slice fault);

/* Between settings. Pure. */
void config_rules_judge(const struct config *config, struct arena *arena, config_fault_fn *fault,
                        void *arg);
/* Of the files and folders: they are there, can be used, and hold what they should. */
void config_rules_judge_files(const struct config *config, struct arena *arena,
                              config_fault_fn *fault, void *arg);
