/* Accounts and their names, sessions and refresh tokens, keyring, rate windows. */
#include "state_fixture.h"

#include "base/text.h"
#include "state/account.h"
#include "state/id.h"
#include "state/keyring.h"
#include "state/session.h"
#include "state/stream.h"
#include "state/window.h"

#include <string.h>

static struct account person(const char *name, const char *email)
{
    return (struct account){.username = slice_from(name),
                            .email = slice_from(email),
                            .password_hash = SLICE("$argon2id$x"),
                            .is_active = true};
}

static void accounts(struct task *task, struct state *state)
{
    struct account ann = person("Ann", "ann@example.org"), got;
    uint64_t n;

    assert_int_equal(account_count(task, state, &n), OK);
    assert_int_equal(n, 0);
    assert_int_equal(account_find(task, state, SLICE("ann"), &got), ERR_NOT_FOUND);
    ann.is_admin = true;
    assert_int_equal(account_create(task, state, &ann), OK);
    assert_int_equal(account_load(task, state, ann.id, &got), OK);
    assert_true(slice_eq(got.username, SLICE("Ann")));
    assert_true(slice_eq(got.password_hash, ann.password_hash));
    assert_true(got.is_admin && got.is_active);
    assert_true(got.created_ms == ann.created_ms && got.last_login_ms == 0);
    assert_int_equal(got.partition, ann.partition);
    assert_int_equal(account_find(task, state, SLICE("aNN"), &got), OK);
    assert_true(slice_eq(got.id, ann.id));
    assert_int_equal(account_find(task, state, SLICE("ANN@example.ORG"), &got), OK);
    assert_true(slice_eq(got.id, ann.id));
    assert_int_equal(account_load(task, state, SLICE("user_x"), &got), ERR_NOT_FOUND);
    assert_int_equal(account_load(task, state, id_new(task->arena, SLICE("user_"), 0), &got),
                     ERR_NOT_FOUND);

    assert_int_equal(account_set_password(task, state, &ann, SLICE("$new")), OK);
    account_note_login(state, &ann, 77);
    assert_int_equal(account_load(task, state, ann.id, &got), OK);
    assert_true(slice_eq(got.password_hash, SLICE("$new")));
    assert_true(got.updated_ms >= got.created_ms && got.last_login_ms == 77);

    /* Taken names; what the loser had reserved is free again. */
    struct account bob = person("bob", "ANN@EXAMPLE.ORG"), other = person("ANN", "b@example.org");
    assert_int_equal(account_create(task, state, &bob), ERR_CONFLICT);
    assert_int_equal(account_create(task, state, &other), ERR_CONFLICT);
    bob = person("bob", "b@example.org");
    assert_int_equal(account_create(task, state, &bob), OK);
    struct account same = person("c@example.org", "C@example.org");
    assert_int_equal(account_create(task, state, &same), OK);
    assert_int_equal(account_count(task, state, &n), OK);
    assert_int_equal(n, 3);
}

static void test_accounts(void **unused)
{
    with_state(1, accounts);
    with_state(3, accounts);
}

/* A process that died between the reservation and the account. */
static void abandoned_name(struct task *task, struct state *state)
{
    struct account ann = person("ann", "");
    struct slice ghost = id_new(task->arena, SLICE("user_"), 0);
    struct redis_value v;

    redis_command(task, state->durable, &v, SLICE("SET"), SLICE("name:ann"),
                  arena_printf(task->arena, "%.*s %llu", SLICE_ARG(ghost),
                               (unsigned long long)clock_unix_ms()));
    assert_int_equal(account_create(task, state, &ann), ERR_CONFLICT);
    redis_command(task, state->durable, &v, SLICE("SET"), SLICE("name:ann"),
                  arena_printf(task->arena, "%.*s %llu", SLICE_ARG(ghost),
                               (unsigned long long)clock_unix_ms() - 61000));
    assert_int_equal(account_create(task, state, &ann), OK);
    assert_int_equal(account_find(task, state, SLICE("ann"), &ann), OK);
}

static void test_abandoned_name(void **unused)
{
    with_state(1, abandoned_name);
    with_state(3, abandoned_name);
}

struct rush {
    struct state *state;
    unsigned running, good, taken;
};

static void rush_task(struct task *task, void *arg)
{
    struct rush *rush = arg;
    struct account account = person("same", "same@example.org");
    enum err err = account_create(task, rush->state, &account);

    rush->good += err == OK;
    rush->taken += err == ERR_CONFLICT;
    rush->running--;
}

/* Many want one name at the same time: at most one gets it, and nobody blocks it afterwards. */
static void rush(struct task *task, struct state *state)
{
    struct rush rush = {.state = state, .running = 20};
    struct account got;

    for (unsigned i = 0; i < 20; i++)
        assert_true(task_spawn(rush_task, &rush));
    WAIT_UNTIL(rush.running == 0);
    assert_int_equal(rush.good, 1);
    assert_int_equal(rush.taken, 19);
    assert_int_equal(account_find(task, state, SLICE("same"), &got), OK);
    assert_int_equal(account_find(task, state, SLICE("same@example.org"), &got), OK);
}

