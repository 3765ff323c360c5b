/* Endpoints of webhooks: the record, its lists, and what an endpoint wants to hear. */
#include "state_fixture.h"

#include "base/task.h"
#include "state/endpoint.h"
#include "state/id.h"

static void endpoints(struct task *task, struct state *state)
{
    unsigned last = state->partitions - 1;
    struct slice names[] = {SLICE("media.uploaded"), SLICE("media.ready")};
    struct endpoint one = {.owner = account_in(task, state, last, false),
                           .url = SLICE("https://example.org/hook?a=b"),
                           .description = SLICE("mine"),
                           .events = names,
                           .event_count = 2,
                           .active = true};
    struct endpoint other = one, got, *list;
    uint64_t before, after;
    size_t n;

    assert_int_equal(endpoint_version(task, state, last, &before), OK);
    assert_int_equal(endpoint_create(task, state, 100, &one, NULL), OK);
    assert_true(slice_starts_with(one.secret, SLICE("whsec_")) && one.secret.n == 6 + 32);
    other.owner = account_in(task, state, last, true);
    other.owner_is_admin = true;
    other.secret = SLICE("whsec_given");
    assert_int_equal(endpoint_create(task, state, 100, &other, NULL), OK);
    assert_int_equal(endpoint_version(task, state, last, &after), OK);
    assert_int_equal(after, before + 2);

    assert_int_equal(endpoint_load(task, state, one.id, &got), OK);
    assert_int_equal(got.partition, last);
    assert_true(slice_eq(got.id, one.id));
    assert_true(slice_eq(got.owner, one.owner));
    assert_true(slice_eq(got.url, one.url));
    assert_true(slice_eq(got.description, one.description));
    assert_true(slice_eq(got.secret, one.secret));
    assert_int_equal(got.event_count, 2);
    assert_true(slice_eq(got.events[1], SLICE("media.ready")));
    assert_true(got.active && !got.owner_is_admin && got.created_ms == one.created_ms);

    assert_int_equal(endpoint_list(task, state, last, SLICE_NONE, &list, &n), OK);
    assert_int_equal(n, 2);
    assert_int_equal(endpoint_list(task, state, last, other.owner, &list, &n), OK);
    assert_int_equal(n, 1);
    assert_true(slice_eq(list[0].id, other.id) && list[0].owner_is_admin);
    assert_true(slice_eq(list[0].secret, SLICE("whsec_given")));

    assert_int_equal(endpoint_disable(task, state, &one, SLICE("410")), OK);
    assert_int_equal(endpoint_load(task, state, one.id, &got), OK);
    assert_false(got.active);
    assert_true(slice_eq(got.disabled_reason, SLICE("410")));
    assert_int_equal(endpoint_delete(task, state, &one), OK);
    assert_int_equal(endpoint_delete(task, state, &one), ERR_NOT_FOUND);
    assert_int_equal(endpoint_disable(task, state, &one, SLICE("410")), ERR_NOT_FOUND);
    assert_int_equal(endpoint_load(task, state, one.id, &got), ERR_NOT_FOUND);
    assert_int_equal(endpoint_load(task, state, SLICE("whk_x"), &got), ERR_NOT_FOUND);
    assert_int_equal(endpoint_list(task, state, last, SLICE_NONE, &list, &n), OK);
    assert_int_equal(n, 1);
    assert_int_equal(endpoint_version(task, state, last, &after), OK);
    assert_int_equal(after, before + 4);
}

static enum err close_down(struct endpoint *now, void *arg)
{
    now->url = SLICE("https://example.net/");
    now->active = false;
    now->disabled_reason = SLICE("gone");
    endpoint_rotate_secret(arg, now);
    return OK;
}

static enum err open_again(struct endpoint *now, void *arg)
{
    now->active = true;
    now->disabled_reason = SLICE_NONE;
    return OK;
}

static enum err move(struct endpoint *now, void *arg)
{
    now->url = *(struct slice *)arg;
    return OK;
}

/* What a receiver at a former address did is not held against the present one. */
static void disabling(struct task *task, struct state *state)
{
    struct endpoint one = {.owner = account_in(task, state, 0, false),
                           .url = SLICE("https://example.org/"),
                           .active = true};
    struct slice elsewhere = SLICE("https://example.com/");
    struct endpoint got;

    assert_int_equal(endpoint_create(task, state, 100, &one, NULL), OK);
    assert_int_equal(endpoint_change(task, state, one.id, move, &elsewhere, &got), OK);
    assert_int_equal(endpoint_disable(task, state, &one, SLICE("410")), ERR_CONFLICT);
    assert_int_equal(endpoint_disable(task, state, &got, SLICE("410")), OK);
    assert_int_equal(endpoint_disable(task, state, &got, SLICE("failing")), ERR_CONFLICT);
    assert_int_equal(endpoint_load(task, state, one.id, &got), OK);
    assert_true(!got.active && slice_eq(got.disabled_reason, SLICE("410")));
}

