/* mediahub user add NAME [--admin] [--email E] [options]: makes an account in a running hub. The
 * password is read from standard input, one line. */
#include "supervisor/command.h"
#include "supervisor/command_read.h"

#include "base/loop.h"
#include "base/password.h"
#include "base/process.h"
#include "state/account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STATE_WAIT_MS = 5000, FIBERS_MAX = 4, PASSWORD_MIN = 8, PASSWORD_MAX = 1024 };

struct add {
    struct account account;
    struct state *state;
    struct slice password;
    int exit_status;
};

static void add_account(struct task *task, void *arg)
{
    struct add *add = arg;
    enum err err = state_wait(task, add->state, 1, STATE_WAIT_MS);

    add->account.password_hash = password_hash_now(task->arena, add->password);
    if (err == OK)
        err = account_create(task, add->state, &add->account);
    if (err == OK)
        printf("%.*s\n", SLICE_ARG(add->account.id));
    else if (err == ERR_CONFLICT)
        fprintf(stderr, "mediahub: this user name or e-mail address is taken\n");
    else
        fprintf(stderr, "mediahub: %.*s\n", SLICE_ARG(err_row(err)->message));
    add->exit_status = err == OK ? EXIT_SUCCESS : EXIT_FAILURE;
    state_close(add->state);
}

/* Takes its own options out of argv; what is left are settings. */
static int take_options(int argc, char **argv, struct account *account)
{
    int left = 0;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--admin") == 0)
            account->is_admin = true;
        else if (strcmp(argv[i], "--email") == 0 && i + 1 < argc)
            account->email = slice_from(argv[++i]);
        else
            argv[left++] = argv[i];
    }
    return left;
}

int command_user(int argc, char **argv)
{
    struct arena *arena = process_arena();
    struct add add = {.account = {.is_active = true}, .exit_status = EXIT_FAILURE};

    if (argc < 2 || strcmp(argv[0], "add") != 0 || argv[1][0] == '-')
        process_fail("usage: mediahub user add NAME [--admin] [--email E] [options]");
    add.account.username = slice_from(argv[1]);
    argc = take_options(argc - 2, argv + 2, &add.account);
    struct config *config = process_settings(argc, argv + 2, EXIT_FAILURE);
    add.password = command_read_secret(arena, "password", PASSWORD_MAX);
    if (add.password.n < PASSWORD_MIN)
        process_fail("the password must have at least %d characters", PASSWORD_MIN);

    struct slice url = config_text(config, "redis"),
                 fleeting = config_text(config, "redis_volatile");
    if (url.n == 0) {
        if (chdir(config_text(config, "data").p) != 0)
            process_fail("there is no data folder %s", config_text(config, "data").p);
        url = SLICE("unix:run/state.sock");
        fleeting = SLICE("unix:run/volatile.sock");
    }
    loop_init(FIBERS_MAX);
    add.state = state_open(url, fleeting);
    if (!add.state || !task_spawn(add_account, &add))
        process_fail("%.*s is not the URL of a Redis server", SLICE_ARG(url));
    uv_run(loop_get(), UV_RUN_DEFAULT);
    config_free(config);
    return loop_fini() ? add.exit_status : EXIT_FAILURE;
}
