/* logins.h: where an account is logged in, over all surfaces: families of sessions at Media Vault
 * (session.h) and sessions of the Backup Repository (granted_access.h). */
#pragma once

#include "state/granted_access.h"
#include "state/session.h"

struct login {
    struct slice surface; /* "mediavault" or "backup_repository" */
    struct slice id, address, client;
    uint64_t created_ms, expires_ms;
};

/* Notes in an account that is about to be saved that all logins up to now are over, but for this
 * family of sessions (its id, or empty). It is what counts; logins_end() makes it seen at once. */
void logins_forget(struct account *account, struct slice kept_family);

/* Ends what logins_forget() was noted for: sessions, refresh tokens, and with them open sockets, on
 * all gateways, those of a disabled account's API keys as well; webhooks that the account may not
 * have as they are (endpoint_follow_owner()).
 * *ended counts the logins: none when nothing is noted, or it is done. Suspends. */
enum err logins_end(struct task *task, struct state *state, const struct account *account,
                    size_t *ended);

/* The same for what was noted LOGINS_LEFT_MS before now_ms: whoever was to end it has died, or
 * found the state away. Logins made since then stay. Suspends. */
enum { LOGINS_LEFT_MS = 2000 };
enum err logins_end_left(struct task *task, struct state *state, uint64_t now_ms);

/* Those that hold, newest first within each surface; of backup sessions the newest
 * GRANTED_LIST_MAX. */
enum err logins_list(struct task *task, struct state *state, const struct account *account,
                     struct login **out, size_t *n);
