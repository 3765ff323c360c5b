#include "supervisor/first_start.h"

#include "base/crypto.h"
#include "base/password.h"
#include "base/text.h"
#include "state/account.h"

enum { PASSWORD_RANDOM_BYTES = 15 }; /* 20 characters */

static struct slice random_password(struct arena *arena)
{
    char bytes[PASSWORD_RANDOM_BYTES];

    random_bytes(bytes, sizeof bytes);
    return text_base64url(arena, (struct slice){bytes, sizeof bytes});
}

enum err first_start_admin(struct task *task, struct state *state, const struct config *config,
                           struct slice *password)
{
    struct slice chosen = config_text(config, "admin_password");
    struct account admin = {
        .username = config_text(config, "admin_user"),
        .is_admin = true,
        .is_active = true,
    };
    uint64_t accounts;

    *password = SLICE_NONE;
    enum err err = account_count(task, state, &accounts);
    if (err != OK || accounts > 0)
        return err;
    if (chosen.n == 0)
        chosen = *password = random_password(task->arena);
    admin.password_hash = password_hash_now(task->arena, chosen);
    return account_create(task, state, &admin);
}
