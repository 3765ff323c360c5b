#include "gateway/surfaces/backup_repository/manifest.h"

#include "base/log.h"
#include "gateway/surfaces/backup_repository/manifest_file.h"
#include "gateway/surfaces/backup_repository/manifest_reader.h"
#include "gateway/surfaces/backup_repository/stored/stored_password.h"

#include <string.h>
#include <sys/stat.h>

enum {
    COMPLAINTS = 64, /* of so many files it is known that they were complained about */
};

/* A version of a file that was named in the log. */
struct complaint {
    uint64_t label_hash;
    struct manifest_stamp stamp;
};

/* When something last came into the folders of users and secrets, or left them. */
struct folder_times {
    struct timespec users, secrets;
};

struct manifests {
    struct arena *arena;
    struct slice folder; /* <root>/<namespace> */
    struct password_kinds kinds;
    struct folder_times learnt; /* of when kinds was read */
    bool learning;
    struct complaint complaints[COMPLAINTS];
    size_t next_complaint;
};

/* Our accounts have the first, files that were made with this hub's or the original's command line
 * the second, whether there is one or not. */
static struct password_kinds usual_kinds(void)
{
    return (struct password_kinds){{PASSWORD_KIND_OWN, STORED_PASSWORD_KIND}, 2};
}

struct manifests *manifests_open(struct slice root, struct slice name_space)
{
    struct arena *arena = arena_new();
    struct manifests *manifests = ARENA_NEW(arena, struct manifests);

    manifests->arena = arena;
    manifests->folder = arena_printf(arena, "%.*s/%.*s", SLICE_ARG(root), SLICE_ARG(name_space));
    manifests->kinds = usual_kinds();
    return manifests;
}

void manifests_close(struct manifests *manifests)
{
    if (manifests)
        arena_free(manifests->arena);
}

/* --- parts of both kinds -----------------------------------------------------------------------
 */

/* A look at one manifest and at the secrets that it names; runs on the thread pool, while the
 * arena's owner waits. */
struct look {
    struct manifest_reader reader;
    struct slice folder;
    enum manifest_kind kind;
    struct slice name;
    enum err err;
    struct manifest_file file;
    struct slice secret_problem; /* the manifest is good, but not all that it refers to */
    struct backup_user user;
    struct password_kinds kinds; /* of the user's hashes */
    struct backup_collection collection;
};

static struct role_names read_roles(struct look *look, const struct manifest_node *node)
{
    struct role_names roles;

    roles.names = manifest_texts(&look->reader, node, "roles", &roles.n);
    return roles;
}

static struct grants read_grants(struct look *look, const struct manifest_node *spec,
                                 const char *key)
{
    struct manifest_reader *reader = &look->reader;
    struct manifest_node list = manifest_member(reader, spec, key);
    size_t n = manifest_count(reader, &list);
    struct grant *grants = ARENA_ARRAY(reader->arena, struct grant, n);
    struct grants out = {.list = grants};

    for (size_t i = 0; i < n; i++) {
        struct manifest_node element = manifest_element(reader, &list, i);
        struct grant *grant = &grants[out.n];

        manifest_need_object(reader, &element);
        *grant = (struct grant){
            .type = manifest_text(reader, &element, "type"),
            .name = manifest_text(reader, &element, "name"),
            .roles = read_roles(look, &element),
        };
        out.n += grant->name.n > 0; /* older files say userName, which never had an effect */
    }
    return out;
}

static void complain_of_secret(struct look *look, const struct manifest_node *node,
                               struct slice name, struct slice problem)
{
    if (!look->secret_problem.n)
        look->secret_problem =
            arena_printf(look->reader.arena, "%.*s: the secret \"%.*s\" %.*s",
                         SLICE_ARG(node->path), SLICE_ARG(name), SLICE_ARG(problem));
}

/* {name, entry} of a secret's file. False: there is no such reference; *out stays empty when there
 * is one to nothing. */
static bool read_secret(struct look *look, const struct manifest_node *spec, const char *key,
                        struct slice *out)
{
    struct manifest_reader *reader = &look->reader;
    struct manifest_node node = manifest_member(reader, spec, key);
    struct slice name = manifest_text(reader, &node, "name");
    struct slice entry = manifest_text(reader, &node, "entry");
    struct manifest_file file;

