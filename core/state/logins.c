#include "state/logins.h"

#include "base/clock.h"
#include "state/account.h"
#include "state/api_key.h"
#include "state/endpoint.h"
#include "state/record.h"

void logins_forget(struct account *account, struct slice kept_family)
{
    uint64_t after_ms = clock_unix_ms() + 1; /* also those of this very millisecond */

    account->logged_out_ms =
        after_ms > account->logged_out_ms ? after_ms : account->logged_out_ms + 1;
    account->kept_family = kept_family;
}

/* Unless there is another logout meanwhile, whose logins are to be ended. */
static enum err note_done(struct task *task, struct state *state, const struct account *account)
{
    struct commit *commit = commit_new(task, state, account->partition);

    commit_allow_full(commit);
    commit_require_field(commit, record_key(task->arena, account), SLICE("logged_out"),
                         record_number(task->arena, account->logged_out_ms));
    commit_write(commit, SLICE("ZREM"), account_logouts_key(task->arena, account->partition),
                 account->id);
    enum err err = commit_send(commit);
    return err == ERR_CONFLICT ? OK : err;
}

static enum err end_before(struct task *task, struct state *state, const struct account *account,
                           uint64_t before_ms, size_t *ended)
{
    size_t revoked = 0;
    enum err err = session_end_families(task, state, account->id, account->partition,
                                        account->kept_family, before_ms, ended);

    if (err == OK)
        err = granted_access_revoke_all(task, state, account->id, account->partition, before_ms,
                                        &revoked);
    *ended += revoked;
    if (err == OK && !account->is_active)
        err = api_key_end_sockets(task, state, account->id, account->partition);
    if (err == OK)
        err = endpoint_follow_owner(task, state, account);
    return err == OK ? note_done(task, state, account) : err;
}

enum err logins_end(struct task *task, struct state *state, const struct account *account,
                    size_t *ended)
{
    struct redis_value noted;
    enum err err = state_command(task, state->durable, &noted, SLICE("ZSCORE"),
                                 account_logouts_key(task->arena, account->partition), account->id);

    *ended = 0;
    if (err != OK || noted.type == REDIS_NIL)
        return err;
    return end_before(task, state, account, UINT64_MAX, ended);
}

static enum err end_left_of(struct task *task, struct state *state, struct slice user_id)
{
    struct account account;
    size_t ended;
    enum err err = account_load(task, state, user_id, &account);

    if (err == OK)
        err = end_before(task, state, &account, account.logged_out_ms, &ended);
    /* An account that is gone, or damaged, must not keep the others'. */
    return err == ERR_NOT_FOUND || err == ERR_INTERNAL ? OK : err;
}

enum err logins_end_left(struct task *task, struct state *state, uint64_t now_ms)
{
    struct slice until = record_number(task->arena, now_ms - LOGINS_LEFT_MS);
    enum err err = OK;

    for (unsigned p = 0; p < state->partitions && err == OK; p++) {
        struct redis_value ids;

        err = state_command(task, state->durable, &ids, SLICE("ZRANGEBYSCORE"),
                            account_logouts_key(task->arena, p), SLICE("-inf"), until,
                            SLICE("LIMIT"), SLICE("0"), SLICE("100"));
        for (size_t i = 0; err == OK && i < ids.n; i++)
            err = end_left_of(task, state, ids.items[i].text);
    }
    return err;
}

/* The family lives as long as its newest refresh token, which came with its newest session. */
static uint64_t family_expiry_ms(const struct family *family)
{
    uint64_t newest_ms = 0, ms;

    for (size_t i = 0; i < family->session_count; i++)
        if (slice_to_u64(family->sessions[i].value, &ms) && ms > newest_ms)
            newest_ms = ms;
    return newest_ms + (REFRESH_LIFE_S - SESSION_LIFE_S) * UINT64_C(1000);
}

static struct login of_family(const struct family *family)
{
    return (struct login){.surface = SLICE("mediavault"),
                          .id = family->id,
                          .address = family->address,
                          .client = family->client,
                          .created_ms = family->created_ms,
                          .expires_ms = family_expiry_ms(family)};
}

static struct login of_access(const struct granted_access *access)
{
    return (struct login){.surface = SLICE("backup_repository"),
                          .id = access->id,
                          .address = access->requester_ip,
                          .client = access->access_key,
                          .created_ms = access->created_ms,
                          .expires_ms = access->expires_ms};
}

enum err logins_list(struct task *task, struct state *state, const struct account *account,
                     struct login **out, size_t *n)
{
    struct granted_access *accesses = NULL;
    struct family *families = NULL;
    size_t family_count = 0, access_count = 0;
    enum err err =
        session_families(task, state, account->id, account->partition, &families, &family_count);

    if (err == OK)
        err = granted_access_list(task, state, account->id, account->partition, &accesses,
                                  &access_count);
    *n = 0;
    if (err != OK)
        return err;
    *out = ARENA_ARRAY(task->arena, struct login, family_count + access_count);
    for (size_t i = 0; i < family_count; i++)
        (*out)[(*n)++] = of_family(&families[i]);
    for (size_t i = 0; i < access_count; i++)
        if (granted_access_holds(&accesses[i], clock_unix_ms()))
            (*out)[(*n)++] = of_access(&accesses[i]);
    return OK;
}
