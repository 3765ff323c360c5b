/* mediahub user add NAME [--admin] [--email E] [options]: makes an account.
 * mediahub user password NAME [options]: gives one a new password, for whoever has lost it.
 * Both read the password from standard input, one line, and work on a hub that runs as on one that
 * is stopped. */
#include "supervisor/command.h"
#include "supervisor/command_read.h"
#include "supervisor/visit.h"

#include "base/password.h"
#include "base/process.h"
#include "base/text_rule.h"
#include "state/account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PASSWORD_BYTES_MAX = 4096 };

struct request {
    struct account account;
    struct slice name, password;
};

/* What REST would refuse is refused here, in its words. */
static void check_rule(struct arena *arena, enum account_rule rule, const char *what,
                       struct slice text)
{
    struct slice fault = account_rule_fault(arena, rule, text);

    if (fault.n)
        process_fail("the %s is not accepted: %.*s", what, SLICE_ARG(fault));
}

static void read_password(struct visit *visit)
{
    struct request *request = visit->arg;

    request->password = command_read_secret(visit->arena, "password", PASSWORD_BYTES_MAX);
    check_rule(visit->arena, ACCOUNT_PASSWORD, "password", request->password);
}

static int failed(const struct visit *visit, enum err err)
{
    return visit_failed(visit, "%.*s", SLICE_ARG(err_row(err)->message));
}

/* -- add -------------------------------------------------------------------------------------- */

static int add_account(struct task *task, struct visit *visit)
{
    struct request *request = visit->arg;
    struct account *account = &request->account;

    account->password_hash = password_hash_now(task->arena, request->password);
    enum err err = account_create(task, visit->state, account);
    if (err == ERR_CONFLICT)
        return visit_failed(visit, "this user name or e-mail address is taken");
    if (err != OK)
        return failed(visit, err);
    printf("%.*s\n", SLICE_ARG(account->id));
    return EXIT_SUCCESS;
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

static int user_add(struct visit *visit, int argc, char **argv)
{
    struct request *request = visit->arg;
    struct account *account = &request->account;

    *account = (struct account){.username = request->name, .is_active = true};
    visit_begin(visit, take_options(argc, argv, account), argv);
    check_rule(visit->arena, ACCOUNT_USERNAME, "user name", account->username);
    check_rule(visit->arena, ACCOUNT_EMAIL, "e-mail address", account->email);
    read_password(visit);
    return visit_run(visit, add_account);
}

/* -- password --------------------------------------------------------------------------------- */

static enum err take_hash(struct account *now, void *arg)
{
    const struct slice *hash = arg;

    now->password_hash = *hash;
    return OK;
}

static int set_password(struct task *task, struct visit *visit)
{
    const struct request *request = visit->arg;
    struct slice hash = password_hash_now(task->arena, request->password);
    struct account account;
    enum err err = account_find(task, visit->state, request->name, &account);

    if (err == OK)
        err = account_change(task, visit->state, account.id, take_hash, &hash, &account);
    if (err == ERR_NOT_FOUND)
        return visit_failed(visit, "there is no user %.*s", SLICE_ARG(request->name));
    if (err != OK)
        return failed(visit, err);
    printf("the password of %.*s is changed\n", SLICE_ARG(account.username));
    return EXIT_SUCCESS;
}

static int user_password(struct visit *visit, int argc, char **argv)
{
    visit_begin(visit, argc, argv);
    read_password(visit);
    return visit_run(visit, set_password);
}

/* --------------------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    int (*fn)(struct visit *visit, int argc, char **argv); /* argv: behind the name */
} words[] = {
    {"add", user_add},
    {"password", user_password},
};

int command_user(int argc, char **argv)
{
    static struct request request;
    static struct visit visit = {.arg = &request};

    for (size_t i = 0; i < sizeof words / sizeof *words && argc >= 2; i++) {
        if (strcmp(argv[0], words[i].word) != 0 || argv[1][0] == '-')
            continue;
        request.name = slice_from(argv[1]);
        return words[i].fn(&visit, argc - 2, argv + 2);
    }
    process_fail("usage: mediahub user add NAME [--admin] [--email E] [options], or "
                 "mediahub user password NAME [options]");
}