    *out = SLICE_NONE;
    if (!name.n)
        return false;
    enum err err = manifest_file_read(reader->arena, look->folder, MANIFEST_SECRET, name, &file);
    if (err == OK)
        *out = json_get_slice(json_object_get(file.tree, "data"), arena_cstr(reader->arena, entry));
    if (!out->n)
        complain_of_secret(look, &node, name,
                           err == OK              ? SLICE("has no such entry")
                           : err == ERR_NOT_FOUND ? SLICE("does not exist")
                                                  : file.problem);
    return true;
}

/* --- users -------------------------------------------------------------------------------------
 */

static struct slice read_password(struct look *look, const struct manifest_node *node)
{
    struct slice password = manifest_text(&look->reader, node, "password"), secret;

    return read_secret(look, node, "passwordFromRef", &secret) ? secret : password;
}

static void note_kind(struct look *look, const struct manifest_node *node, struct slice stored)
{
    struct slice phc = stored_password_phc(look->reader.arena, stored);

    if (phc.n && !password_kinds_add(&look->kinds, phc))
        manifest_fail(&look->reader, node, "has hashes of too many kinds");
}

static void read_keys(struct look *look, const struct manifest_node *spec)
{
    struct manifest_reader *reader = &look->reader;
    struct backup_user *user = &look->user;
    struct manifest_node list = manifest_member(reader, spec, "accessKeys");

    user->key_count = manifest_count(reader, &list);
    user->keys = ARENA_ARRAY(reader->arena, struct backup_access_key, user->key_count);
    for (size_t i = 0; i < user->key_count; i++) {
        struct manifest_node node = manifest_element(reader, &list, i);

        manifest_need_object(reader, &node);
        user->keys[i] = (struct backup_access_key){
            .name = manifest_text(reader, &node, "name"),
            .password = read_password(look, &node),
            .objects = read_grants(look, &node, "objects"),
        };
        if (!user->keys[i].name.n)
            manifest_fail(reader, &node, "needs a name");
        note_kind(look, &node, user->keys[i].password);
    }
}

static void read_user(struct look *look, const struct manifest_node *spec)
{
    struct manifest_reader *reader = &look->reader;
    struct backup_user *user = &look->user;
    struct manifest_node roles = manifest_member(reader, spec, "roles");

    if (!roles.json)
        manifest_fail(reader, &roles, "is missing");
    *user = (struct backup_user){
        .name = look->name,
        .email = manifest_text(reader, spec, "email"),
        .roles = read_roles(look, spec),
        .password = read_password(look, spec),
        .deactivated = manifest_flag(reader, spec, "deactivated"),
    };
    user->restrict_by_ip =
        manifest_texts(reader, spec, "restrictByIP", &user->restrict_by_ip_count);
    note_kind(look, spec, user->password);
    read_keys(look, spec);
    if (!user->email.n)
        manifest_fail(reader, spec, "needs an email");
}

/* --- collections -------------------------------------------------------------------------------
 */

static void read_windows(struct look *look, const struct manifest_node *spec)
{
    struct manifest_reader *reader = &look->reader;
    struct backup_collection *collection = &look->collection;
    struct manifest_node list = manifest_member(reader, spec, "windows");

    collection->window_count = manifest_count(reader, &list);
    collection->windows =
        ARENA_ARRAY(reader->arena, struct backup_window, collection->window_count);
    for (size_t i = 0; i < collection->window_count; i++) {
        struct manifest_node node = manifest_element(reader, &list, i);

        if (!cron_parse(manifest_text(reader, &node, "from"), &collection->windows[i].from))
            manifest_fail(reader, &node, "needs a cron schedule in `from`");
        if (!duration_parse(manifest_text(reader, &node, "duration"),
                            &collection->windows[i].duration_ms))
            manifest_fail(reader, &node, "needs a `duration` such as 30m or 1h30m");
    }
}

