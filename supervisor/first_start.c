#include "supervisor/first_start.h"

#include "base/crypto.h"
#include "base/password.h"
#include "base/text.h"
#include "base/text_rule.h"
#include "state/account.h"

enum { PASSWORD_RANDOM_BYTES = 15 }; /* 20 characters */

static struct slice random_password(struct arena *arena)
{
    char bytes[PASSWORD_RANDOM_BYTES];

    random_bytes(bytes, sizeof bytes);
    return text_base64url(arena, (struct slice){bytes, sizeof bytes});
}

static struct slice fault_of(struct arena *arena, const struct account *admin,
                             struct slice password)
{
    struct slice fault = account_rule_fault(arena, ACCOUNT_USERNAME, admin->username);

    if (fault.n)
        return arena_printf(arena, "the name of the first admin is not accepted: %.*s",
                            SLICE_ARG(fault));
    fault = account_rule_fault(arena, ACCOUNT_PASSWORD, password);
    if (fault.n)
        return arena_printf(arena, "the password of the first admin is not accepted: %.*s",
                            SLICE_ARG(fault));
    return SLICE_NONE;
}

/* Whoever keeps the first password in the environment hears nothing. */
static enum err compare(struct task *task, struct state *state, const struct account *admin,
                        struct slice password, struct first_start *out)
{
    struct account account;
    enum err err = account_find(task, state, admin->username, &account);

    out->not_looked_at =
        err == ERR_NOT_FOUND ||
        (err == OK && !password_holds_now(task->arena, password, account.password_hash));
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err first_start_admin(struct task *task, struct state *state, const struct config *config,
                           struct first_start *out)
{
    struct slice chosen = config_text(config, "admin_password");
    struct account admin = {
        .username = config_text(config, "admin_user"),
        .is_admin = true,
        .is_active = true,
    };
    uint64_t accounts;

    *out = (struct first_start){.not_looked_at = false};
    enum err err = account_count(task, state, &accounts);
    if (err == OK && accounts > 0 && chosen.n)
        return compare(task, state, &admin, chosen, out);
    if (err != OK || accounts > 0)
        return err;
    if (chosen.n == 0)
        chosen = out->password = random_password(task->arena);
    out->problem = fault_of(task->arena, &admin, chosen);
    if (out->problem.n)
        return ERR_VALIDATION;
    admin.password_hash = password_hash_now(task->arena, chosen);
    return account_create(task, state, &admin);
}
