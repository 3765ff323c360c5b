/* Users and collections in files: what is read, what is refused and how that is said, and that one
 * broken file is nobody else's trouble. */
#include "scratch.h"

#include "gateway/surfaces/backup_repository/manifest.h"

#define V1ALPHA1 "team/backups.riotkit.org/v1alpha1"
#define USERS V1ALPHA1 "/backupusers"
#define COLLECTIONS V1ALPHA1 "/backupcollections"
#define SECRETS "team/v1/secrets"
#define HEAD(kind, name)                                                                           \
    "apiVersion: backups.riotkit.org/v1alpha1\nkind: " kind "\nmetadata: {name: " name "}\nspec:"  \
    "\n"
#define EVE_WITH(more)                                                                             \
    HEAD("BackupUser", "eve")                                                                      \
    "  email: eve@example.org\n  roles: [collectionManager]\n" more
#define DAILY_WITH(more) HEAD("BackupCollection", "daily") "  description: d\n" more
#define SECRET                                                                                     \
    "apiVersion: v1\nkind: Secret\nmetadata: {name: team}\ndata: {eve: from-the-secret}\n"

static struct manifests *manifests;

static int set_up(void **state)
{
    static const char *const folders[] = {
        "team", "team/backups.riotkit.org", V1ALPHA1, USERS, COLLECTIONS, "team/v1", SECRETS};

    if (scratch_setup(state) != 0)
        return -1;
    for (size_t i = 0; i < COUNT_OF(folders); i++)
        assert_int_equal(mkdir(scratch_path(folders[i]), 0700), 0);
    manifests = manifests_open(slice_from(scratch), SLICE("team"));
    return 0;
}

static int tear_down(void **state)
{
    manifests_close(manifests);
    return scratch_teardown(state);
}

static void put(const char *path, struct slice content)
{
    scratch_write(path, content, 0);
}

static void drop(const char *path)
{
    assert_int_equal(remove(scratch_path(path)), 0);
}

static enum err read_user(struct task *task, const char *name, struct backup_user *out)
{
    return manifest_user(task, manifests, slice_from(name), out);
}

/* The only problem that there is; empty: none. */
static struct slice problem(struct task *task)
{
    struct slice *problems;
    size_t n;

    manifests_inspect(task, manifests, &problems, &n);
    assert_true(n <= 1);
    return n ? problems[0] : SLICE("");
}

static bool mentions(struct slice text, const char *part)
{
    return memmem(text.p, text.n, part, strlen(part)) != NULL;
}

static void run(task_fn *fn)
{
    run_on_fiber(fn, NULL);
}

/* --- users -------------------------------------------------------------------------------------
 */

