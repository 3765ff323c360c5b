/* account.h: users of the hub and their passwords. A record is "{pN}:account:<user id>"; the two
 * unique names of an account (user name, e-mail, compared in lower case) are keys of their own in
 * the first partition's neighbourhood: "name:<lower>" -> user id. */
#pragma once

#include "state/state.h"

struct account {
    struct slice id; /* "user_" + ULID */
    unsigned partition;
    struct slice username, email, full_name, avatar_url;
    struct slice password_hash; /* PHC text, Argon2id */
    bool is_admin, is_active;
    uint64_t created_ms, updated_ms;
    uint64_t last_login_ms; /* read from the fleeting server; 0: never, or forgotten */
};

enum err account_load(struct task *task, struct state *state, struct slice user_id,
                      struct account *out); /* ERR_NOT_FOUND */
enum err account_find(struct task *task, struct state *state, struct slice name_or_email,
                      struct account *out); /* ERR_NOT_FOUND */

/* Is the user still one of us? Sent and awaited apart, like session_send(). ERR_NOT_FOUND: there is
 * no such account, or it is disabled. */
struct redis_call *account_send_standing(struct state *state, struct arena *arena,
                                         struct slice user_id, unsigned partition);
enum err account_take_standing(struct task *task, struct redis_call *call, bool *is_admin);

/* Fills in id, partition and times; emits user.registered. ERR_CONFLICT: a name is taken. */
enum err account_create(struct task *task, struct state *state, struct account *account);
/* Writes email, full_name, avatar_url and password_hash of `account` over what was loaded as
 * `before`; emits user.updated. ERR_CONFLICT: the e-mail address is taken, or has changed since. */
enum err account_update(struct task *task, struct state *state, const struct account *before,
                        struct account *account);
enum err account_set_password(struct task *task, struct state *state, const struct account *account,
                              struct slice password_hash);
void account_note_login(struct state *state, const struct account *account, uint64_t now_ms);

/* How many accounts exist (of people). */
enum err account_count(struct task *task, struct state *state, uint64_t *out);
