/* mediahub config check [options]: tries every setting and the files that it names, as a start
 * would, and starts nothing. Exit status 0: a hub could start with them. */
#include "supervisor/command.h"

#include "base/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int command_config(int argc, char **argv)
{
    if (argc < 1 || strcmp(argv[0], "check") != 0)
        process_fail("usage: mediahub config check [options]");
    config_free(process_settings_to_start(argc - 1, argv + 1));
    printf("all settings are right\n");
    return EXIT_SUCCESS;
}
