/* mediahub store claim [options]: marks the store as this hub's, whatever it says: after its
 * content was lost for good, or for an older state of the same hub. */
#include "supervisor/command.h"
#include "supervisor/visit.h"

#include "base/process.h"
#include "bond/bond.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int claim(struct task *task, struct visit *visit)
{
    struct slice problem;
    enum err err = bond_claim_store(task, visit->state, visit->store_folder, &problem);

    if (err != OK)
        return visit_failed(visit, "%.*s", SLICE_ARG(problem.n ? problem : err_row(err)->message));
    printf("%.*s is the store of this hub now; mediahub check tells what is missing in it\n",
           SLICE_ARG(visit->store_folder));
    return EXIT_SUCCESS;
}

int command_store(int argc, char **argv)
{
    static struct visit visit = {.any_store = true};

    if (argc < 1 || strcmp(argv[0], "claim") != 0)
        process_fail("usage: mediahub store claim [options]");
    visit_begin(&visit, argc - 1, argv + 1);
    return visit_run(&visit, claim);
}