static void changes(struct task *task, struct state *state)
{
    struct slice star = SLICE("*");
    struct endpoint one = {.owner = account_in(task, state, 0, false),
                           .url = SLICE("https://example.org/"),
                           .events = &star,
                           .event_count = 1,
                           .active = true};
    struct endpoint got;
    struct redis_value health;

    assert_int_equal(endpoint_create(task, state, 100, &one, NULL), OK);
    struct slice first = one.secret, key = endpoint_health_key(task->arena, 0, one.id);
    redis_post(state->durable, SLICE("HSET"), key, SLICE("failing_since"), SLICE("1"));
    assert_int_equal(endpoint_change(task, state, one.id, close_down, task->arena, &one), OK);
    assert_int_equal(endpoint_load(task, state, one.id, &got), OK);
    assert_true(slice_eq(got.url, SLICE("https://example.net/")));
    assert_true(slice_eq(got.url, one.url) && slice_eq(got.disabled_reason, SLICE("gone")));
    assert_true(slice_eq(got.old_secret, first) && slice_eq(got.secret, one.secret));
    assert_false(slice_eq(got.secret, first));
    assert_in_range(got.old_secret_until_ms, clock_unix_ms() + ENDPOINT_OLD_SECRET_MS - 10000,
                    clock_unix_ms() + ENDPOINT_OLD_SECRET_MS);
    assert_int_equal(redis_command(task, state->durable, &health, SLICE("EXISTS"), key), OK);
    assert_int_equal(health.number, 1);

    /* Back to life: what went wrong before is not held against it. */
    assert_int_equal(endpoint_change(task, state, one.id, open_again, NULL, &one), OK);
    assert_int_equal(endpoint_load(task, state, one.id, &got), OK);
    assert_true(got.active && !got.disabled_reason.n);
    assert_int_equal(redis_command(task, state->durable, &health, SLICE("EXISTS"), key), OK);
    assert_int_equal(health.number, 0);
    assert_int_equal(endpoint_delete(task, state, &one), OK);
    assert_int_equal(endpoint_change(task, state, one.id, open_again, NULL, &one), ERR_NOT_FOUND);
}

struct maker {
    struct task *task;
    struct state *state;
    struct slice owner;
    unsigned *running, *made;
};

static void make_two(struct task *task, void *arg)
{
    const struct maker *maker = arg;
    struct slice star = SLICE("*");

    for (int i = 0; i < 2; i++) {
        struct endpoint endpoint = {
            .owner = maker->owner, .events = &star, .event_count = 1, .active = true};
        enum err err = endpoint_create(task, maker->state, 5, &endpoint, NULL);

        assert_true(err == OK || err == ERR_QUOTA);
        *maker->made += err == OK;
    }
    --*maker->running;
}

/* As an older version left it. */
static void forget_count(struct task *task, struct state *state, struct slice owner)
{
    struct redis_value forgotten;
    struct slice key = state_key(task->arena, 0, "endpoints:held:%.*s", SLICE_ARG(owner));

    assert_int_equal(redis_command(task, state->durable, &forgotten, SLICE("DEL"), key), OK);
    assert_int_equal(forgotten.number, 1);
}

/* However many are made at once, no account has more than it may have; deleted ones make room. */
static void bound(struct task *task, struct state *state)
{
    unsigned running = 10, made = 0;
    struct maker maker = {task, state, account_in(task, state, 0, false), &running, &made};
    struct slice star = SLICE("*");
    struct endpoint *list,
        other = {.owner = account_in(task, state, 0, false), .events = &star, .event_count = 1},
        stranger = {.owner = SLICE("user_of_no_partition")};
    size_t n;

    for (unsigned i = 0; i < 10; i++)
        assert_true(task_spawn(make_two, &maker));
    WAIT_UNTIL(running == 0);
    assert_int_equal(made, 5);
    assert_int_equal(endpoint_list(task, state, 0, maker.owner, &list, &n), OK);
    assert_int_equal(n, 5);
    assert_int_equal(endpoint_create(task, state, 1, &other, NULL), OK);
    forget_count(task, state, maker.owner);
    assert_int_equal(endpoint_delete(task, state, &list[0]), OK);
    assert_int_equal(endpoint_delete(task, state, &list[0]), ERR_NOT_FOUND);
    running = 2;
    make_two(task, &maker);
    assert_int_equal(made, 6);
    forget_count(task, state, maker.owner);
    make_two(task, &maker);
    assert_int_equal(made, 6);
    assert_int_equal(endpoint_create(task, state, 5, &stranger, NULL), ERR_NOT_FOUND);
}

