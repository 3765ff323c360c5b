/* manifest.h: users and collections that operators write in files, in the shape of Kubernetes
 * objects:
 * <root>/<namespace>/backups.riotkit.org/v1alpha1/{backupusers,backupcollections}/NAME.yaml, and
 * secrets in <root>/<namespace>/v1/secrets/NAME.yaml. Read anew whenever a file has changed; a
 * broken file is named in the log, grants nothing, and leaves all others alone. Knows files and
 * meanings; must not know HTTP or Redis. */
#pragma once

#include "base/cron.h"
#include "base/err.h"
#include "base/password.h"
#include "base/task.h"
#include "gateway/access/roles.h"

struct manifests;

/* The folders may be missing: then there is nobody. */
struct manifests *manifests_open(struct slice root, struct slice name_space);
void manifests_close(struct manifests *manifests); /* NULL is allowed */

struct backup_access_key {
    struct slice name, password; /* as stored; empty: none, or its secret is missing */
    struct grants objects;
};

struct backup_user {
    struct slice name, email;
    struct role_names roles;
    struct slice password; /* as stored; empty: none, or its secret is missing */
    bool deactivated;
    struct backup_access_key *keys;
    size_t key_count;
    const struct slice *restrict_by_ip;
    size_t restrict_by_ip_count;
};

struct backup_window {
    struct cron from;
    uint64_t duration_ms;
};

struct backup_collection {
    struct slice name, description, filename_template;
    uint64_t max_backups, max_one_version_bytes, max_collection_bytes; /* 0: no bound */
    struct backup_window *windows;
    size_t window_count;
    struct slice strategy;
    struct slice health_secret; /* hexadecimal SHA-256 of the code; empty: no code is asked for */
    bool health_secret_missing; /* one is asked for, and nobody can have it */
    struct grants access;
};

/* Copies in task->arena. Suspend. ERR_NOT_FOUND: there is no such file, or this is no name of one.
 * ERR_INTERNAL: the file is broken. */
enum err manifest_user(struct task *task, struct manifests *manifests, struct slice name,
                       struct backup_user *out);
enum err manifest_collection(struct task *task, struct manifests *manifests, struct slice name,
                             struct backup_collection *out);

/* Reads every file that is there: one line for each broken one ("backupusers/eve.yaml: line 3,
 * column 1: ..."). Suspends. */
void manifests_inspect(struct task *task, struct manifests *manifests, struct slice **problems,
                       size_t *n);

/* The kinds of hashes that a login may meet here, of all users and access keys and of the hub's own
 * accounts. Every login computes them all, so that its time tells nothing about a name. Read anew
 * when files have come or gone; one that is changed in place adds its kind when it is next read. A
 * hash of one kind too many (PASSWORD_KINDS_MAX) makes its user's file a broken one. Suspends. */
const struct password_kinds *manifests_password_kinds(struct task *task,
                                                      struct manifests *manifests);