static void read_whole_user(struct task *task, void *arg)
{
    struct backup_user eve;

    put(SECRETS "/team.yaml", SLICE(SECRET));
    put(USERS "/eve.yaml",
        SLICE(EVE_WITH("  password: of-the-file\n"
                       "  deactivated: true\n"
                       "  restrictByIP: [192.0.2.1, \"::1\"]\n"
                       "  about: whatever\n"
                       "  accessKeys:\n"
                       "  - name: box\n"
                       "    password: of-the-key\n"
                       "    passwordFromRef: {name: team, entry: eve}\n"
                       "    objects: [{name: daily, type: collection, roles: [backupUploader]}]\n"
                       "  - {name: bare}\n")));
    assert_int_equal(read_user(task, "eve", &eve), OK);
    assert_true(slice_eq(eve.name, SLICE("eve")) && slice_eq(eve.email, SLICE("eve@example.org")));
    assert_true(eve.roles.n == 1 && slice_eq(eve.roles.names[0], SLICE("collectionManager")));
    assert_true(slice_eq(eve.password, SLICE("of-the-file")) && eve.deactivated);
    assert_true(eve.restrict_by_ip_count == 2 && slice_eq(eve.restrict_by_ip[1], SLICE("::1")));
    assert_int_equal(eve.key_count, 2);
    assert_true(slice_eq(eve.keys[0].password, SLICE("from-the-secret")));
    assert_true(eve.keys[0].objects.n == 1);
    assert_true(slice_eq(eve.keys[0].objects.list[0].name, SLICE("daily")));
    assert_true(eve.keys[1].password.n == 0 && eve.keys[1].objects.n == 0);
    assert_int_equal(problem(task).n, 0);

    put(USERS "/eve.yaml", SLICE(EVE_WITH("  password: of-the-file\n"
                                          "  passwordFromRef: {name: team, entry: eve}\n")));
    assert_int_equal(read_user(task, "eve", &eve), OK);
    assert_true(slice_eq(eve.password, SLICE("from-the-secret")));
    put(SECRETS "/team.yaml",
        SLICE("apiVersion: v1\nkind: Secret\nmetadata: {name: team}\ndata: {eve: newer}\n"));
    assert_int_equal(read_user(task, "eve", &eve), OK);
    assert_true(slice_eq(eve.password, SLICE("newer")));

    put(USERS "/eve.yaml", SLICE(EVE_WITH("")));
    assert_int_equal(read_user(task, "eve", &eve), OK);
    assert_true(eve.password.n == 0 && !eve.deactivated && eve.key_count == 0);
    drop(USERS "/eve.yaml");
    assert_int_equal(read_user(task, "eve", &eve), ERR_NOT_FOUND);
}

static void test_a_user(void **state)
{
    run(read_whole_user);
}

static void lose_secrets(struct task *task, void *arg)
{
    static const struct {
        const char *reference, *said;
    } rows[] = {
        {"{name: none, entry: eve}", "the secret \"none\" does not exist"},
        {"{name: team, entry: bob}", "the secret \"team\" has no such entry"},
        {"{name: ../team, entry: eve}", "the secret \"../team\" does not exist"},
        {"{name: bad, entry: eve}", "the secret \"bad\" kind must be Secret"},
    };
    struct backup_user eve;

    put(SECRETS "/team.yaml", SLICE(SECRET));
    put(SECRETS "/bad.yaml", SLICE("apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\n"));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        put(USERS "/eve.yaml",
            arena_printf(task->arena, EVE_WITH("  password: abc\n  passwordFromRef: %s\n"),
                         rows[i].reference));
        /* The user is there, and nobody knows the password. */
        assert_int_equal(read_user(task, "eve", &eve), OK);
        assert_int_equal(eve.password.n, 0);
        assert_true(mentions(problem(task), "backupusers/eve.yaml: spec.passwordFromRef: "));
        assert_true(mentions(problem(task), rows[i].said));
    }
    drop(USERS "/eve.yaml");
}

static void test_secrets_that_are_missing(void **state)
{
    run(lose_secrets);
}

/* --- what is broken ----------------------------------------------------------------------------
 */