static void test_wants(void **unused)
{
    struct slice star[] = {SLICE("*")}, ready[] = {SLICE("media.ready")},
                 processing[] = {SLICE("media.processing")};
    const struct {
        struct slice *events;
        bool active, admin, own;
        enum event_type type;
        bool wants;
    } cases[] = {
        {star, true, false, true, EVENT_MEDIA_UPLOADED, true},
        {star, true, false, false, EVENT_MEDIA_UPLOADED, false},
        {star, true, true, false, EVENT_MEDIA_UPLOADED, true},
        {star, false, true, true, EVENT_MEDIA_UPLOADED, false},
        {star, true, false, true, EVENT_MEDIA_READY, false},
        {ready, true, false, true, EVENT_MEDIA_READY, true},
        {ready, true, false, true, EVENT_MEDIA_FAILED, false},
        {processing, true, false, true, EVENT_MEDIA_PROCESSING, false},
        {star, true, true, true, EVENT_SESSION_ENDED, false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct endpoint endpoint = {.owner = SLICE("user_a"),
                                    .owner_is_admin = cases[i].admin,
                                    .events = cases[i].events,
                                    .event_count = 1,
                                    .active = cases[i].active};
        struct event event = {.type = cases[i].type,
                              .owner = cases[i].own ? SLICE("user_a") : SLICE("user_b")};

        assert_int_equal(endpoint_wants(&endpoint, &event), cases[i].wants);
    }
}

static struct slice kept(struct task *task, struct state *state, const struct endpoint *endpoint,
                         struct slice field)
{
    struct redis_value v;

    assert_int_equal(redis_command(task, state->durable, &v, SLICE("HGET"),
                                   record_key(task->arena, endpoint), field),
                     OK);
    return v.text;
}

static void put(struct task *task, struct state *state, const struct endpoint *endpoint,
                struct slice field, struct slice text)
{
    redis_post(state->durable, SLICE("HSET"), record_key(task->arena, endpoint), field, text);
}

static void at_rest(struct task *task, struct state *state)
{
    struct slice star = SLICE("*"), field = SLICE("secret");
    struct endpoint one = {.owner = account_in(task, state, state->partitions - 1, false),
                           .url = SLICE("https://example.org/"),
                           .events = &star,
                           .event_count = 1,
                           .active = true};
    struct endpoint other = one, got;

    assert_int_equal(endpoint_create(task, state, 100, &one, NULL), OK);
    assert_int_equal(endpoint_create(task, state, 100, &other, NULL), OK);
    struct slice sealed = kept(task, state, &one, field), secret = one.secret;
    assert_int_equal(seal_name(sealed).n, SEAL_NAME_BYTES);
    /* In another record, or another field of its own, it does not open; nothing else is harmed. */
    put(task, state, &other, field, sealed);
    put(task, state, &one, SLICE("old_secret"), sealed);
    assert_int_equal(endpoint_load(task, state, other.id, &got), OK);
    assert_int_equal(got.secret.n, 0);
    assert_int_equal(endpoint_load(task, state, one.id, &got), OK);
    assert_true(slice_eq(got.secret, secret) && got.old_secret.n == 0);

    /* As an older version has left it. */
    put(task, state, &one, field, secret);
    put(task, state, &one, SLICE("old_secret"), SLICE("whsec_old"));
    assert_int_equal(endpoint_load(task, state, one.id, &got), OK);
    assert_true(slice_eq(got.secret, secret) && slice_eq(got.old_secret, SLICE("whsec_old")));
    assert_int_equal(endpoint_seal_plain(task, state), OK);
    assert_true(seal_name(kept(task, state, &one, field)).n > 0);
    assert_true(seal_name(kept(task, state, &one, SLICE("old_secret"))).n > 0);
    assert_int_equal(endpoint_load(task, state, one.id, &got), OK);
    assert_true(slice_eq(got.secret, secret) && slice_eq(got.old_secret, SLICE("whsec_old")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(1, at_rest),   STATE_TEST(3, at_rest),   cmocka_unit_test(test_wants),
        STATE_TEST(1, endpoints), STATE_TEST(3, endpoints), STATE_TEST(1, changes),
        STATE_TEST(1, disabling), STATE_TEST(1, bound),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
