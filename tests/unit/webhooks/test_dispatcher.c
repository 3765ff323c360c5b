/* The whole dispatcher against a real Redis server and receivers on loopback. */
#include "catcher.h"
#include "state_fixture.h"

#include "base/text.h"
#include "state/commit.h"
#include "state/delivery.h"
#include "state/endpoint.h"
#include "state/id.h"
#include "webhooks/dispatcher.h"
#include "webhooks/signing.h"

#define ANSWER(status) "HTTP/1.1 " status "\r\nContent-Length: 0\r\n\r\n"

static struct arena *catchers;
static const struct target_policy policy = {.everything = true};
static const struct delivery_bounds bounds = {86400, 100};

struct hub {
    struct task *task;
    struct state *state;
    struct slice owner;
    struct dispatcher *dispatcher;
    bool stopped;
};

static void on_stopped(void *arg)
{
    ((struct hub *)arg)->stopped = true;
}

static void dispatch(struct hub *hub)
{
    struct dispatcher_settings settings = {hub->state, &policy, bounds, 200};

    hub->stopped = false;
    hub->dispatcher = dispatcher_start(&settings, on_stopped, hub);
    WAIT_UNTIL(dispatcher_ready(hub->dispatcher));
}

static void stop_dispatching(struct hub *hub)
{
    dispatcher_stop(hub->dispatcher);
    WAIT_UNTIL(hub->stopped);
    dispatcher_free(hub->dispatcher);
}

static struct hub hub_open(struct task *task, struct state *state)
{
    struct hub hub = {.task = task, .state = state};

    hub.owner = account_in(task, state, state->partitions - 1, false);
    return hub;
}

static struct endpoint listen_at(struct hub *hub, const struct catcher *catcher, const char *events)
{
    struct slice *names = ARENA_NEW(hub->task->arena, struct slice);
    struct endpoint endpoint = {.owner = hub->owner, .active = true, .events = names};

    *names = slice_from(events);
    endpoint.event_count = 1;
    endpoint.url = arena_printf(hub->task->arena, "http://127.0.0.1:%d/hook?a=b", catcher->port);
    assert_int_equal(endpoint_create(hub->task, hub->state, 100, &endpoint, NULL), OK);
    return endpoint;
}

static struct event happen(struct hub *hub, enum event_type type)
{
    unsigned partition = hub->state->partitions - 1;
    struct commit *commit = commit_new(hub->task, hub->state, partition);
    struct event event = {.type = type,
                          .owner = hub->owner,
                          .resource = id_new(hub->task->arena, SLICE("media_"), partition),
                          .resource_type = SLICE("image")};

    commit_event(commit, &event);
    assert_int_equal(commit_send(commit), OK);
    return event;
}

/* The latest delivery. */
static struct delivery look(struct hub *hub, const struct endpoint *endpoint)
{
    struct delivery *list, none = {.state = DELIVERY_PENDING};
    uint64_t total;
    size_t n;

    if (delivery_list(hub->task, hub->state, endpoint->id, endpoint->partition, false, 0, 0, 1,
                      &list, &n, &total) != OK ||
        n == 0)
        return none;
    return list[0];
}

static struct slice header(struct arena *arena, const char *request, const char *name)
{
    const char *at = strstr(request, arena_cstr(arena, arena_printf(arena, "\r\n%s: ", name)));

    if (!at)
        return SLICE_NONE;
    at += 4 + strlen(name);
    return (struct slice){at, (size_t)(strchr(at, '\r') - at)};
}