static void read_broken_users(struct task *task, void *arg)
{
    static const struct {
        struct slice content;
        const char *said;
    } rows[] = {
        {SLICE_INIT(""), ""},
        {SLICE_INIT("a: [\n"), "line "},
        {SLICE_INIT("- a\n"), "apiVersion must be"},
        {SLICE_INIT("a: 1\na: 2\n"), "line 2"},
        {SLICE_INIT("a: 1\n---\nb: 2\n"), "line "},
        {SLICE_INIT("a: \"\xff\"\n"), ""},
        {SLICE_INIT("a: &a [x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
                    "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\n"
                    "d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]\n"
                    "e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]\n"
                    "f: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e]\n"),
         "more values"},
        {SLICE_INIT("kind: BackupUser\n"), "apiVersion must be"},
        {SLICE_INIT("apiVersion: v1\nkind: BackupUser\nmetadata: {name: eve}\n"),
         "apiVersion must be"},
        {SLICE_INIT("apiVersion: backups.riotkit.org/v1alpha1\nkind: BackupUser\nspec: {}\n"),
         "metadata.name must be"},
        {SLICE_INIT(HEAD("BackupCollection", "eve")), "kind must be BackupUser"},
        {SLICE_INIT(HEAD("BackupUser", "bob")), "metadata.name must be"},
        {SLICE_INIT(HEAD("BackupUser", "eve") "  []\n"), "spec must be a map"},
        {SLICE_INIT(HEAD("BackupUser", "eve") "  email: e@example.org\n"), "spec.roles is missing"},
        {SLICE_INIT(HEAD("BackupUser", "eve") "  roles: []\n"), "spec needs an email"},
        {SLICE_INIT(HEAD("BackupUser", "eve") "  {email: e, roles: admin}\n"),
         "spec.roles must be a list"},
        {SLICE_INIT(HEAD("BackupUser", "eve") "  {email: e, roles: [[a]]}\n"),
         "spec.roles[0] must be a text"},
        {SLICE_INIT(EVE_WITH("  password: 12345\n")), "spec.password must be a text"},
        {SLICE_INIT(EVE_WITH("  deactivated: maybe\n")), "spec.deactivated must be true or false"},
        {SLICE_INIT(EVE_WITH("  accessKeys: [box]\n")), "spec.accessKeys[0] must be a map"},
        {SLICE_INIT(EVE_WITH("  accessKeys: [{password: x}]\n")),
         "spec.accessKeys[0] needs a name"},
        {SLICE_INIT(EVE_WITH("  accessKeys: [{name: x, objects: [{roles: 1}]}]\n")),
         "spec.accessKeys[0].objects[0].roles must be a list"},
    };
    struct backup_user user;

    put(USERS "/good.yaml", SLICE(HEAD("BackupUser", "good") "  {email: g, roles: []}\n"));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        put(USERS "/eve.yaml", rows[i].content);
        assert_int_equal(read_user(task, "eve", &user), ERR_INTERNAL);
        assert_true(mentions(problem(task), "backupusers/eve.yaml: "));
        assert_true(mentions(problem(task), rows[i].said));
        assert_int_equal(read_user(task, "good", &user), OK);
    }
    drop(USERS "/eve.yaml");
}

static void test_broken_users(void **state)
{
    run(read_broken_users);
}

static struct slice repeated(struct arena *arena, const char *before, char c, size_t n)
{
    char *text = arena_alloc(arena, n);

    memset(text, c, n);
    return arena_printf(arena, "%s%.*s\n", before, (int)n, text);
}

static void read_what_is_no_file(struct task *task, void *arg)
{
    const char *path = USERS "/eve.yaml";
    struct backup_user user;

    put(path, repeated(task->arena, "# ", 'x', 256 << 10));
    assert_int_equal(read_user(task, "eve", &user), ERR_INTERNAL);
    assert_true(mentions(problem(task), "larger than 256 KiB"));
    /* Up to its bound it is read, and then understood. */
    put(path, arena_printf(task->arena, EVE_WITH("") "%.*s",
                           SLICE_ARG(repeated(task->arena, "# ", 'x', (256 << 10) - 256))));
    assert_int_equal(read_user(task, "eve", &user), OK);
    put(path, repeated(task->arena, "a: ", '[', 800));
    assert_int_equal(read_user(task, "eve", &user), ERR_INTERNAL);
    drop(path);

    assert_int_equal(mkdir(scratch_path(path), 0700), 0);
    assert_int_equal(read_user(task, "eve", &user), ERR_INTERNAL);
    assert_true(mentions(problem(task), "no regular file"));
    drop(path);
    assert_int_equal(symlink("/dev/zero", scratch_path(path)), 0);
    assert_int_equal(read_user(task, "eve", &user), ERR_INTERNAL);
    assert_true(mentions(problem(task), "no regular file"));
    drop(path);
    assert_int_equal(mkfifo(scratch_path(path), 0600), 0); /* nobody writes: it must not wait */
    assert_int_equal(read_user(task, "eve", &user), ERR_INTERNAL);
    drop(path);
    assert_int_equal(symlink("eve.yaml", scratch_path(path)), 0);
    assert_int_equal(read_user(task, "eve", &user), ERR_INTERNAL);
    assert_true(mentions(problem(task), "cannot be opened"));
    drop(path);

    /* A link to a file is as good as the file: that is how mounted folders look. */
    put(USERS "/eve.other", SLICE(EVE_WITH("")));
    assert_int_equal(symlink("eve.other", scratch_path(path)), 0);
    assert_int_equal(read_user(task, "eve", &user), OK);
    drop(path);
}