static void read_collection(struct look *look, const struct manifest_node *spec)
{
    struct manifest_reader *reader = &look->reader;
    struct backup_collection *collection = &look->collection;

    *collection = (struct backup_collection){
        .name = look->name,
        .description = manifest_text(reader, spec, "description"),
        .filename_template = manifest_text(reader, spec, "filenameTemplate"),
        .max_backups = manifest_number(reader, spec, "maxBackupsCount"),
        .max_one_version_bytes = manifest_size(reader, spec, "maxOneVersionSize"),
        .max_collection_bytes = manifest_size(reader, spec, "maxCollectionSize"),
        .strategy = manifest_text(reader, spec, "strategyName"),
        .access = read_grants(look, spec, "accessControl"),
    };
    read_windows(look, spec);
    collection->health_secret_missing =
        read_secret(look, spec, "healthSecretRef", &collection->health_secret) &&
        !collection->health_secret.n;
}

/* --- looking -----------------------------------------------------------------------------------
 */

static void look_at(void *arg)
{
    struct look *look = arg;
    struct manifest_node root = {0};

    look->err =
        manifest_file_read(look->reader.arena, look->folder, look->kind, look->name, &look->file);
    look->reader.problem = look->file.problem;
    if (look->err != OK)
        return;
    root.json = look->file.tree;
    struct manifest_node spec = manifest_member(&look->reader, &root, "spec");
    manifest_need_object(&look->reader, &spec);
    if (look->kind == MANIFEST_USER)
        read_user(look, &spec);
    else
        read_collection(look, &spec);
    if (look->reader.problem.n)
        look->err = ERR_INTERNAL;
}

static struct look look_begin(struct arena *arena, const struct manifests *manifests,
                              enum manifest_kind kind, struct slice name)
{
    return (struct look){
        .reader = {.arena = arena}, .folder = manifests->folder, .kind = kind, .name = name};
}

/* --- complaining -------------------------------------------------------------------------------
 */