static void delivered(struct task *task, struct state *state)
{
    struct hub hub = hub_open(task, state);
    struct catcher *catcher = catcher_open(catchers, ANSWER("204 No Content"));
    struct endpoint endpoint = listen_at(&hub, catcher, "*");
    uint64_t timestamp_s;
    struct slice key;

    dispatch(&hub);
    happen(&hub, EVENT_MEDIA_PROCESSING); /* not for webhooks */
    happen(&hub, EVENT_MEDIA_READY);      /* only where it is named */
    struct event event = happen(&hub, EVENT_MEDIA_UPLOADED);
    WAIT_UNTIL(look(&hub, &endpoint).state == DELIVERY_DELIVERED);
    stop_dispatching(&hub);

    assert_int_equal(catcher->requests, 1);
    assert_int_equal(strncmp(catcher->request, "POST /hook?a=b HTTP/1.1\r\n", 25), 0);
    struct slice id = header(task->arena, catcher->request, "webhook-id");
    struct slice body = slice_from(strstr(catcher->request, "\r\n\r\n") + 4);
    assert_true(slice_eq(id, event.id));
    assert_true(slice_eq(body, event_body(task->arena, &event)));
    assert_true(
        slice_to_u64(header(task->arena, catcher->request, "webhook-timestamp"), &timestamp_s));
    assert_in_range(timestamp_s, clock_unix_ms() / 1000 - 10, clock_unix_ms() / 1000);
    assert_true(signing_key_parse(task->arena, endpoint.secret, &key));
    assert_true(slice_eq(header(task->arena, catcher->request, "webhook-signature"),
                         signing_v1(task->arena, key, id, timestamp_s, body)));
    assert_true(
        slice_eq(header(task->arena, catcher->request, "Content-Type"), SLICE("application/json")));
    assert_true(slice_eq(header(task->arena, catcher->request, "X-MediaVault-Event"),
                         SLICE("media.uploaded")));
    catcher_close(catcher);
}

/* Only the owner's endpoints and the admins' hear an event, in whichever partition they are. */
static void heard_by_whom_it_concerns(struct task *task, struct state *state)
{
    struct hub hub = hub_open(task, state), other = hub, admin = hub;
    struct catcher *catcher = catcher_open(catchers, ANSWER("200 OK"));
    struct endpoint own, foreign, everybody = {0};
    struct delivery *list;
    uint64_t total;
    size_t n;

    other.owner = account_in(task, state, 0, false);
    admin.owner = account_in(task, state, 0, true);
    dispatch(&hub);
    own = listen_at(&hub, catcher, "media.uploaded");
    foreign = listen_at(&other, catcher, "*");
    everybody = foreign;
    everybody.owner = admin.owner;
    everybody.owner_is_admin = true;
    assert_int_equal(endpoint_create(task, state, 100, &everybody, NULL), OK);
    happen(&hub, EVENT_MEDIA_UPLOADED);
    WAIT_UNTIL(catcher->requests == 2);
    WAIT_UNTIL(look(&hub, &own).state == DELIVERY_DELIVERED);
    assert_int_equal(look(&hub, &foreign).event_id.n, 0);
    assert_int_equal(delivery_list(task, state, everybody.id, everybody.partition, true, 0, 0, 10,
                                   &list, &n, &total),
                     OK);
    assert_int_equal(total, 1);
    stop_dispatching(&hub);
    assert_int_equal(catcher->requests, 2);
    catcher_close(catcher);
}

/* An acceptor that is at it when the dispatcher stops lists whom it has something for after the
 * sender has left: freeing asserts that nobody holds a receiver. */
static void stopped_while_it_accepts(struct task *task, struct state *state)
{
    enum { STOPS = 20 };
    struct hub hub = hub_open(task, state);
    struct catcher *catcher = catcher_open(catchers, ANSWER("200 OK"));
    struct endpoint endpoint = listen_at(&hub, catcher, "*");

    for (unsigned i = 0; i < STOPS; i++) {
        dispatch(&hub);
        happen(&hub, EVENT_MEDIA_UPLOADED);
        stop_dispatching(&hub);
    }
    dispatch(&hub);
    WAIT_UNTIL(look(&hub, &endpoint).state == DELIVERY_DELIVERED &&
               catcher->requests >= (int)STOPS);
    stop_dispatching(&hub);
    catcher_close(catcher);
}

static void failed_and_asked_for_again(struct task *task, struct state *state)
{
    struct hub hub = hub_open(task, state);
    struct catcher *catcher = catcher_open(catchers, ANSWER("500 Oh"));
    struct endpoint endpoint = listen_at(&hub, catcher, "*");

    dispatch(&hub);
    struct event event = happen(&hub, EVENT_MEDIA_UPLOADED);
    WAIT_UNTIL(look(&hub, &endpoint).attempt_count == 1);
    struct delivery delivery = look(&hub, &endpoint);
    assert_int_equal(delivery.state, DELIVERY_PENDING);
    assert_int_equal(delivery.attempts[0].status, 500);
    assert_in_range(delivery.next_ms, clock_unix_ms() + 3000, clock_unix_ms() + 6000);

    catcher->answer = ANSWER("200 OK");
    assert_int_equal(
        delivery_retry(task, state, endpoint.id, event.id, hub.owner, clock_unix_ms(), &bounds),
        OK);
    WAIT_UNTIL(look(&hub, &endpoint).state == DELIVERY_DELIVERED);
    assert_int_equal(look(&hub, &endpoint).attempt_count, 2);
    stop_dispatching(&hub);
    catcher_close(catcher);
}