static void test_what_is_no_file(void **state)
{
    run(read_what_is_no_file);
}

static void read_by_tricky_names(struct task *task, void *arg)
{
    static const struct slice names[] = {
        SLICE_INIT(""),         SLICE_INIT("."),      SLICE_INIT(".."),
        SLICE_INIT(".eve"),     SLICE_INIT("../eve"), SLICE_INIT("a/../eve"),
        SLICE_INIT("/eve"),     SLICE_INIT("eve/"),   SLICE_INIT("eve\0"),
        SLICE_INIT("eve\n"),    SLICE_INIT("e ve"),   SLICE_INIT("%65ve"),
        SLICE_INIT("eve.yaml"), SLICE_INIT("EVE"),    SLICE_INIT("\xc3\xa9ve"),
        SLICE_INIT("eve\0b"),   SLICE_INIT("a/b"),    SLICE_INIT("..\\eve"),
    };
    struct backup_user user;
    struct slice longest = repeated(task->arena, "", 'e', 300);

    put(USERS "/eve.yaml", SLICE(EVE_WITH("")));
    put(USERS "/.eve.yaml", SLICE(EVE_WITH("")));
    for (size_t i = 0; i < COUNT_OF(names); i++)
        assert_int_equal(manifest_user(task, manifests, names[i], &user), ERR_NOT_FOUND);
    /* No file system has a file of a longer name than 255, with its suffix, and that is no fault.
     */
    for (longest.n = 240; longest.n < 300; longest.n++)
        assert_int_equal(manifest_user(task, manifests, longest, &user), ERR_NOT_FOUND);
    longest.n = 250;
    const char *path = arena_printf(task->arena, USERS "/%.*s.yaml", SLICE_ARG(longest)).p;
    put(path, arena_printf(task->arena, HEAD("BackupUser", "%.*s") "  {email: e, roles: []}\n",
                           SLICE_ARG(longest)));
    assert_int_equal(manifest_user(task, manifests, longest, &user), OK);
    drop(path);
    assert_int_equal(read_user(task, "eve", &user), OK);
    drop(USERS "/eve.yaml");
    drop(USERS "/.eve.yaml");
}

static void test_tricky_names(void **state)
{
    run(read_by_tricky_names);
}

/* --- collections -------------------------------------------------------------------------------
 */

