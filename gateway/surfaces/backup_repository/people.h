/* people.h: who can log in at the Backup Repository: the users written in files (manifest.h) and,
 * behind them, the hub's own accounts: an admin is a systemAdmin, anybody else has no role but what
 * a collection's accessControl gives them by name. A name that has a file is that file's, even if
 * it is broken. */
#pragma once

#include "gateway/surfaces/backup_repository/manifest.h"
#include "state/backup_version.h"

struct gateway;

struct backup_person {
    struct slice login;
    struct slice user_id; /* of the account, or made of the name */
    unsigned partition;
    struct slice email;
    struct role_names roles;
    struct slice password; /* PHC text; empty: there is none that fits */
    const struct backup_access_key *keys;
    size_t key_count;
    bool deactivated;
    uint64_t logged_out_ms; /* sessions from before are over */
    const struct slice
        *addresses; /* from where alone, if backup.restrict_by_ip is on; may be empty */
    size_t address_count;
};

/* Suspends. ERR_NOT_FOUND; ERR_INTERNAL: their file is broken. */
enum err backup_person_find(struct task *task, struct gateway *gateway, struct slice name,
                            struct backup_person *out);

/* The id of a user with a file of this name. */
struct slice backup_user_id(struct arena *arena, struct slice name);

const struct backup_access_key *backup_person_key(const struct backup_person *person,
                                                  struct slice name); /* NULL: none */
