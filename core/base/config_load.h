/* config_load.h: settings are read from four places: command line, environment, INI file, default,
 * in this order. `a.b_c` is MEDIAHUB_A_B_C in the environment and `--a.b_c` or its short option on
 * the command line. A value is judged where it is read, whichever place it comes from; an unknown
 * option or a value that its row does not allow is one clear line, and all of them are told at
 * once. */
#pragma once

#include "base/config.h"

/* argv without the program's and command's names. On failure returns NULL, and *problem has a line
 * for each fault, between them '\n'; it stays valid until the next call. */
struct config *config_load(int argc, char **argv, struct slice *problem);
/* Also looks at the files and folders that the values name: for whoever starts something. */
struct config *config_load_to_start(int argc, char **argv, struct slice *problem);
