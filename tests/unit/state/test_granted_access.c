/* Logins of the Backup Repository: what is kept, listed and revoked, in whichever partition. */
#include "state_by_hand.h"
#include "state_fixture.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "state/granted_access.h"
#include "state/id.h"

enum { LIFE_MS = 60000 };

static struct granted_access make(struct task *task, struct state *state, struct slice user_id,
                                  const char *token, uint64_t created_ms)
{
    struct granted_access access = {
        .id = sha256_hex(task->arena, slice_from(token)),
        .user_id = user_id,
        .partition = state->partitions - 1,
        .user = SLICE("eve"),
        .access_key = SLICE("uploader"),
        .description = SLICE("Login"),
        .requester_ip = SLICE("203.0.113.9"),
        .created_ms = created_ms,
        .expires_ms = created_ms + LIFE_MS,
    };
    assert_int_equal(granted_access_create(task, state, &access), OK);
    return access;
}

static enum err load(struct task *task, struct state *state, struct slice id,
                     struct granted_access *out)
{
    return granted_access_take(
        task, granted_access_send(state, task->arena, id, state->partitions - 1), out);
}

static void a_login(struct task *task, struct state *state)
{
    uint64_t now_ms = clock_unix_ms();
    struct slice user_id =
        id_of_name(task->arena, SLICE("user_"), state->partitions - 1, SLICE("eve"));
    struct granted_access made = make(task, state, user_id, "a", now_ms), got;

    assert_int_equal(granted_access_create(task, state, &made), ERR_CONFLICT);
    assert_int_equal(load(task, state, made.id, &got), OK);
    assert_true(slice_eq(got.id, made.id) && slice_eq(got.user_id, user_id));
    assert_true(slice_eq(got.user, SLICE("eve")) && slice_eq(got.access_key, SLICE("uploader")));
    assert_true(slice_eq(got.requester_ip, SLICE("203.0.113.9")));
    assert_int_equal(got.partition, state->partitions - 1);
    assert_true(got.created_ms == now_ms && got.updated_ms == now_ms);
    assert_true(granted_access_holds(&got, now_ms));
    assert_true(granted_access_holds(&got, now_ms + LIFE_MS - 1));
    assert_false(granted_access_holds(&got, now_ms + LIFE_MS));

    assert_int_equal(granted_access_find(task, state, made.id, &got), OK);
    assert_int_equal(got.partition, state->partitions - 1);
    assert_int_equal(granted_access_find(task, state, SLICE("no hash"), &got), ERR_NOT_FOUND);
    assert_int_equal(granted_access_find(task, state, sha256_hex(task->arena, SLICE("b")), &got),
                     ERR_NOT_FOUND);
    assert_int_equal(load(task, state, SLICE("b"), &got), ERR_NOT_FOUND);
}

/* The fields of the only event. */
static struct redis_value only_event(struct task *task, struct state *state)
{
    struct redis_value entries = hand_events(task, state, state->partitions - 1);

    assert_int_equal(entries.n, 1);
    return entries.items[0].items[1];
}

static void revocation(struct task *task, struct state *state)
{
    struct slice user_id =
        id_of_name(task->arena, SLICE("user_"), state->partitions - 1, SLICE("eve"));
    struct granted_access made = make(task, state, user_id, "a", clock_unix_ms() - 5), got;

    assert_int_equal(granted_access_revoke(task, state, &made), OK);
    assert_int_equal(granted_access_revoke(task, state, &made), OK);
    assert_int_equal(load(task, state, made.id, &got), OK);
    assert_true(got.deactivated && got.updated_ms > got.created_ms);
    assert_false(granted_access_holds(&got, got.created_ms));
    struct redis_value event = only_event(task, state);
    assert_true(slice_eq(redis_field(&event, SLICE("type")), SLICE("session.revoked")));
    assert_true(slice_eq(redis_field(&event, SLICE("owner")), user_id));
    assert_true(slice_eq(redis_field(&event, SLICE("resource")), made.id));
}

static void lists(struct task *task, struct state *state)
{
    struct slice user_id = id_of_name(task->arena, SLICE("user_"), 0, SLICE("eve"));
    struct granted_access *list;
    size_t n;

    assert_int_equal(granted_access_list(task, state, user_id, 0, &list, &n), OK);
    assert_int_equal(n, 0);
    for (unsigned i = 0; i < GRANTED_LIST_MAX + 2; i++) {
        char token[8];

        snprintf(token, sizeof token, "t%u", i);
        make(task, state, user_id, token, 1000000 + clock_unix_ms() + i);
    }
    assert_int_equal(granted_access_list(task, state, user_id, 0, &list, &n), OK);
    assert_int_equal(n, GRANTED_LIST_MAX);
    for (size_t i = 1; i < n; i++)
        assert_true(list[i].created_ms < list[i - 1].created_ms);
    assert_true(slice_eq(list[0].id, sha256_hex(task->arena, SLICE("t101"))));
}

/* The index is filled without records: only how many there are matters. */
static void the_oldest_give_way(struct task *task, struct state *state)
{
    uint64_t now_ms = clock_unix_ms();
    struct slice user_id = id_of_name(task->arena, SLICE("user_"), 0, SLICE("eve"));
    struct granted_access oldest = make(task, state, user_id, "old", now_ms - 2), got;

    hand_grant_nothing(task, state, user_id, GRANTED_MAX - 1, now_ms - 1);
    make(task, state, user_id, "new", now_ms);
    assert_int_equal(load(task, state, oldest.id, &got), ERR_NOT_FOUND);
    assert_int_equal(hand_count_granted(task, state, user_id), GRANTED_MAX);
    struct redis_value event = only_event(task, state);
    assert_true(slice_eq(redis_field(&event, SLICE("resource")), oldest.id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(1, a_login),    STATE_TEST(3, a_login), STATE_TEST(1, revocation),
        STATE_TEST(3, revocation), STATE_TEST(1, lists),   STATE_TEST(1, the_oldest_give_way),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