static void test_rush(void **unused)
{
    with_state(1, rush);
}

static enum err look(struct task *task, struct state *state, const struct session *session,
                     struct session *out)
{
    return session_take(task, session_send(state, task->arena, session->id, session->partition),
                        out);
}

static struct account signed_up(struct task *task, struct state *state)
{
    struct account account = person("ann", "");

    assert_int_equal(account_create(task, state, &account), OK);
    return account;
}

/* How many session.ended stand in the stream. */
static unsigned endings(struct task *task, struct state *state, unsigned partition)
{
    struct redis_value v;
    unsigned n = 0;

    redis_command(task, state->durable, &v, SLICE("XRANGE"),
                  state_key(task->arena, partition, "events"), SLICE("-"), SLICE("+"));
    for (size_t i = 0; i < v.n; i++)
        n += slice_eq(redis_field(&v.items[i].items[1], SLICE("type")), SLICE("session.ended"));
    return n;
}

static void sessions(struct task *task, struct state *state)
{
    struct account ann = signed_up(task, state);
    struct session one, two, got;
    struct slice token, next, third;

    assert_int_equal(
        session_create(task, state, ann.id, ann.partition, false, SLICE_NONE, &one, &token), OK);
    assert_int_equal(token.n, 45);
    assert_int_equal(look(task, state, &one, &got), OK);
    assert_true(slice_eq(got.id, one.id));
    assert_true(slice_eq(got.user_id, ann.id));
    assert_true(slice_eq(got.family, one.family));
    assert_int_equal(got.partition, ann.partition);
    assert_true(got.expires_ms == one.expires_ms && !got.admin);
    assert_true(got.expires_ms <= clock_unix_ms() + SESSION_LIFE_S * 1000ull);

    /* Spent once: another token, another session, both sessions valid. */
    assert_int_equal(session_refresh(task, state, token, &two, &next), OK);
    assert_false(slice_eq(two.id, one.id));
    assert_true(slice_eq(two.family, one.family));
    assert_false(slice_eq(next, token));
    assert_int_equal(look(task, state, &one, &got), OK);
    assert_int_equal(look(task, state, &two, &got), OK);

    /* Spent again: the family ends, with it the token that was still live. */
    assert_int_equal(session_refresh(task, state, token, &got, &third), ERR_UNAUTHORIZED);
    assert_int_equal(look(task, state, &one, &got), ERR_UNAUTHORIZED);
    assert_int_equal(look(task, state, &two, &got), ERR_UNAUTHORIZED);
    assert_int_equal(session_refresh(task, state, next, &got, &third), ERR_UNAUTHORIZED);
    assert_int_equal(endings(task, state, ann.partition), 2);
}

static void test_sessions(void **unused)
{
    with_state(1, sessions);
    with_state(3, sessions);
}

