#include "gateway/surfaces/backup_repository/people.h"

#include "gateway/gateway.h"
#include "gateway/surfaces/backup_repository/files.h"
#include "gateway/surfaces/backup_repository/stored/stored_password.h"
#include "state/account.h"
#include "state/id.h"

static const struct slice admin_roles[] = {SLICE_INIT("systemAdmin")};

/* Users of files and accounts are different people, also where they have the same name. */
struct slice backup_user_id(struct arena *arena, struct slice name)
{
    return id_of_name(arena, SLICE("user_"), BACKUP_PARTITION,
                      arena_printf(arena, "BackupUser %.*s", SLICE_ARG(name)));
}

static void from_file(struct arena *arena, const struct backup_user *user,
                      struct backup_person *out)
{
    *out = (struct backup_person){
        .login = user->name,
        .user_id = backup_user_id(arena, user->name),
        .partition = BACKUP_PARTITION,
        .email = user->email,
        .roles = user->roles,
        .password = stored_password_phc(arena, user->password),
        .keys = user->keys,
        .key_count = user->key_count,
        .deactivated = user->deactivated,
        .addresses = user->restrict_by_ip,
        .address_count = user->restrict_by_ip_count,
    };
}

static void from_account(const struct account *account, struct backup_person *out)
{
    *out = (struct backup_person){
        .login = account->username,
        .user_id = account->id,
        .partition = account->partition,
        .email = account->email,
        .roles = {admin_roles, account->is_admin},
        .password = account->password_hash,
        .deactivated = !account->is_active,
        .logged_out_ms = account->logged_out_ms,
    };
}

enum err backup_person_find(struct task *task, struct gateway *gateway, struct slice name,
                            struct backup_person *out)
{
    struct backup_user user;
    struct account account;
    enum err err = manifest_user(task, backup_manifests(gateway), name, &user);

    if (err == OK) {
        from_file(task->arena, &user, out);
        return OK;
    }
    if (err != ERR_NOT_FOUND)
        return err;
    err = account_find(task, gateway->state, name, &account);
    if (err == OK)
        from_account(&account, out);
    return err;
}

const struct backup_access_key *backup_person_key(const struct backup_person *person,
                                                  struct slice name)
{
    for (size_t i = 0; i < person->key_count; i++)
        if (slice_eq(person->keys[i].name, name))
            return &person->keys[i];
    return NULL;
}
