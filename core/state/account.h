/* account.h: users of the hub and their passwords. The record is `account` in schemas/records.yaml,
 * in its owner's partition. The two unique names of an account (user name, e-mail, compared in
 * lower case) are keys of their own in the first partition's neighbourhood: "name:<lower>" ->
 * user id. */
#pragma once

#include "records.h"

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

/* Loads the account, has fn change it (anything but id, partition, names of login and times), and
 * saves it with a new updated_ms; emits user.updated. fn is called again on the newer record when
 * somebody else was faster, so that both changes hold; its error ends the change. ERR_CONFLICT: the
 * new e-mail address is taken. ERR_OVERTAKEN: others were faster again and again. */
typedef enum err account_change_fn(struct account *now, void *arg);
enum err account_change(struct task *task, struct state *state, struct slice user_id,
                        account_change_fn *fn, void *arg, struct account *out);

/* Accounts by creation, newest first, over all partitions; limit <= ACCOUNT_PAGE_MAX. *total: how
 * many there are. */
enum { ACCOUNT_PAGE_MAX = 100 };
enum err account_list(struct task *task, struct state *state, uint64_t skip, uint64_t limit,
                      struct account **out, size_t *n, uint64_t *total);

/* The accounts of a partition whose logins are to be ended (logins.h): a sorted set by
 * logged_out_ms, which account_change() adds to when that is new. */
struct slice account_logouts_key(struct arena *arena, unsigned partition);

void account_note_login(struct state *state, const struct account *account, uint64_t now_ms);

/* At most `most` ids from the place `skip` on, in the order of their creation. */
enum err account_ids(struct task *task, struct state *state, unsigned partition, uint64_t skip,
                     size_t most, struct slice **out, size_t *n);
/* How many accounts exist (of people). */
enum err account_count(struct task *task, struct state *state, uint64_t *out);