static void logout(struct task *task, struct state *state)
{
    struct account ann = signed_up(task, state);
    struct session one, other, got;
    struct slice token, other_token, next;
    const struct slice wrong[] = {SLICE(""), SLICE("0"), SLICE("zz"),
                                  SLICE("00AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
                                  SLICE("ZZAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")};

    assert_int_equal(
        session_create(task, state, ann.id, ann.partition, true, SLICE_NONE, &one, &token), OK);
    assert_int_equal(
        session_create(task, state, ann.id, ann.partition, true, SLICE_NONE, &other, &other_token),
        OK);
    assert_int_equal(session_end(task, state, &one), OK);
    assert_int_equal(session_end(task, state, &one), OK);
    assert_int_equal(endings(task, state, ann.partition), 1);
    assert_int_equal(look(task, state, &one, &got), ERR_UNAUTHORIZED);
    assert_int_equal(session_refresh(task, state, token, &got, &next), ERR_UNAUTHORIZED);
    /* Another login of the same user is another family. */
    assert_int_equal(look(task, state, &other, &got), OK);
    assert_true(got.admin);
    /* The new session has the account's present role. */
    assert_int_equal(session_refresh(task, state, other_token, &got, &next), OK);
    assert_false(got.admin);
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(session_refresh(task, state, wrong[i], &got, &next), ERR_UNAUTHORIZED);
}

static void test_logout(void **unused)
{
    with_state(1, logout);
    with_state(3, logout);
}

static void inactive(struct task *task, struct state *state)
{
    struct account ann = signed_up(task, state);
    struct session one, got;
    struct slice token, next;
    struct redis_value v;

    assert_int_equal(
        session_create(task, state, ann.id, ann.partition, true, SLICE_NONE, &one, &token), OK);
    redis_command(task, state->durable, &v, SLICE("HSET"),
                  state_key(task->arena, ann.partition, "account:%.*s", SLICE_ARG(ann.id)),
                  SLICE("active"), SLICE("0"));
    assert_int_equal(session_refresh(task, state, token, &got, &next), ERR_UNAUTHORIZED);
    assert_int_equal(look(task, state, &one, &got), ERR_UNAUTHORIZED);
}

static void test_inactive(void **unused)
{
    with_state(1, inactive);
}

/* A client that refreshes without end keeps a bounded number of sessions alive. */
static void many_refreshes(struct task *task, struct state *state)
{
    struct account ann = signed_up(task, state);
    struct session first, session;
    struct slice token;
    struct redis_value v;

    assert_int_equal(
        session_create(task, state, ann.id, ann.partition, false, SLICE_NONE, &first, &token), OK);
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(session_refresh(task, state, token, &session, &token), OK);
    redis_command(task, state->durable, &v, SLICE("KEYS"), SLICE("*:session:*"));
    assert_int_equal(v.n, 20);
    assert_int_equal(look(task, state, &first, &session), ERR_UNAUTHORIZED);
    assert_int_equal(endings(task, state, ann.partition), 41);
}

static void test_many_refreshes(void **unused)
{
    with_state(1, many_refreshes);
}

static void keyring(struct task *task, struct state *state)
{
    struct keyring one, two;
    struct redis_value v;

    assert_int_equal(keyring_load(task, state, &one), OK);
    assert_int_equal(keyring_load(task, state, &two), OK);
    assert_memory_equal(&one, &two, sizeof one);
    assert_int_equal(one.n, 1);
    assert_ptr_equal(keyring_find(&one, slice_from(one.token_keys[0].kid)), &one.token_keys[0]);
    assert_null(keyring_find(&one, SLICE("")));
    assert_null(keyring_find(&one, SLICE("0000000000000000x")));

    redis_command(task, state->durable, &v, SLICE("GET"), SLICE("hub:keyring"));
    redis_command(task, state->durable, &v, SLICE("SET"), SLICE("hub:keyring"),
                  arena_printf(task->arena, "token 0123456789abcdef %.*s\n%.*s",
                               SLICE_ARG(text_hex(task->arena, one.link_key, KEY_BYTES)),
                               SLICE_ARG(v.text)));
    assert_int_equal(keyring_load(task, state, &two), OK);
    assert_int_equal(two.n, 2);
    assert_string_equal(two.token_keys[0].kid, "0123456789abcdef");
    assert_memory_equal(&two.token_keys[1], &one.token_keys[0], sizeof one.token_keys[0]);
    redis_command(task, state->durable, &v, SLICE("SET"), SLICE("hub:keyring"), SLICE("junk"));
    assert_int_equal(keyring_load(task, state, &two), ERR_INTERNAL);
}

static void test_keyring(void **unused)
{
    with_state(1, keyring);
}

static void windows(struct task *task, struct state *state)
{
    struct slice policy = SLICE("user"), key = SLICE("user_x");
    uint64_t now_ms = clock_unix_ms() / 60000 * 60000 + 1234;
    struct redis_value v;
    struct window window;

    for (uint64_t i = 1; i <= 3; i++) {
        struct redis_call *call = window_send(state, task->arena, policy, key, 60, now_ms);

        assert_int_equal(window_take(task, call, 2, 60, now_ms, &window), OK);
        assert_int_equal(window.used, i);
        assert_int_equal(window.limit, 2);
        assert_int_equal(window.reset_s, now_ms / 60000 * 60 + 60);
    }
    window_give_back(state, task->arena, policy, key, 60, now_ms);
    window_give_back(state, task->arena, SLICE("past"), key, 60, 60000);
    struct redis_call *call = window_send(state, task->arena, policy, key, 60, now_ms);
    assert_int_equal(window_take(task, call, 0, 60, now_ms, &window), OK);
    assert_int_equal(window.used, 3);
    call = window_send(state, task->arena, policy, key, 60, now_ms + 60000);
    assert_int_equal(window_take(task, call, 2, 60, now_ms + 60000, &window), OK);
    assert_int_equal(window.used, 1);

    redis_command(task, state->fleeting, &v, SLICE("KEYS"), SLICE("rate:*"));
    assert_int_equal(v.n, 3);
    for (size_t i = 0; i < v.n; i++) {
        struct redis_value ttl;

        redis_command(task, state->fleeting, &ttl, SLICE("TTL"), v.items[i].text);
        assert_true(ttl.number > 0 && ttl.number <= 60);
    }

    /* A server that is away has counted nobody. */
    redis_fixture_kill();
    WAIT_UNTIL(!redis_ready(state->fleeting));
    call = window_send(state, task->arena, policy, key, 60, now_ms);
    assert_int_equal(window_take(task, call, 2, 60, now_ms, &window), ERR_STATE_UNAVAILABLE);
    assert_int_equal(window.used, 0);
    redis_fixture_again();
}

static void test_windows(void **unused)
{
    with_state(1, windows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accounts),       cmocka_unit_test(test_abandoned_name),
        cmocka_unit_test(test_rush),           cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_logout),         cmocka_unit_test(test_inactive),
        cmocka_unit_test(test_many_refreshes), cmocka_unit_test(test_keyring),
        cmocka_unit_test(test_windows),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