static void gone_means_disabled(struct task *task, struct state *state)
{
    struct hub hub = hub_open(task, state);
    struct catcher *catcher = catcher_open(catchers, ANSWER("500 Oh"));
    struct endpoint endpoint = listen_at(&hub, catcher, "*"), now;

    dispatch(&hub);
    happen(&hub, EVENT_MEDIA_UPLOADED);
    WAIT_UNTIL(look(&hub, &endpoint).attempt_count == 1);
    catcher->answer = ANSWER("410 Gone");
    happen(&hub, EVENT_MEDIA_UPLOADED);
    WAIT_UNTIL(endpoint_load(task, state, endpoint.id, &now) == OK && !now.active);
    assert_true(slice_eq(now.disabled_reason, SLICE("gone")));
    assert_int_equal(look(&hub, &endpoint).state, DELIVERY_DEAD);

    struct delivery *list;
    uint64_t total;
    size_t n = 0;
    do {
        assert_int_equal(delivery_list(task, state, endpoint.id, endpoint.partition, false, 0, 0,
                                       10, &list, &n, &total),
                         OK);
        assert_int_equal(n, 2);
    } while (list[1].state != DELIVERY_CANCELLED);
    happen(&hub, EVENT_MEDIA_UPLOADED);
    stop_dispatching(&hub);
    assert_int_equal(catcher->requests, 2);
    catcher_close(catcher);
}

static void a_hung_receiver_delays_no_other(struct task *task, struct state *state)
{
    enum { EVENTS = 40 };
    struct hub hub = hub_open(task, state);
    struct catcher *hung = catcher_open(catchers, NULL);
    struct catcher *healthy = catcher_open(catchers, ANSWER("200 OK"));
    uint64_t started_ms = clock_ms();

    listen_at(&hub, hung, "*");
    listen_at(&hub, healthy, "*");
    dispatch(&hub);
    for (int i = 0; i < EVENTS; i++)
        happen(&hub, EVENT_MEDIA_UPLOADED);
    WAIT_UNTIL(healthy->requests == EVENTS);
    assert_true(clock_ms() - started_ms < 10000);
    assert_in_range(hung->connections, 1, 8);
    stop_dispatching(&hub);
    assert_int_equal(healthy->requests, EVENTS);
    catcher_close(hung);
    catcher_close(healthy);
}

/* What happened while no dispatcher ran, what one had in flight when it stopped, and what happened
 * around the death of the state server, all arrives. */
static void nothing_is_lost(struct task *task, struct state *state)
{
    struct hub hub = hub_open(task, state);
    struct catcher *catcher = catcher_open(catchers, NULL);
    struct endpoint endpoint = listen_at(&hub, catcher, "*");

    happen(&hub, EVENT_MEDIA_UPLOADED);
    dispatch(&hub);
    WAIT_UNTIL(catcher->requests == 1);
    stop_dispatching(&hub);
    assert_int_equal(look(&hub, &endpoint).state, DELIVERY_PENDING);
    assert_int_equal(look(&hub, &endpoint).attempt_count, 0);

    catcher->answer = ANSWER("200 OK");
    dispatch(&hub);
    WAIT_UNTIL(look(&hub, &endpoint).state == DELIVERY_DELIVERED);
    assert_int_equal(catcher->requests, 2);
    redis_fixture_kill();
    redis_fixture_again();
    WAIT_UNTIL(state_ready(state));
    struct event event = happen(&hub, EVENT_MEDIA_UPLOADED);
    WAIT_UNTIL(catcher->requests == 3);
    assert_true(slice_eq(header(task->arena, catcher->request, "webhook-id"), event.id));
    stop_dispatching(&hub);
    catcher_close(catcher);
}

static enum err rotate(struct endpoint *now, void *arg)
{
    endpoint_rotate_secret(arg, now);
    return OK;
}

