#include "unit.h"

#include "gateway/access/roles.h"

enum { NAMES_MAX = 4 };

#define ACTION_NONE 0u
#define UPLOADS (ACTION_UPLOAD | ACTION_UPLOAD_ANYTIME)
#define COLLECTIONS (ACTION_DOWNLOAD | UPLOADS)

/* "a,b" as role names; they live in `into`. */
static struct role_names names_of(const char *list, struct slice into[NAMES_MAX])
{
    struct slice rest = slice_from(list), name;
    struct role_names names = {into, 0};

    while (rest.n && slice_split(rest, ',', &name, &rest)) {
        assert_true(names.n < NAMES_MAX);
        into[names.n++] = name;
    }
    return names;
}

static void test_every_role_times_every_action(void **state)
{
    static const struct {
        const char *names;
        unsigned actions;
    } rows[] = {
        {"systemAdmin", ACTION_ALL},
        {"userManager", ACTION_PROFILE_VIEW},
        {"usersManager", ACTION_PROFILE_VIEW},
        {"collectionManager", COLLECTIONS},
        {"backupDownloader", ACTION_DOWNLOAD},
        {"backupUploader", ACTION_UPLOAD},
        {"uploadsAnytime", UPLOADS},
        {"backupDownloader,usersManager", ACTION_DOWNLOAD | ACTION_PROFILE_VIEW},
        {"backupUploader,backupUploader", ACTION_UPLOAD},
        {"", ACTION_NONE},
        {"nobody", ACTION_NONE},
        {"nobody,backupUploader", ACTION_UPLOAD},
        {"SystemAdmin", ACTION_NONE},
        {"systemAdmin ", ACTION_NONE},
        {"systemAdmi", ACTION_NONE},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slice into[NAMES_MAX];
        struct subject subject = {.name = SLICE("ann"), .roles = names_of(rows[i].names, into)};

        for (unsigned action = 1; action < ACTION_ALL; action <<= 1)
            if (roles_allow(&subject, action, NULL) != ((rows[i].actions & action) != 0))
                fail_msg("%s, action %x", rows[i].names, action);
    }
}

/* Most rows of the table have no second spelling: a name without letters must not match that. */
static void test_an_empty_name_is_no_role(void **state)
{
    static const struct slice empty[] = {SLICE_INIT(""), {NULL, 0}};

    const struct subject nameless = {.name = SLICE("ann"), .roles = {empty, COUNT_OF(empty)}};

    for (unsigned action = 1; action < ACTION_ALL; action <<= 1)
        assert_false(roles_allow(&nameless, action, NULL));
}

/* One grant as the table writes it: "type:name=roles"; empty: no grant. */
struct one_grant {
    struct slice into[NAMES_MAX];
    struct grant grant;
};

static struct grants grants_of(const char *text, struct one_grant *out)
{
    struct slice type, name, roles;

    if (!*text)
        return (struct grants){NULL, 0};
    slice_split(slice_from(text), ':', &type, &name);
    slice_split(name, '=', &name, &roles);
    out->grant = (struct grant){type, name, names_of(roles.p, out->into)};
    return (struct grants){&out->grant, 1};
}

#define NO_KEY NULL

