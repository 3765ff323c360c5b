/* mediahub user list [options]: everybody's accounts, a line each.
 * mediahub user add NAME [--admin] [--email E] [options]: makes an account.
 * mediahub user password NAME [options]: gives one a new password, for whoever has lost it.
 * mediahub user disable | enable NAME [options]: closes an account, or opens it again.
 * mediahub user sessions NAME [--end] [options]: where it is logged in; ends all of that.
 * Passwords are read from standard input, one line. All work on a hub that runs as on one that is
 * stopped; whoever is closed or gets a new password is logged out everywhere at once. */
#include "supervisor/command.h"
#include "supervisor/command_read.h"
#include "supervisor/visit.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/password.h"
#include "base/process.h"
#include "base/text_rule.h"
#include "state/account.h"
#include "state/logins.h"

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

/* -- changes ----------------------------------------------------------------------------------- */

/* Changes the account of that name, and ends its logins. `done` says what became of it. */
static int change(struct task *task, struct visit *visit, account_change_fn *fn, void *arg,
                  const char *action, const char *done)
{
    const struct request *request = visit->arg;
    struct account account;
    size_t ended = 0;

    if (!visit_key(task, visit)) /* the account's webhooks follow it, and they have secrets */
        return EXIT_FAILURE;
    enum err err = account_find(task, visit->state, request->name, &account);
    if (err == OK)
        err = account_change(task, visit->state, account.id, fn, arg, &account);
    if (err == OK)
        err = logins_end(task, visit->state, &account, &ended);
    if (err == ERR_NOT_FOUND)
        return visit_failed(visit, "there is no user %.*s", SLICE_ARG(request->name));
    if (err != OK)
        return failed(visit, err);
    log_event(LOG_INFO, "audit", F("action", action), F("by", "command line"),
              F("user", account.id), F("username", account.username));
    printf("%.*s is %s; logins ended: %zu\n", SLICE_ARG(account.username), done, ended);
    return EXIT_SUCCESS;
}

static enum err take_active(struct account *now, void *arg)
{
    bool active = *(const bool *)arg;

    if (now->is_active != active)
        logins_forget(now, SLICE_NONE);
    now->is_active = active;
    return OK;
}

static int disable(struct task *task, struct visit *visit)
{
    bool active = false;

    return change(task, visit, take_active, &active, "user_disabled", "disabled");
}

static int enable(struct task *task, struct visit *visit)
{
    bool active = true;

    return change(task, visit, take_active, &active, "user_enabled", "enabled");
}

static int user_disable(struct visit *visit, int argc, char **argv)
{
    visit_begin(visit, argc, argv);
    return visit_run(visit, disable);
}

static int user_enable(struct visit *visit, int argc, char **argv)
{
    visit_begin(visit, argc, argv);
    return visit_run(visit, enable);
}

/* -- list -------------------------------------------------------------------------------------- */

static void print_account(struct arena *arena, const struct account *account)
{
    struct slice created = clock_rfc3339(arena, account->created_ms);

    printf("%-24.*s %-8s %-6s %.*s %.*s\n", SLICE_ARG(account->username),
           account->is_active ? "active" : "disabled", account->is_admin ? "admin" : "user",
           SLICE_ARG(created), SLICE_ARG(account->id));
}

static int list_accounts(struct task *task, struct visit *visit)
{
    struct account *accounts;
    uint64_t total = 1;
    size_t n;

    for (uint64_t skip = 0; skip < total; skip += ACCOUNT_PAGE_MAX) {
        enum err err =
            account_list(task, visit->state, skip, ACCOUNT_PAGE_MAX, &accounts, &n, &total);

        if (err != OK)
            return failed(visit, err);
        for (size_t i = 0; i < n; i++)
            print_account(task->arena, &accounts[i]);
    }
    return EXIT_SUCCESS;
}

static int user_list(struct visit *visit, int argc, char **argv)
{
    visit_begin(visit, argc, argv);
    return visit_run(visit, list_accounts);
}

/* -- sessions ---------------------------------------------------------------------------------- */

static enum err forget(struct account *now, void *arg)
{
    logins_forget(now, SLICE_NONE);
    return OK;
}

static int end_sessions(struct task *task, struct visit *visit)
{
    return change(task, visit, forget, NULL, "user_sessions_ended", "logged out");
}

static void print_login(struct arena *arena, const struct login *login)
{
    struct slice created = clock_rfc3339(arena, login->created_ms);

    printf("%.*s %-18.*s %-15.*s %.*s\n", SLICE_ARG(created), SLICE_ARG(login->surface),
           SLICE_ARG(login->address), SLICE_ARG(login->client));
}

static int list_sessions(struct task *task, struct visit *visit)
{
    const struct request *request = visit->arg;
    struct account account;
    struct login *logins;
    size_t n = 0;
    enum err err = account_find(task, visit->state, request->name, &account);

    if (err == OK)
        err = logins_list(task, visit->state, &account, &logins, &n);
    if (err == ERR_NOT_FOUND)
        return visit_failed(visit, "there is no user %.*s", SLICE_ARG(request->name));
    if (err != OK)
        return failed(visit, err);
    for (size_t i = 0; i < n; i++)
        print_login(task->arena, &logins[i]);
    return EXIT_SUCCESS;
}

static int user_sessions(struct visit *visit, int argc, char **argv)
{
    bool end = argc > 0 && strcmp(argv[0], "--end") == 0;

    visit_begin(visit, argc - end, argv + end);
    return visit_run(visit, end ? end_sessions : list_sessions);
}

/* -- password --------------------------------------------------------------------------------- */

static enum err take_hash(struct account *now, void *arg)
{
    const struct slice *hash = arg;

    now->password_hash = *hash;
    logins_forget(now, SLICE_NONE);
    return OK;
}

static int set_password(struct task *task, struct visit *visit)
{
    const struct request *request = visit->arg;
    struct slice hash = password_hash_now(task->arena, request->password);

    return change(task, visit, take_hash, &hash, "user_password_set", "known by the new password");
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
    bool named;                                            /* takes a NAME */
    int (*fn)(struct visit *visit, int argc, char **argv); /* argv: behind the name */
} words[] = {
    {"list", false, user_list},        {"add", true, user_add},
    {"password", true, user_password}, {"disable", true, user_disable},
    {"enable", true, user_enable},     {"sessions", true, user_sessions},
};

int command_user(int argc, char **argv)
{
    static struct request request;
    static struct visit visit = {.arg = &request};

    for (size_t i = 0; i < sizeof words / sizeof *words && argc >= 1; i++) {
        int taken = 1 + words[i].named;

        if (strcmp(argv[0], words[i].word) != 0 || argc < taken ||
            (taken == 2 && argv[1][0] == '-'))
            continue;
        if (words[i].named)
            request.name = slice_from(argv[1]);
        return words[i].fn(&visit, argc - taken, argv + taken);
    }
    process_fail("usage: mediahub user list [options], or mediahub user add NAME [--admin] "
                 "[--email E] [options], or mediahub user password | disable | enable NAME "
                 "[options], or mediahub user sessions NAME [--end] [options]");
}
