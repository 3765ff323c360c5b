/* Accounts and their two unique names, against a real server. */
#include "state_fixture.h"

#include "state/account.h"

static struct account made(struct task *task, struct state *state, struct slice username,
                           struct slice email)
{
    struct account account = {.username = username,
                              .email = email,
                              .is_active = true,
                              .password_hash = SLICE("$argon2id$x")};

    assert_int_equal(account_create(task, state, &account), OK);
    return account;
}

static void names(struct task *task, struct state *state)
{
    struct account ada = made(task, state, SLICE("Ada"), SLICE("ada@example.com")), found;
    struct account again = {.username = SLICE("aDA"), .email = SLICE("other@example.com")};
    uint64_t count;

    assert_int_equal(account_find(task, state, SLICE("ada"), &found), OK);
    assert_true(slice_eq(found.id, ada.id));
    assert_int_equal(account_find(task, state, SLICE("ADA@example.COM"), &found), OK);
    assert_true(slice_eq(found.id, ada.id));
    assert_int_equal(account_find(task, state, SLICE("nobody"), &found), ERR_NOT_FOUND);

    assert_int_equal(account_create(task, state, &again), ERR_CONFLICT);
    /* What the refused one had reserved is free. */
    made(task, state, SLICE("bob"), SLICE("other@example.com"));
    assert_int_equal(account_count(task, state, &count), OK);
    assert_int_equal(count, 2);
}

static void update(struct task *task, struct state *state)
{
    struct account ada = made(task, state, SLICE("ada"), SLICE("ada@example.com")), found;
    struct account later = ada, lost = ada;

    made(task, state, SLICE("bob"), SLICE("bob@example.com"));
    later.full_name = SLICE("Ada");
    later.email = SLICE("bob@example.com");
    assert_int_equal(account_update(task, state, &ada, &later), ERR_CONFLICT);
    later.email = SLICE("countess@example.com");
    assert_int_equal(account_update(task, state, &ada, &later), OK);

    assert_int_equal(account_find(task, state, SLICE("countess@example.com"), &found), OK);
    assert_true(slice_eq(found.id, ada.id));
    assert_true(slice_eq(found.full_name, SLICE("Ada")));
    assert_int_equal(account_find(task, state, SLICE("ada@example.com"), &found), ERR_NOT_FOUND);
    assert_int_equal(account_find(task, state, SLICE("ada"), &found), OK);
    made(task, state, SLICE("heir"), SLICE("ada@example.com"));

    /* Whoever had read the account before loses, and leaves no name behind. */
    lost.email = SLICE("late@example.com");
    assert_int_equal(account_update(task, state, &ada, &lost), ERR_CONFLICT);
    made(task, state, SLICE("late"), SLICE("late@example.com"));

    /* Another spelling of the same address is no other name. */
    ada = later;
    later.email = SLICE("Countess@example.com");
    assert_int_equal(account_update(task, state, &ada, &later), OK);
    assert_int_equal(account_find(task, state, SLICE("countess@EXAMPLE.com"), &found), OK);
    assert_true(slice_eq(found.email, later.email));
}

/* A process that died between reservation and commit must not keep the name for ever. */
static void stale(struct task *task, struct state *state)
{
    struct account ada = made(task, state, SLICE("ada"), SLICE("ada@example.com")), found;
    struct slice old = arena_printf(task->arena, "%.*s 1000", SLICE_ARG(ada.id));
    struct slice fresh = arena_printf(task->arena, "%.*s %llu", SLICE_ARG(ada.id),
                                      (unsigned long long)clock_unix_ms());
    struct account other = {.username = SLICE("fresh")};
    struct redis_value v;

    assert_int_equal(redis_command(task, state->durable, &v, SLICE("SET"), SLICE("name:old"), old),
                     OK);
    assert_int_equal(
        redis_command(task, state->durable, &v, SLICE("SET"), SLICE("name:fresh"), fresh), OK);
    assert_int_equal(account_find(task, state, SLICE("old"), &found), ERR_NOT_FOUND);
    made(task, state, SLICE("old"), SLICE_NONE);
    assert_int_equal(account_create(task, state, &other), ERR_CONFLICT);
}

static void test_names(void **unused)
{
    with_state(1, names);
    with_state(3, names);
}

static void test_update(void **unused)
{
    with_state(1, update);
}

static void test_stale(void **unused)
{
    with_state(1, stale);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_stale),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