/* While a rotation is young, receivers may verify by the old secret or the new one. */
static void signed_twice_after_a_rotation(struct task *task, struct state *state)
{
    struct hub hub = hub_open(task, state);
    struct catcher *catcher = catcher_open(catchers, ANSWER("200 OK"));
    struct endpoint endpoint = listen_at(&hub, catcher, "*");
    struct slice keys[2], tokens[2], rest;
    uint64_t timestamp_s;

    assert_int_equal(endpoint_change(task, state, endpoint.id, rotate, task->arena, &endpoint), OK);
    dispatch(&hub);
    struct event event = happen(&hub, EVENT_MEDIA_UPLOADED);
    WAIT_UNTIL(look(&hub, &endpoint).state == DELIVERY_DELIVERED);
    stop_dispatching(&hub);

    assert_true(signing_key_parse(task->arena, endpoint.secret, &keys[0]));
    assert_true(signing_key_parse(task->arena, endpoint.old_secret, &keys[1]));
    assert_false(slice_eq(keys[0], keys[1]));
    rest = header(task->arena, catcher->request, "webhook-signature");
    assert_true(slice_split(rest, ' ', &tokens[0], &tokens[1]));
    slice_to_u64(header(task->arena, catcher->request, "webhook-timestamp"), &timestamp_s);
    for (int i = 0; i < 2; i++)
        assert_true(slice_eq(tokens[i], signing_v1(task->arena, keys[i], event.id, timestamp_s,
                                                   event_body(task->arena, &event))));
    catcher_close(catcher);
}

/* A message that no event made goes to one endpoint, and through all the same steps. */
static void sent_to_one(struct task *task, struct state *state)
{
    struct hub hub = hub_open(task, state);
    struct catcher *catcher = catcher_open(catchers, ANSWER("200 OK"));
    struct endpoint endpoint = listen_at(&hub, catcher, "collection.created");
    struct acceptance message = {.event_id = id_new(task->arena, SLICE("evt_"), 0),
                                 .type = SLICE("webhook.test"),
                                 .body = SLICE("{}"),
                                 .owner = hub.owner};

    listen_at(&hub, catcher, "*");
    dispatch(&hub);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            delivery_send(task, state, endpoint.id, &message, clock_unix_ms(), &bounds), OK);
    WAIT_UNTIL(look(&hub, &endpoint).state == DELIVERY_DELIVERED);
    stop_dispatching(&hub);
    assert_int_equal(catcher->requests, 1);
    assert_true(slice_eq(header(task->arena, catcher->request, "webhook-id"), message.event_id));
    catcher_close(catcher);
}

static void deleted_leaves_nothing(struct task *task, struct state *state)
{
    struct hub hub = hub_open(task, state);
    struct catcher *catcher = catcher_open(catchers, ANSWER("500 Oh"));
    struct endpoint endpoint = listen_at(&hub, catcher, "*");

    dispatch(&hub);
    happen(&hub, EVENT_MEDIA_UPLOADED);
    WAIT_UNTIL(look(&hub, &endpoint).attempt_count == 1);
    assert_int_equal(endpoint_delete(task, state, &endpoint), OK);
    happen(&hub, EVENT_MEDIA_UPLOADED);
    WAIT_UNTIL(look(&hub, &endpoint).event_id.n == 0);
    stop_dispatching(&hub);
    assert_int_equal(catcher->requests, 1);
    catcher_close(catcher);
}

#define CASES(X)                                                                                   \
    X(delivered, 1)                                                                                \
    X(heard_by_whom_it_concerns, 3)                                                                \
    X(failed_and_asked_for_again, 1)                                                               \
    X(gone_means_disabled, 1)                                                                      \
    X(a_hung_receiver_delays_no_other, 1)                                                          \
    X(signed_twice_after_a_rotation, 1)                                                            \
    X(sent_to_one, 1)                                                                              \
    X(nothing_is_lost, 1)                                                                          \
    X(stopped_while_it_accepts, 1)                                                                 \
    X(deleted_leaves_nothing, 1)
#define CASE(name, partitions)                                                                     \
    static void test_##name(void **unused)                                                         \
    {                                                                                              \
        catchers = arena_new();                                                                    \
        with_state(partitions, name);                                                              \
        arena_free(catchers);                                                                      \
    }
CASES(CASE)

int main(void)
{
#define ENTRY(name, partitions) cmocka_unit_test(test_##name),
    const struct CMUnitTest tests[] = {CASES(ENTRY)};

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