/* Ann and the collection "db". */
static void test_decisions_on_an_object(void **state)
{
    static const struct {
        const char *own, *access, *key, *scope;
        unsigned allowed;
    } rows[] = {
        /* own roles or the collection's list */
        {"", "", NO_KEY, "", ACTION_NONE},
        {"backupDownloader", "", NO_KEY, "", ACTION_DOWNLOAD},
        {"", "user:ann=backupUploader", NO_KEY, "", ACTION_UPLOAD},
        {"", "user:ann=collectionManager", NO_KEY, "", COLLECTIONS},
        {"", "user:ann=systemAdmin", NO_KEY, "", ACTION_ALL},
        {"backupDownloader", "user:ann=uploadsAnytime", NO_KEY, "", COLLECTIONS},
        {"systemAdmin", "", NO_KEY, "", ACTION_ALL},
        {"", "user:bob=backupUploader", NO_KEY, "", ACTION_NONE},
        {"", "group:ann=backupUploader", NO_KEY, "", ACTION_NONE},
        {"", ":ann=backupUploader", NO_KEY, "", ACTION_NONE},
        {"", "user:=backupUploader", NO_KEY, "", ACTION_NONE},
        {"", "user:Ann=backupUploader", NO_KEY, "", ACTION_NONE},
        {"", "user:ann=nobody", NO_KEY, "", ACTION_NONE},
        /* an access key takes away, and gives nothing */
        {"collectionManager", "", "", "", ACTION_NONE},
        {"collectionManager", "", "collection:db=backupUploader", "", ACTION_UPLOAD},
        {"collectionManager", "", "collection:db=systemAdmin", "", COLLECTIONS},
        {"collectionManager", "", "collection:other=backupUploader", "", ACTION_NONE},
        {"collectionManager", "", "user:db=backupUploader", "", ACTION_NONE},
        {"systemAdmin", "", "collection:other=systemAdmin", "", ACTION_NONE},
        {"", "", "collection:db=systemAdmin", "", ACTION_NONE},
        {"", "user:ann=uploadsAnytime", "collection:db=backupUploader", "", ACTION_UPLOAD},
        /* and so does a scope */
        {"systemAdmin", "", NO_KEY, "collection:db=backupDownloader", ACTION_DOWNLOAD},
        {"systemAdmin", "", NO_KEY, "collection:other=systemAdmin", ACTION_NONE},
        {"systemAdmin", "", NO_KEY, "file:db=systemAdmin", ACTION_NONE},
        {"backupDownloader", "", NO_KEY, "collection:db=systemAdmin", ACTION_DOWNLOAD},
        {"", "", NO_KEY, "collection:db=systemAdmin", ACTION_NONE},
        {"", "user:ann=collectionManager", NO_KEY, "collection:db=uploadsAnytime", UPLOADS},
        /* both must grant */
        {"systemAdmin", "", "collection:db=uploadsAnytime", "collection:db=backupUploader",
         ACTION_UPLOAD},
        {"systemAdmin", "", "collection:db=backupDownloader", "collection:db=backupUploader",
         ACTION_NONE},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slice into[NAMES_MAX];
        struct one_grant access, key, scope;
        struct object object = {SLICE("collection"), SLICE("db"),
                                grants_of(rows[i].access, &access)};
        struct subject subject = {
            .name = SLICE("ann"),
            .roles = names_of(rows[i].own, into),
            .by_key = rows[i].key != NO_KEY,
            .key_objects = grants_of(rows[i].key ? rows[i].key : "", &key),
            .scope = grants_of(rows[i].scope, &scope),
        };

        for (unsigned action = 1; action < ACTION_ALL; action <<= 1)
            if (roles_allow(&subject, action, &object) != ((rows[i].allowed & action) != 0))
                fail_msg("row %zu, action %x", i, action);
    }
}

static void test_several_entries_and_actions_add_up(void **state)
{
    static const struct slice up[] = {SLICE_INIT("backupUploader")};
    static const struct slice down[] = {SLICE_INIT("backupDownloader")};
    const struct grant list[] = {
        {SLICE("user"), SLICE("bob"), {up, 1}},
        {SLICE("user"), SLICE("ann"), {down, 1}},
        {SLICE("user"), SLICE("ann"), {up, 1}},
    };
    struct object object = {SLICE("collection"), SLICE("db"), {list, COUNT_OF(list)}};
    struct subject ann = {.name = SLICE("ann")}, bob = {.name = SLICE("bob")};

    assert_true(roles_allow(&ann, ACTION_UPLOAD | ACTION_DOWNLOAD, &object));
    assert_false(roles_allow(&ann, ACTION_UPLOAD | ACTION_UPLOAD_ANYTIME, &object));
    assert_true(roles_allow(&bob, ACTION_UPLOAD, &object));
    assert_false(roles_allow(&bob, ACTION_UPLOAD | ACTION_DOWNLOAD, &object));
}

/* Entries of older files name their user otherwise, and so arrive without a name. */
static void test_no_name_matches_no_entry(void **state)
{
    static const struct slice up[] = {SLICE_INIT("backupUploader")};
    const struct grant list[] = {{SLICE("user"), SLICE_NONE, {up, 1}}};
    struct object object = {SLICE("collection"), SLICE("db"), {list, 1}};

    assert_false(roles_allow(&(struct subject){.name = SLICE("")}, ACTION_UPLOAD, &object));
}

static void test_without_an_object_only_own_roles_count_and_none_of_a_narrowed_session(void **state)
{
    static const struct slice admin[] = {SLICE_INIT("systemAdmin")};
    static const struct slice down[] = {SLICE_INIT("backupDownloader")};
    const struct grant all = {SLICE("collection"), SLICE("db"), {admin, 1}};
    struct subject raised = {.name = SLICE("ann"),
                             .roles = {down, 1},
                             .by_key = true,
                             .key_objects = {&all, 1},
                             .scope = {&all, 1}};
    struct subject narrowed = {.name = SLICE("ann"), .roles = {admin, 1}, .by_key = true};

    const struct subject whole = {.name = SLICE("ann"), .roles = {admin, 1}};
    struct subject scoped = whole;

    scoped.scope = (struct grants){&all, 1};
    assert_true(roles_allow(&whole, ACTION_ALL, NULL));
    for (unsigned action = 1; action < ACTION_ALL; action <<= 1) {
        assert_false(roles_allow(&raised, action, NULL));
        assert_false(roles_allow(&narrowed, action, NULL));
        assert_false(roles_allow(&scoped, action, NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_role_times_every_action),
        cmocka_unit_test(test_an_empty_name_is_no_role),
        cmocka_unit_test(test_decisions_on_an_object),
        cmocka_unit_test(test_several_entries_and_actions_add_up),
        cmocka_unit_test(test_no_name_matches_no_entry),
        cmocka_unit_test(
            test_without_an_object_only_own_roles_count_and_none_of_a_narrowed_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
