/* Accounts and their names, sessions and refresh tokens, keyring, rate windows. */
#include "state_by_hand.h"
#include "state_fixture.h"

#include "base/text.h"
#include "state/account.h"
#include "state/id.h"
#include "state/logins.h"
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

static enum err set_password(struct account *now, void *arg)
{
    now->password_hash = *(struct slice *)arg;
    return OK;
}

static void accounts(struct task *task, struct state *state)
{
    struct account ann = person("Ann", "ann@example.org"), got;
    struct slice new_hash = SLICE("$new");
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

    account_note_login(state, &ann, 77);
    assert_int_equal(account_change(task, state, ann.id, set_password, &new_hash, &got), OK);
    assert_true(slice_eq(got.password_hash, SLICE("$new")) && got.last_login_ms == 77);
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

/* A process that died between the reservation and the account. */
static void abandoned_name(struct task *task, struct state *state)
{
    struct account ann = person("ann", "");
    struct slice ghost = id_new(task->arena, SLICE("user_"), 0);

    hand_take_name(task, state, SLICE("ann"), ghost, clock_unix_ms());
    assert_int_equal(account_create(task, state, &ann), ERR_CONFLICT);
    hand_take_name(task, state, SLICE("ann"), ghost, clock_unix_ms() - 61000);
    assert_int_equal(account_create(task, state, &ann), OK);
    assert_int_equal(account_find(task, state, SLICE("ann"), &ann), OK);
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

static enum err set_name(struct account *now, void *arg)
{
    now->full_name = *(struct slice *)arg;
    return OK;
}

static enum err set_email(struct account *now, void *arg)
{
    now->email = *(struct slice *)arg;
    return OK;
}

struct change {
    struct state *state;
    struct slice id;
    account_change_fn *fn;
    struct slice value;
    enum err err;
    unsigned *running;
};

static void change_task(struct task *task, void *arg)
{
    struct change *change = arg;
    struct account account;

    change->err =
        account_change(task, change->state, change->id, change->fn, &change->value, &account);
    --*change->running;
}

/* Changes of one account at the same time all hold; its former address is free, its new one is
 * found. The account is one that was made before records had a rev. */
static void changes_at_once(struct task *task, struct state *state)
{
    struct account ann = person("ann", "ann@example.org"), other, got;
    struct redis_value v;
    unsigned running;

    assert_int_equal(account_create(task, state, &ann), OK);
    redis_command(task, state->durable, &v, SLICE("HDEL"), record_key(task->arena, &ann),
                  SLICE("rev"));
    for (unsigned i = 0; i < 20; i++) {
        struct change changes[] = {
            {state, ann.id, set_name, arena_printf(task->arena, "Ann %u", i), OK, &running},
            {state, ann.id, set_email, arena_printf(task->arena, "a%u@x.org", i), OK, &running},
            {state, ann.id, set_password, arena_printf(task->arena, "$%u", i), OK, &running},
        };

        running = COUNT_OF(changes);
        for (size_t k = 0; k < COUNT_OF(changes); k++)
            assert_true(task_spawn(change_task, &changes[k]));
        WAIT_UNTIL(running == 0);
        for (size_t k = 0; k < COUNT_OF(changes); k++)
            assert_int_equal(changes[k].err, OK);
        assert_int_equal(account_find(task, state, changes[1].value, &got), OK);
        assert_true(slice_eq(got.full_name, changes[0].value));
        assert_true(slice_eq(got.password_hash, changes[2].value));
        assert_int_equal(got.rev, 3 * (i + 1));
    }
    assert_int_equal(account_find(task, state, SLICE("ann@example.org"), &got), ERR_NOT_FOUND);
    other = person("other", "ann@example.org");
    assert_int_equal(account_create(task, state, &other), OK);
    struct slice taken = SLICE("ANN@example.org");
    assert_int_equal(account_change(task, state, ann.id, set_email, &taken, &got), ERR_CONFLICT);
    assert_int_equal(account_find(task, state, taken, &got), OK);
    assert_true(slice_eq(got.id, other.id));
    assert_int_equal(account_find(task, state, SLICE("a19@x.org"), &got), OK);
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

static enum err take_admin(struct account *now, void *arg)
{
    now->is_admin = *(bool *)arg;
    return OK;
}

/* `account` as it was when its password was proved; its record becomes an admin's meanwhile. */
static enum err log_in(struct task *task, struct state *state, const struct account *account,
                       bool admin, struct session *out, struct slice *token)
{
    static const struct login_origin origin = {SLICE_INIT("192.0.2.7"), SLICE_INIT("curl/8")};
    struct account now;

    assert_int_equal(account_change(task, state, account->id, take_admin, &admin, &now), OK);
    return session_create(task, state, account, &origin, out, token);
}

/* How many session.ended stand in the stream. */
static unsigned endings(struct task *task, struct state *state, unsigned partition)
{
    struct redis_value v = hand_events(task, state, partition);
    unsigned n = 0;

    for (size_t i = 0; i < v.n; i++)
        n += slice_eq(redis_field(&v.items[i].items[1], SLICE("type")), SLICE("session.ended"));
    return n;
}

static void sessions(struct task *task, struct state *state)
{
    struct account ann = signed_up(task, state);
    struct session one, two, got;
    struct slice token, next, third;

    assert_int_equal(log_in(task, state, &ann, false, &one, &token), OK);
    assert_int_equal(token.n, 45);
    assert_int_equal(look(task, state, &one, &got), OK);
    assert_true(slice_eq(got.id, one.id));
    assert_true(slice_eq(got.user_id, ann.id));
    assert_true(slice_eq(got.family, one.family));
    assert_int_equal(got.partition, ann.partition);
    assert_true(got.expires_ms == one.expires_ms && !got.admin);
    assert_true(got.expires_ms <= clock_unix_ms() + SESSION_LIFE_S * 1000ull);

    /* Spent once: another token, another session, both sessions valid. */
    assert_int_equal(session_refresh(task, state, token, clock_unix_ms(), &two, &next), OK);
    assert_false(slice_eq(two.id, one.id));
    assert_true(slice_eq(two.family, one.family));
    assert_false(slice_eq(next, token));
    assert_int_equal(look(task, state, &one, &got), OK);
    assert_int_equal(look(task, state, &two, &got), OK);

    /* Spent again soon: the same answer. Later: the family ends, with it the token that is live. */
    uint64_t spent_ms = clock_unix_ms();
    assert_int_equal(session_refresh(task, state, token, spent_ms, &got, &third), OK);
    assert_true(slice_eq(third, next) && slice_eq(got.id, two.id));
    assert_int_equal(
        session_refresh(task, state, token, spent_ms + REFRESH_GRACE_MS + 1, &got, &third),
        ERR_UNAUTHORIZED);
    assert_int_equal(look(task, state, &one, &got), ERR_UNAUTHORIZED);
    assert_int_equal(look(task, state, &two, &got), ERR_UNAUTHORIZED);
    assert_int_equal(session_refresh(task, state, next, clock_unix_ms(), &got, &third),
                     ERR_UNAUTHORIZED);
    assert_int_equal(endings(task, state, ann.partition), 2);
}

/* A login from before families had a rev can still be refreshed, and ended. */
static void old_family(struct task *task, struct state *state)
{
    struct account ann = signed_up(task, state);
    struct session one, two, got;
    struct slice token, next;

    assert_int_equal(log_in(task, state, &ann, false, &one, &token), OK);
    hand_age_refresh_tokens(task, state);
    assert_int_equal(session_refresh(task, state, token, clock_unix_ms(), &two, &next), OK);
    assert_int_equal(look(task, state, &two, &got), OK);
    assert_int_equal(session_end(task, state, &two), OK);
    assert_int_equal(look(task, state, &one, &got), ERR_UNAUTHORIZED);
    assert_int_equal(endings(task, state, 0), 2);
}

static void logout(struct task *task, struct state *state)
{
    struct account ann = signed_up(task, state), now;
    struct session one, other, got;
    struct slice token, other_token, next;
    const struct slice wrong[] = {SLICE(""), SLICE("0"), SLICE("zz"),
                                  SLICE("00AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
                                  SLICE("ZZAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")};

    assert_int_equal(log_in(task, state, &ann, true, &one, &token), OK);
    assert_int_equal(log_in(task, state, &ann, true, &other, &other_token), OK);
    assert_int_equal(session_end(task, state, &one), OK);
    assert_int_equal(session_end(task, state, &one), OK);
    assert_int_equal(endings(task, state, ann.partition), 1);
    assert_int_equal(look(task, state, &one, &got), ERR_UNAUTHORIZED);
    assert_int_equal(session_refresh(task, state, token, clock_unix_ms(), &got, &next),
                     ERR_UNAUTHORIZED);
    /* Another login of the same user is another family. */
    assert_int_equal(look(task, state, &other, &got), OK);
    assert_true(got.admin);
    /* The new session has the account's present role. */
    assert_int_equal(account_change(task, state, ann.id, take_admin, &(bool){false}, &now), OK);
    assert_int_equal(session_refresh(task, state, other_token, clock_unix_ms(), &got, &next), OK);
    assert_false(got.admin);
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(session_refresh(task, state, wrong[i], clock_unix_ms(), &got, &next),
                         ERR_UNAUTHORIZED);
}

static enum err change_password(struct account *now, void *arg)
{
    now->password_hash = SLICE("another");
    logins_forget(now, *(struct slice *)arg);
    return OK;
}

/* All logins but the one that it was changed from end, also such as are just being made. */
static void new_password(struct task *task, struct state *state)
{
    struct account ann = signed_up(task, state), now;
    struct session own, other, got;
    struct slice own_token, other_token, next;
    size_t ended;

    assert_int_equal(log_in(task, state, &ann, false, &own, &own_token), OK);
    assert_int_equal(log_in(task, state, &ann, false, &other, &other_token), OK);
    assert_int_equal(account_change(task, state, ann.id, change_password, &own.family, &now), OK);
    /* The record alone decides: whoever was to end the logins may have died. */
    assert_int_equal(session_refresh(task, state, other_token, clock_unix_ms(), &got, &next),
                     ERR_UNAUTHORIZED);
    assert_int_equal(logins_end(task, state, &now, &ended), OK);
    assert_int_equal(ended, 0);
    assert_int_equal(look(task, state, &other, &got), ERR_UNAUTHORIZED);
    assert_int_equal(look(task, state, &own, &got), OK);
    assert_int_equal(session_refresh(task, state, own_token, clock_unix_ms(), &got, &next), OK);
    assert_int_equal(log_in(task, state, &ann, false, &got, &next), ERR_UNAUTHORIZED);
    assert_int_equal(log_in(task, state, &now, false, &other, &other_token), OK);
    assert_int_equal(session_refresh(task, state, other_token, clock_unix_ms(), &got, &next), OK);
}

/* Whoever was to end the logins has died: housekeeping ends them, and no later ones. */
static void ended_by_others(struct task *task, struct state *state)
{
    struct account ann = signed_up(task, state), now;
    struct session own, other, later, got;
    struct slice token;
    size_t ended;

    assert_int_equal(log_in(task, state, &ann, false, &own, &token), OK);
    assert_int_equal(log_in(task, state, &ann, false, &other, &token), OK);
    assert_int_equal(account_change(task, state, ann.id, change_password, &own.family, &now), OK);
    assert_int_equal(log_in(task, state, &now, false, &later, &token), OK);
    assert_int_equal(logins_end_left(task, state, clock_unix_ms()), OK);
    assert_int_equal(look(task, state, &other, &got), OK); /* not yet: it may still be done */
    assert_int_equal(logins_end_left(task, state, clock_unix_ms() + LOGINS_LEFT_MS), OK);
    assert_int_equal(look(task, state, &other, &got), ERR_UNAUTHORIZED);
    assert_int_equal(look(task, state, &own, &got), OK);
    assert_int_equal(look(task, state, &later, &got), OK);
    /* Now it is done. */
    assert_int_equal(logins_end(task, state, &now, &ended), OK);
    assert_int_equal(ended, 0);
    assert_int_equal(look(task, state, &later, &got), OK);
}

static void logins(struct task *task, struct state *state)
{
    struct account ann = signed_up(task, state);
    struct session first, second, got;
    struct slice token, next;
    struct login *list;
    size_t n;

    assert_int_equal(log_in(task, state, &ann, false, &first, &token), OK);
    assert_int_equal(log_in(task, state, &ann, false, &second, &next), OK);
    assert_int_equal(logins_list(task, state, &ann, &list, &n), OK);
    assert_int_equal(n, 2);
    for (size_t i = 0; i < n; i++) {
        assert_true(slice_eq(list[i].surface, SLICE("mediavault")));
        assert_true(slice_eq(list[i].address, SLICE("192.0.2.7")));
        assert_true(slice_eq(list[i].client, SLICE("curl/8")));
        assert_true(list[i].expires_ms > clock_unix_ms() + 29ull * 86400 * 1000);
    }
    assert_int_equal(session_end_by_token(task, state, token), OK);
    assert_int_equal(session_end_by_token(task, state, token), OK);
    assert_int_equal(session_end_by_token(task, state, SLICE("nonsense")), ERR_UNAUTHORIZED);
    assert_int_equal(look(task, state, &first, &got), ERR_UNAUTHORIZED);
    assert_int_equal(logins_list(task, state, &ann, &list, &n), OK);
    assert_int_equal(n, 1);
    assert_true(slice_eq(list[0].id, second.family));
}

static void inactive(struct task *task, struct state *state)
{
    struct account ann = signed_up(task, state);
    struct session one, got;
    struct slice token, next;
    struct redis_value v;

    assert_int_equal(log_in(task, state, &ann, true, &one, &token), OK);
    redis_command(task, state->durable, &v, SLICE("HSET"), record_key(task->arena, &ann),
                  SLICE("active"), SLICE("0"));
    assert_int_equal(session_refresh(task, state, token, clock_unix_ms(), &got, &next),
                     ERR_UNAUTHORIZED);
    assert_int_equal(look(task, state, &one, &got), ERR_UNAUTHORIZED);
}

/* A client that refreshes without end keeps a bounded number of sessions alive. */
static void many_refreshes(struct task *task, struct state *state)
{
    struct account ann = signed_up(task, state);
    struct session first, session;
    struct slice token;
    struct redis_value v;

    assert_int_equal(log_in(task, state, &ann, false, &first, &token), OK);
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(session_refresh(task, state, token, clock_unix_ms(), &session, &token),
                         OK);
    redis_command(task, state->durable, &v, SLICE("KEYS"), SLICE("*:session:*"));
    assert_int_equal(v.n, 20);
    assert_int_equal(look(task, state, &first, &session), ERR_UNAUTHORIZED);
    assert_int_equal(endings(task, state, ann.partition), 41);
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
        assert_int_equal(window.seconds, 60);
        assert_int_equal(window_left(&window), i < 2 ? 2 - i : 0);
        assert_int_equal(window_seconds_to_reset(&window, now_ms), window.reset_s - now_ms / 1000);
        assert_int_equal(window_seconds_to_reset(&window, window.reset_s * 1000 + 5000), 0);
    }
    window_give_back(state, task->arena, policy, key, 60, now_ms);
    window_give_back(state, task->arena, SLICE("past"), key, 60, 60000);
    struct redis_call *call = window_send(state, task->arena, policy, key, 60, now_ms);
    assert_int_equal(window_take(task, call, 0, 60, now_ms, &window), OK);
    assert_int_equal(window.used, 3);
    call = window_send(state, task->arena, policy, key, 60, now_ms + 60000);
    assert_int_equal(window_take(task, call, 2, 60, now_ms + 60000, &window), OK);
    assert_int_equal(window.used, 1);

    redis_command(task, state->volatile_redis, &v, SLICE("KEYS"), SLICE("rate:*"));
    assert_int_equal(v.n, 3);
    for (size_t i = 0; i < v.n; i++) {
        struct redis_value ttl;

        redis_command(task, state->volatile_redis, &ttl, SLICE("TTL"), v.items[i].text);
        assert_true(ttl.number > 0 && ttl.number <= 60);
    }

    /* A server that is away has counted nobody. */
    redis_fixture_kill();
    WAIT_UNTIL(!redis_ready(state->volatile_redis));
    call = window_send(state, task->arena, policy, key, 60, now_ms);
    assert_int_equal(window_take(task, call, 2, 60, now_ms, &window), ERR_STATE_UNAVAILABLE);
    assert_int_equal(window.used, 0);
    redis_fixture_again();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(1, accounts),
        STATE_TEST(3, accounts),
        STATE_TEST(1, abandoned_name),
        STATE_TEST(3, abandoned_name),
        STATE_TEST(1, rush),
        STATE_TEST(1, changes_at_once),
        STATE_TEST(3, changes_at_once),
        STATE_TEST(1, old_family),
        STATE_TEST(1, sessions),
        STATE_TEST(3, sessions),
        STATE_TEST(1, logout),
        STATE_TEST(3, logout),
        STATE_TEST(1, inactive),
        STATE_TEST(1, ended_by_others),
        STATE_TEST(1, new_password),
        STATE_TEST(3, new_password),
        STATE_TEST(1, logins),
        STATE_TEST(3, logins),
        STATE_TEST(1, many_refreshes),
        STATE_TEST(1, windows),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