static uint64_t hash_of(struct slice label)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a, 64 bits */

    for (size_t i = 0; i < label.n; i++)
        hash = (hash ^ (unsigned char)label.p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* NULL: nobody has complained about it since it was last well. */
static struct complaint *complaint_about(struct manifests *manifests, uint64_t label_hash)
{
    for (size_t i = 0; i < COMPLAINTS; i++)
        if (manifests->complaints[i].label_hash == label_hash)
            return &manifests->complaints[i];
    return NULL;
}

static struct slice problem_of(const struct look *look)
{
    struct slice problem = look->reader.problem.n ? look->reader.problem : look->secret_problem;

    return problem.n ? arena_printf(look->reader.arena, "%.*s: %.*s", SLICE_ARG(look->file.label),
                                    SLICE_ARG(problem))
                     : SLICE_NONE;
}

/* Each version of a broken file is named once. */
static void complain(struct manifests *manifests, const struct look *look)
{
    struct complaint now = {hash_of(look->file.label), look->file.stamp};
    struct complaint *known = complaint_about(manifests, now.label_hash);
    struct slice problem = problem_of(look);

    if (!problem.n) {
        if (known)
            *known = (struct complaint){0};
        return;
    }
    if (known && memcmp(&known->stamp, &now.stamp, sizeof now.stamp) == 0)
        return;
    if (!known)
        known = &manifests->complaints[manifests->next_complaint++ % COMPLAINTS];
    *known = now;
    log_event(LOG_ERROR, "manifest_broken", F("problem", problem));
}

/* False: they do not all fit in. */
static bool add_kinds(struct password_kinds *kinds, const struct password_kinds *more)
{
    bool fit = true;

    for (size_t i = 0; i < more->n; i++)
        fit = password_kinds_add_kind(kinds, more->list[i]) && fit;
    return fit;
}

static enum err find(struct task *task, struct manifests *manifests, struct look *look)
{
    task_offload(task, look_at, look);
    if (look->err == OK && !add_kinds(&manifests->kinds, &look->kinds)) {
        look->reader.problem = SLICE("a password hash has memory and passes of one kind too many");
        look->err = ERR_INTERNAL;
    }
    complain(manifests, look);
    return look->err;
}

enum err manifest_user(struct task *task, struct manifests *manifests, struct slice name,
                       struct backup_user *out)
{
    struct look look = look_begin(task->arena, manifests, MANIFEST_USER, name);
    enum err err = find(task, manifests, &look);

    *out = look.user;
    return err;
}

enum err manifest_collection(struct task *task, struct manifests *manifests, struct slice name,
                             struct backup_collection *out)
{
    struct look look = look_begin(task->arena, manifests, MANIFEST_COLLECTION, name);
    enum err err = find(task, manifests, &look);

    *out = look.collection;
    return err;
}

/* --- looking at all ----------------------------------------------------------------------------
 */

struct inspection {
    struct arena *arena; /* of the caller, for what is found */
    struct manifests *manifests;
    struct password_kinds kinds; /* of all users */
    struct slice *problems;
    size_t n, room;
};

static void add_problem(struct inspection *inspection, struct slice problem)
{
    if (inspection->n == inspection->room) {
        struct slice *more = ARENA_ARRAY(inspection->arena, struct slice,
                                         inspection->room = 2 * inspection->room + 8);

        if (inspection->n)
            memcpy(more, inspection->problems, inspection->n * sizeof *more);
        inspection->problems = more;
    }
    inspection->problems[inspection->n++] = arena_dup(inspection->arena, problem);
}

static void inspect_kind(struct inspection *inspection, enum manifest_kind kind, struct arena *each)
{
    struct slice *names;
    size_t n;

    manifest_file_names(inspection->arena, inspection->manifests->folder, kind, &names, &n);
    for (size_t i = 0; i < n; i++) {
        struct look look = look_begin(each, inspection->manifests, kind, names[i]);

        look_at(&look);
        struct slice problem = problem_of(&look);
        if (problem.n)
            add_problem(inspection, problem);
        add_kinds(&inspection->kinds, &look.kinds);
        arena_reset(each);
    }
}

static void inspect_all(void *arg)
{
    struct arena *each = arena_new();

    inspect_kind(arg, MANIFEST_USER, each);
    inspect_kind(arg, MANIFEST_COLLECTION, each);
    arena_free(each);
}

void manifests_inspect(struct task *task, struct manifests *manifests, struct slice **problems,
                       size_t *n)
{
    struct inspection inspection = {.arena = task->arena, .manifests = manifests};

    task_offload(task, inspect_all, &inspection);
    *problems = inspection.problems;
    *n = inspection.n;
}

/* --- kinds of hashes ---------------------------------------------------------------------------
 */

struct lesson {
    struct inspection inspection;
    struct folder_times times;
    bool fresh; /* what is known is what is there */
};

static struct timespec changed_at(struct arena *arena, struct slice folder, enum manifest_kind kind)
{
    struct stat status;
    struct slice path = manifest_file_folder(arena, folder, kind);

    return stat(path.p, &status) == 0 ? status.st_mtim : (struct timespec){0};
}

static void learn(void *arg)
{
    struct lesson *lesson = arg;
    struct manifests *manifests = lesson->inspection.manifests;
    struct arena *each = arena_new();

    lesson->times = (struct folder_times){
        .users = changed_at(each, manifests->folder, MANIFEST_USER),
        .secrets = changed_at(each, manifests->folder, MANIFEST_SECRET),
    };
    lesson->fresh = memcmp(&lesson->times, &manifests->learnt, sizeof lesson->times) == 0;
    if (!lesson->fresh)
        inspect_kind(&lesson->inspection, MANIFEST_USER, each);
    arena_free(each);
}

const struct password_kinds *manifests_password_kinds(struct task *task,
                                                      struct manifests *manifests)
{
    struct lesson lesson = {.inspection = {.arena = task->arena, .manifests = manifests}};

    if (manifests->learning)
        return &manifests->kinds;
    manifests->learning = true;
    task_offload(task, learn, &lesson);
    manifests->learning = false;
    if (lesson.fresh)
        return &manifests->kinds;
    manifests->kinds = usual_kinds();
    add_kinds(&manifests->kinds, &lesson.inspection.kinds);
    manifests->learnt = lesson.times;
    return &manifests->kinds;
}
