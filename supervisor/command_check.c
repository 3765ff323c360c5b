/* mediahub check [--repair] [options]: compares the store with the records, of a running hub or of
 * a stopped one. Exit status 0: all is well, 1: there are findings, 2: it could not be checked. */
#include "supervisor/check.h"
#include "supervisor/command.h"
#include "supervisor/visit.h"

#include <stdio.h>
#include <string.h>

enum { CLEAN, FINDINGS, UNCHECKED };

static void print_summary(const struct check *check)
{
    printf("checked %llu media, %llu backups and %llu blobs: %llu findings",
           (unsigned long long)check->media, (unsigned long long)check->backups,
           (unsigned long long)check->blobs, (unsigned long long)check->findings);
    if (check->repair)
        printf(", %llu repairs queued", (unsigned long long)check->queued);
    printf("\n");
}

static int run(struct task *task, struct visit *visit)
{
    struct check *check = visit->arg;

    check->state = visit->state;
    check->store = visit_store(task, visit);
    if (!check->store)
        return UNCHECKED;
    enum err err = check_run(task, check);
    store_close(check->store);
    if (err != OK)
        return visit_failed(visit, "the check could not be finished: %.*s",
                            SLICE_ARG(err_row(err)->message));
    print_summary(check);
    return check->findings ? FINDINGS : CLEAN;
}

/* Takes our own options out of argv; what is left are settings. */
static int take_options(int argc, char **argv, bool *repair)
{
    int left = 0;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--repair") == 0)
            *repair = true;
        else
            argv[left++] = argv[i];
    }
    return left;
}

int command_check(int argc, char **argv)
{
    static struct check check;
    static struct visit visit = {.failure = UNCHECKED, .arg = &check};

    argc = take_options(argc, argv, &check.repair);
    visit_begin(&visit, argc, argv);
    return visit_run(&visit, run);
}