static void read_whole_collection(struct task *task, void *arg)
{
    struct backup_collection daily;

    put(SECRETS "/team.yaml", SLICE(SECRET));
    put(COLLECTIONS "/daily.yaml",
        SLICE(DAILY_WITH("  filenameTemplate: daily-${version}.asc\n"
                         "  maxBackupsCount: 5\n"
                         "  maxOneVersionSize: 1M\n"
                         "  maxCollectionSize: 5000000\n"
                         "  windows: [{from: \"*/30 * * * *\", duration: 30m}]\n"
                         "  strategyName: fifo\n"
                         "  strategySpec: {}\n"
                         "  healthSecretRef: {name: team, entry: eve}\n"
                         "  accessControl:\n"
                         "  - {name: eve, type: user, roles: [backupUploader]}\n"
                         "  - {userName: old, type: user, roles: [systemAdmin]}\n")));
    assert_int_equal(manifest_collection(task, manifests, SLICE("daily"), &daily), OK);
    assert_true(daily.max_backups == 5 && daily.max_one_version_bytes == 1 << 20);
    assert_true(daily.max_collection_bytes == 5000000);
    assert_true(daily.window_count == 1 && daily.windows[0].duration_ms == 30 * 60 * 1000);
    assert_true(slice_eq(daily.strategy, SLICE("fifo")));
    assert_true(slice_eq(daily.health_secret, SLICE("from-the-secret")));
    assert_false(daily.health_secret_missing);
    assert_true(daily.access.n == 1 && slice_eq(daily.access.list[0].name, SLICE("eve")));

    put(COLLECTIONS "/daily.yaml",
        SLICE(DAILY_WITH("  healthSecretRef: {name: none, entry: x}\n")));
    assert_int_equal(manifest_collection(task, manifests, SLICE("daily"), &daily), OK);
    assert_true(daily.health_secret.n == 0 && daily.health_secret_missing);
    put(COLLECTIONS "/daily.yaml", SLICE(DAILY_WITH("  healthSecretRef: {name: \"\"}\n")));
    assert_int_equal(manifest_collection(task, manifests, SLICE("daily"), &daily), OK);
    assert_false(daily.health_secret_missing);
    drop(COLLECTIONS "/daily.yaml");
}

static void test_a_collection(void **state)
{
    run(read_whole_collection);
}

static void read_broken_collections(struct task *task, void *arg)
{
    static const struct {
        struct slice content;
        const char *said;
    } rows[] = {
        {SLICE_INIT(DAILY_WITH("  maxBackupsCount: -1\n")), "spec.maxBackupsCount must be a whole"},
        {SLICE_INIT(DAILY_WITH("  maxBackupsCount: 1.5\n")),
         "spec.maxBackupsCount must be a whole"},
        {SLICE_INIT(DAILY_WITH("  maxOneVersionSize: big\n")),
         "spec.maxOneVersionSize must be a size"},
        {SLICE_INIT(DAILY_WITH("  maxCollectionSize: -5\n")), "spec.maxCollectionSize must be"},
        {SLICE_INIT(DAILY_WITH("  windows: {}\n")), "spec.windows must be a list"},
        {SLICE_INIT(DAILY_WITH("  windows: [{from: \"60 * * * *\", duration: 1h}]\n")),
         "spec.windows[0] needs a cron schedule"},
        {SLICE_INIT(DAILY_WITH("  windows: [{from: \"* * * * *\"}]\n")),
         "spec.windows[0] needs a `duration`"},
        {SLICE_INIT(
             DAILY_WITH("  windows: [{from: \"* * * * *\", duration: 1h}, {from: \"* * * * *\", "
                        "duration: soon}]\n")),
         "spec.windows[1] needs a `duration`"},
        {SLICE_INIT(DAILY_WITH("  maxOneVersionSize: 99E\n")),
         "spec.maxOneVersionSize must be a size"},
        {SLICE_INIT(DAILY_WITH("  strategyName: 7\n")), "spec.strategyName must be a text"},
        {SLICE_INIT(DAILY_WITH("  accessControl: [eve]\n")), "spec.accessControl[0] must be a map"},
    };
    struct backup_collection daily;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        put(COLLECTIONS "/daily.yaml", rows[i].content);
        assert_int_equal(manifest_collection(task, manifests, SLICE("daily"), &daily),
                         ERR_INTERNAL);
        assert_true(mentions(problem(task), "backupcollections/daily.yaml: "));
        assert_true(mentions(problem(task), rows[i].said));
    }
    drop(COLLECTIONS "/daily.yaml");
}

static void test_broken_collections(void **state)
{
    run(read_broken_collections);
}

/* --- all of them -------------------------------------------------------------------------------
 */

