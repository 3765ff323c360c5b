/* mediahub key rotate [--now] [options]: new signing keys, which every gateway takes up by itself;
 * what the old ones have signed holds for its hour, or with --now no longer at all. */
#include "supervisor/command.h"
#include "supervisor/visit.h"

#include "base/key_file.h"
#include "base/process.h"
#include "state/keyring.h"
#include "state/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With --now whatever the state's secrets were sealed under is given up, so any key file will do.
 */
static bool take_any_key(struct task *task, struct visit *visit)
{
    struct seal_key key;
    struct slice problem;
    enum key_file file = key_file_read(task->arena, visit->key_file, &key, &problem);

    if (file == KEY_FILE_MISSING)
        file = key_file_make(task->arena, visit->key_file, &key, &problem);
    if (file == KEY_FILE_READ)
        secret_use(&key);
    else
        visit_failed(visit, "%.*s", SLICE_ARG(problem));
    return file == KEY_FILE_READ;
}

static int rotate(struct task *task, struct visit *visit)
{
    const bool *at_once = visit->arg;
    struct keyring made; /* where there was none yet */

    if (!(*at_once ? take_any_key(task, visit) : visit_key(task, visit)))
        return EXIT_FAILURE;
    enum err err = *at_once ? OK : keyring_load(task, visit->state, &made);
    if (err == OK)
        err = keyring_rotate(task, visit->state, *at_once);
    if (err != OK)
        return visit_failed(visit, "the keys could not be rotated: %.*s",
                            SLICE_ARG(err_row(err)->message));
    printf("%s\n", *at_once ? "new keys sign from now on; every token and link of before has ended"
                            : "new keys sign in a few seconds; the old ones hold for an hour more");
    return EXIT_SUCCESS;
}

static int take_options(int argc, char **argv, bool *at_once)
{
    int left = 0;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--now") == 0)
            *at_once = true;
        else
            argv[left++] = argv[i];
    }
    return left;
}

int command_key(int argc, char **argv)
{
    static bool at_once;
    static struct visit visit = {.arg = &at_once};

    if (argc < 1 || strcmp(argv[0], "rotate") != 0)
        process_fail("usage: mediahub key rotate [--now] [options]");
    visit_begin(&visit, take_options(argc - 1, argv + 1, &at_once), argv + 1);
    return visit_run(&visit, rotate);
}
