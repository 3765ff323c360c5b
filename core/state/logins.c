#include "state/logins.h"

#include "base/clock.h"

void logins_forget(struct account *account, struct slice kept_family)
{
    account->logged_out_ms = clock_unix_ms() + 1; /* also those of this very millisecond */
    account->kept_family = kept_family;
}

enum err logins_end(struct task *task, struct state *state, const struct account *account,
                    size_t *ended)
{
    size_t revoked = 0;
    enum err err = session_end_families(task, state, account->id, account->partition,
                                        account->kept_family, ended);

    if (err == OK)
        err = granted_access_revoke_all(task, state, account->id, account->partition, &revoked);
    *ended += revoked;
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