static void check_many(struct task *task, void *arg)
{
    enum { GOOD = 200, BAD = 20 };
    struct slice *problems;
    size_t n;

    for (int i = 0; i < GOOD + BAD; i++) {
        const char *path = arena_printf(task->arena, USERS "/u%d.yaml", i).p;

        put(path, i < BAD ? SLICE("[")
                          : arena_printf(task->arena,
                                         HEAD("BackupUser", "u%d") "  {email: e, roles: []}\n", i));
    }
    put(USERS "/notes.txt", SLICE("["));
    manifests_inspect(task, manifests, &problems, &n);
    assert_int_equal(n, BAD);
    for (int i = 0; i < BAD; i++) {
        const char *label = arena_printf(task->arena, "backupusers/u%d.yaml: ", i).p;
        size_t named = 0;

        for (size_t k = 0; k < n; k++)
            named += slice_starts_with(problems[k], slice_from(label));
        assert_int_equal(named, 1);
    }
    put(COLLECTIONS "/daily.yaml", SLICE("["));
    manifests_inspect(task, manifests, &problems, &n);
    assert_int_equal(n, BAD + 1);
    drop(COLLECTIONS "/daily.yaml");
    for (int i = 0; i < GOOD + BAD; i++)
        drop(arena_printf(task->arena, USERS "/u%d.yaml", i).p);
    manifests_inspect(task, manifests, &problems, &n);
    assert_int_equal(n, 0);

    /* Where there is no folder there is nobody, and nothing wrong. */
    struct manifests *none = manifests_open(SLICE("/nonexistent"), SLICE("team"));
    struct backup_user user;
    manifests_inspect(task, none, &problems, &n);
    assert_int_equal(n, 0);
    assert_int_equal(manifest_user(task, none, SLICE("eve"), &user), ERR_NOT_FOUND);
    manifests_close(none);
}

static void test_all_of_them(void **state)
{
    run(check_many);
}

/* The folder that operators start from. Tests run at the root of the sources. */
static void read_examples(struct task *task, void *arg)
{
    static const struct {
        const char *name, *email;
        size_t roles, keys;
    } rows[] = {
        {"admin", "riotkit@riseup.net", 3, 0},
        {"some-user", "user@riseup.net", 1, 1},
        {"unprivileged", "unprivileged@example.org", 0, 0},
    };
    struct manifests *examples =
        manifests_open(SLICE("examples/backup-repository"), SLICE("backup-repository"));
    struct backup_collection collection;
    struct slice *problems;
    size_t n;

    manifests_inspect(task, examples, &problems, &n);
    assert_int_equal(n, 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct backup_user user;

        assert_int_equal(manifest_user(task, examples, slice_from(rows[i].name), &user), OK);
        assert_true(slice_eq(user.email, slice_from(rows[i].email)));
        assert_int_equal(user.roles.n, rows[i].roles);
        assert_int_equal(user.key_count, rows[i].keys);
        assert_true(user.password.n > 0 && !user.deactivated);
        if (user.key_count) {
            assert_true(slice_eq(user.keys[0].name, SLICE("uploader")));
            assert_true(user.keys[0].password.n > 0);
            assert_false(slice_eq(user.keys[0].password, user.password));
            assert_true(slice_eq(user.keys[0].objects.list[0].name, SLICE("iwa-ait")));
        }
    }
    assert_int_equal(manifest_collection(task, examples, SLICE("iwa-ait"), &collection), OK);
    assert_true(collection.max_one_version_bytes == 1 << 30 && collection.health_secret.n == 64);
    manifests_close(examples);
}

static void test_the_examples(void **state)
{
    run(read_examples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_user),
        cmocka_unit_test(test_secrets_that_are_missing),
        cmocka_unit_test(test_broken_users),
        cmocka_unit_test(test_what_is_no_file),
        cmocka_unit_test(test_tricky_names),
        cmocka_unit_test(test_a_collection),
        cmocka_unit_test(test_broken_collections),
        cmocka_unit_test(test_all_of_them),
        cmocka_unit_test(test_the_examples),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
