#include "state_by_hand.h"
#include "state_fixture.h"

#include "base/text.h"
#include "state/commit.h"
#include "state/delivery.h"
#include "state/id.h"

#include <string.h>

enum { RETENTION_S = 7 * 86400 };

static const uint64_t now_ms = 1700000000000;
static const struct delivery_bounds bounds = {RETENTION_S, 100};

/* A history of n events in a partition; the cursor stands at its beginning. */
struct scene {
    struct task *task;
    struct state *state;
    unsigned partition;
    struct slice owner, events[8];
    struct head cursor;
};

static struct scene scene_open(struct task *task, struct state *state, unsigned partition, size_t n)
{
    struct scene scene = {.task = task, .state = state, .partition = partition};
    struct commit *commit = commit_new(task, state, partition);

    scene.owner = id_new(task->arena, SLICE("user_"), partition);
    for (size_t i = 0; i < n; i++) {
        struct event event = {.type = EVENT_MEDIA_UPLOADED,
                              .owner = scene.owner,
                              .resource = id_new(task->arena, SLICE("media_"), partition),
                              .resource_type = SLICE("image")};

        commit_event(commit, &event);
        scene.events[i] = event.id;
    }
    assert_int_equal(commit_send(commit), OK);
    assert_int_equal(delivery_cursor_open(task, state, partition, NULL, &scene.cursor), OK);
    assert_int_equal(scene.cursor.offset, 0);
    return scene;
}

static struct head head_at(const struct scene *scene, uint64_t offset)
{
    struct head head = {.epoch = scene->cursor.epoch, .offset = offset};

    snprintf(head.hash, sizeof head.hash, "%016x", (unsigned)offset);
    return head;
}

/* Accepts the next n events for all these endpoints; *full_n: of how many the backlog is full. */
static enum err accept_within(struct scene *scene, size_t n, const struct slice *endpoints,
                              size_t count, const struct delivery_bounds *within,
                              struct slice **full, size_t *full_n)
{
    struct acceptance items[8];
    struct head to = head_at(scene, scene->cursor.offset + n), now;

    for (size_t i = 0; i < n; i++)
        items[i] = (struct acceptance){scene->events[scene->cursor.offset + i],
                                       SLICE("media.uploaded"),
                                       SLICE("{\"a\":1}"),
                                       scene->owner,
                                       endpoints,
                                       count};
    enum err err = delivery_accept(scene->task, scene->state, scene->partition, &scene->cursor, &to,
                                   items, n, now_ms, within, full, full_n, &now);
    if (err == OK)
        scene->cursor = to;
    return err;
}

static enum err accept_events(struct scene *scene, size_t n, const struct slice *endpoints,
                              size_t count)
{
    struct slice *full;
    size_t full_n;
    enum err err = accept_within(scene, n, endpoints, count, &bounds, &full, &full_n);

    assert_int_equal(full_n, 0);
    return err;
}

static size_t claim(struct scene *scene, struct slice endpoint, unsigned wanted, const char *fence,
                    uint64_t at_ms, struct claimed **out)
{
    struct claim_want want = {endpoint, wanted};
    size_t n = 99;

    assert_int_equal(delivery_claim(scene->task, scene->state, scene->partition, slice_from(fence),
                                    &want, 1, at_ms, out, &n),
                     OK);
    return n;
}

static uint64_t finish(struct scene *scene, struct slice endpoint, struct slice event,
                       const char *fence, enum delivery_outcome outcome, uint64_t next_ms)
{
    struct delivery_result result = {
        .endpoint = endpoint,
        .event_id = event,
        .fence = slice_from(fence),
        .outcome = outcome,
        .next_ms = next_ms,
        .attempt = {now_ms, outcome == OUTCOME_DELIVERED ? 204 : 500, 12, SLICE("")},
    };
    uint64_t stale = 99;

    assert_int_equal(
        delivery_finish(scene->task, scene->state, scene->partition, &result, 1, &stale), OK);
    return stale;
}

static size_t tick(struct scene *scene, uint64_t at_ms, uint64_t *next_ms)
{
    struct slice *ready;
    size_t n = 99;

    assert_int_equal(
        delivery_tick(scene->task, scene->state, scene->partition, at_ms, next_ms, &ready, &n), OK);
    return n;
}

static struct delivery only(struct scene *scene, struct slice endpoint)
{
    struct delivery *list;
    uint64_t total;
    size_t n;

    assert_int_equal(delivery_list(scene->task, scene->state, endpoint, scene->partition, false,
                                   now_ms - 1, 0, 100, &list, &n, &total),
                     OK);
    assert_int_equal(total, 1);
    assert_int_equal(n, 1);
    return list[0];
}

static struct slice whk(struct scene *scene)
{
    return id_new(scene->task->arena, SLICE("whk_"), scene->partition);
}

static void delivered(struct task *task, struct state *state)
{
    struct scene scene = scene_open(task, state, 0, 1);
    struct slice endpoint = whk(&scene);
    struct claimed *claimed;
    uint64_t next_ms;

    assert_int_equal(accept_events(&scene, 1, &endpoint, 1), OK);
    assert_int_equal(tick(&scene, now_ms, &next_ms), 1);
    assert_int_equal(next_ms, 0);
    assert_int_equal(claim(&scene, endpoint, 8, "f1", now_ms, &claimed), 1);
    assert_true(slice_eq(claimed[0].endpoint, endpoint));
    assert_true(slice_eq(claimed[0].event_id, scene.events[0]));
    assert_true(slice_eq(claimed[0].type, SLICE("media.uploaded")));
    assert_true(slice_eq(claimed[0].body, SLICE("{\"a\":1}")));
    assert_int_equal(claimed[0].attempts, 0);
    assert_int_equal(tick(&scene, now_ms, &next_ms), 0);
    assert_int_equal(next_ms, now_ms + DELIVERY_LEASE_MS);
    assert_int_equal(only(&scene, endpoint).state, DELIVERY_PENDING);
    assert_int_equal(finish(&scene, endpoint, scene.events[0], "f1", OUTCOME_DELIVERED, 0), 0);

    struct delivery delivery = only(&scene, endpoint);
    assert_int_equal(delivery.state, DELIVERY_DELIVERED);
    assert_int_equal(delivery.next_ms, 0);
    assert_true(slice_eq(delivery.event_id, scene.events[0]));
    assert_int_equal(delivery.attempt_count, 1);
    assert_int_equal(delivery.attempts[0].status, 204);
    assert_int_equal(delivery.attempts[0].duration_ms, 12);
    assert_int_equal(delivery.attempts[0].at_ms, now_ms);
    tick(&scene, now_ms + 1000000, &next_ms);
    assert_int_equal(next_ms, 0);
}

/* The cursor is the fence of acceptance: the same events are never accepted twice. */
static void accepted_once(struct task *task, struct state *state)
{
    struct scene scene = scene_open(task, state, 0, 3);
    struct scene other = scene;
    struct slice endpoint = whk(&scene);
    struct claimed *claimed;
    struct head cursor;

    assert_int_equal(accept_events(&scene, 2, &endpoint, 1), OK);
    assert_int_equal(accept_events(&other, 3, &endpoint, 1), ERR_CONFLICT);
    assert_int_equal(delivery_cursor_open(task, state, 0, NULL, &cursor), OK);
    assert_int_equal(cursor.offset, 2);
    assert_string_equal(cursor.hash, scene.cursor.hash);
    assert_int_equal(accept_events(&scene, 1, &endpoint, 1), OK);
    assert_int_equal(claim(&scene, endpoint, 8, "f1", now_ms, &claimed), 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(slice_eq(claimed[i].event_id, scene.events[i]));
}

/* A cursor that is no part of the history goes to the head, once. */
static void lost_cursor(struct task *task, struct state *state)
{
    struct scene scene = scene_open(task, state, 0, 3);
    struct head lost = scene.cursor, now;

    assert_int_equal(delivery_cursor_open(task, state, 0, &lost, &now), OK);
    assert_int_equal(now.offset, 3);
    assert_int_equal(accept_events(&scene, 1, NULL, 0), ERR_CONFLICT);
    scene.cursor = now;
    assert_int_equal(delivery_cursor_open(task, state, 0, &lost, &now), OK);
    assert_int_equal(now.offset, 3);
}

static void retried(struct task *task, struct state *state)
{
    struct scene scene = scene_open(task, state, 0, 1);
    struct slice endpoint = whk(&scene), event = scene.events[0];
    uint64_t due_ms = now_ms + 5000, next_ms;
    struct claimed *claimed;

    assert_int_equal(accept_events(&scene, 1, &endpoint, 1), OK);
    assert_int_equal(claim(&scene, endpoint, 8, "f1", now_ms, &claimed), 1);
    assert_int_equal(finish(&scene, endpoint, event, "f1", OUTCOME_RETRY, due_ms), 0);
    assert_int_equal(only(&scene, endpoint).next_ms, due_ms);
    assert_int_equal(claim(&scene, endpoint, 8, "f2", now_ms, &claimed), 0);
    assert_int_equal(tick(&scene, due_ms - 1, &next_ms), 0);
    assert_int_equal(next_ms, due_ms);
    assert_int_equal(tick(&scene, due_ms, &next_ms), 1);
    assert_int_equal(next_ms, 0);
    assert_int_equal(claim(&scene, endpoint, 8, "f3", due_ms, &claimed), 1);
    assert_int_equal(claimed[0].attempts, 1);
    assert_int_equal(finish(&scene, endpoint, event, "f3", OUTCOME_DEAD, 0), 0);
    assert_int_equal(only(&scene, endpoint).state, DELIVERY_DEAD);
    assert_int_equal(only(&scene, endpoint).attempt_count, 2);

    /* A person asks for it again: now, and with a fresh schedule. */
    assert_int_equal(delivery_retry(task, state, endpoint, event, scene.owner, now_ms, &bounds),
                     OK);
    assert_int_equal(only(&scene, endpoint).state, DELIVERY_PENDING);
    assert_int_equal(claim(&scene, endpoint, 8, "f4", due_ms, &claimed), 1);
    assert_int_equal(claimed[0].attempts, 0);
    assert_int_equal(finish(&scene, endpoint, event, "f4", OUTCOME_DELIVERED, 0), 0);
    assert_int_equal(only(&scene, endpoint).attempt_count, 3);
}

/* Only the holder of the lease can finish; a dead holder's delivery goes back to the head. */
static void leases(struct task *task, struct state *state)
{
    struct scene scene = scene_open(task, state, 0, 2);
    struct slice endpoint = whk(&scene);
    uint64_t late_ms = now_ms + DELIVERY_LEASE_MS, next_ms;
    struct claimed *claimed;

    assert_int_equal(accept_events(&scene, 2, &endpoint, 1), OK);
    assert_int_equal(claim(&scene, endpoint, 1, "dead", now_ms, &claimed), 1);
    assert_int_equal(tick(&scene, late_ms, &next_ms), 1);
    assert_int_equal(finish(&scene, endpoint, scene.events[0], "dead", OUTCOME_DELIVERED, 0), 1);
    assert_int_equal(claim(&scene, endpoint, 8, "alive", late_ms, &claimed), 2);
    assert_true(slice_eq(claimed[0].event_id, scene.events[0]));
    assert_int_equal(claimed[0].attempts, 0);
    assert_int_equal(finish(&scene, endpoint, scene.events[0], "dead", OUTCOME_DEAD, 0), 1);
    assert_int_equal(finish(&scene, endpoint, scene.events[0], "alive", OUTCOME_RELEASE, 0), 0);
    assert_int_equal(finish(&scene, endpoint, scene.events[0], "alive", OUTCOME_RELEASE, 0), 1);
    assert_int_equal(claim(&scene, endpoint, 8, "again", late_ms, &claimed), 1);
    assert_int_equal(finish(&scene, endpoint, scene.events[0], "again", OUTCOME_DELIVERED, 0), 0);
}

/* What kills its holder five times in a row is given up. */
static void poison(struct task *task, struct state *state)
{
    struct scene scene = scene_open(task, state, 0, 1);
    struct slice endpoint = whk(&scene);
    uint64_t at_ms = now_ms, next_ms;
    struct claimed *claimed;

    assert_int_equal(accept_events(&scene, 1, &endpoint, 1), OK);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(claim(&scene, endpoint, 1, "x", at_ms, &claimed), 1);
        at_ms += DELIVERY_LEASE_MS;
        tick(&scene, at_ms, &next_ms);
    }
    assert_int_equal(claim(&scene, endpoint, 1, "x", at_ms, &claimed), 0);
    struct delivery delivery = only(&scene, endpoint);
    assert_int_equal(delivery.state, DELIVERY_DEAD);
    assert_int_equal(delivery.attempt_count, 1);
    assert_true(slice_eq(delivery.attempts[0].error, SLICE("lease_expired")));
}

static void cancelled(struct task *task, struct state *state)
{
    struct scene scene = scene_open(task, state, 0, 4);
    struct slice endpoint = whk(&scene), other = whk(&scene);
    struct slice both[] = {endpoint, other};
    struct claimed *claimed;
    struct delivery *list;
    uint64_t next_ms, total;
    size_t n;

    assert_int_equal(accept_events(&scene, 4, both, 2), OK);
    assert_int_equal(claim(&scene, endpoint, 2, "f1", now_ms, &claimed), 2);
    assert_int_equal(finish(&scene, endpoint, scene.events[0], "f1", OUTCOME_RETRY, now_ms + 5), 0);
    assert_int_equal(delivery_cancel(task, state, 0, endpoint, false), OK);
    /* The one in flight may still succeed, or else stays cancelled. */
    assert_int_equal(finish(&scene, endpoint, scene.events[1], "f1", OUTCOME_RETRY, now_ms + 5), 0);
    assert_int_equal(tick(&scene, now_ms + 10, &next_ms), 1);
    assert_int_equal(next_ms, 0);
    assert_int_equal(delivery_list(task, state, endpoint, 0, false, 0, 0, 100, &list, &n, &total),
                     OK);
    assert_int_equal(n, 4);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(list[i].state, DELIVERY_CANCELLED);

    assert_int_equal(delivery_cancel(task, state, 0, endpoint, true), OK);
    assert_int_equal(delivery_list(task, state, endpoint, 0, false, 0, 0, 100, &list, &n, &total),
                     OK);
    assert_int_equal(total, 0);
    assert_int_equal(claim(&scene, other, 8, "f2", now_ms, &claimed), 4);
}

/* Whoever asks for it then has it sent, also when the attempt that was cancelled fails. */
static void asked_for_on_its_way(struct task *task, struct state *state)
{
    struct scene scene = scene_open(task, state, 0, 1);
    struct slice endpoint = whk(&scene), event = scene.events[0];
    struct claimed *claimed;
    uint64_t next_ms;

    assert_int_equal(accept_events(&scene, 1, &endpoint, 1), OK);
    assert_int_equal(claim(&scene, endpoint, 1, "f1", now_ms, &claimed), 1);
    assert_int_equal(delivery_cancel(task, state, 0, endpoint, false), OK);
    assert_int_equal(delivery_retry(task, state, endpoint, event, scene.owner, now_ms, &bounds),
                     OK);
    assert_int_equal(claim(&scene, endpoint, 1, "f2", now_ms, &claimed), 0);
    assert_int_equal(finish(&scene, endpoint, event, "f1", OUTCOME_RETRY, now_ms + 5), 0);
    assert_int_equal(tick(&scene, now_ms + 10, &next_ms), 1);
    assert_int_equal(claim(&scene, endpoint, 1, "f3", now_ms + 10, &claimed), 1);
    assert_int_equal(finish(&scene, endpoint, event, "f3", OUTCOME_DELIVERED, 0), 0);
}

/* A message is kept whether or not anybody listened; only its owner's endpoints may ask for it. */
static void replayed(struct task *task, struct state *state)
{
    struct scene scene = scene_open(task, state, 0, 1);
    struct slice endpoint = whk(&scene), event = scene.events[0];
    struct claimed *claimed;

    assert_int_equal(accept_events(&scene, 1, NULL, 0), OK);
    assert_int_equal(delivery_retry(task, state, endpoint, event, SLICE("user_x"), now_ms, &bounds),
                     ERR_NOT_FOUND);
    assert_int_equal(
        delivery_retry(task, state, endpoint, SLICE("evt_x"), SLICE(""), now_ms, &bounds),
        ERR_NOT_FOUND);
    assert_int_equal(delivery_retry(task, state, endpoint, event, scene.owner, now_ms, &bounds),
                     OK);
    /* Asking again while it waits makes no second one. */
    assert_int_equal(delivery_retry(task, state, endpoint, event, SLICE(""), now_ms, &bounds), OK);
    assert_int_equal(claim(&scene, endpoint, 8, "f1", now_ms, &claimed), 1);
    assert_int_equal(delivery_retry(task, state, endpoint, event, scene.owner, now_ms, &bounds),
                     OK);
    assert_int_equal(claim(&scene, endpoint, 8, "f2", now_ms, &claimed), 0);
}

static void hold(struct scene *scene, struct slice endpoint, struct slice event, uint64_t until_ms)
{
    struct delivery_result result = {.endpoint = endpoint,
                                     .event_id = event,
                                     .fence = SLICE("f"),
                                     .outcome = OUTCOME_RETRY,
                                     .next_ms = now_ms + 10,
                                     .attempt = {now_ms, 429, 1, SLICE("")},
                                     .held_ms = until_ms};
    uint64_t stale;

    assert_int_equal(
        delivery_finish(scene->task, scene->state, scene->partition, &result, 1, &stale), OK);
    assert_int_equal(stale, 0);
}

/* Nothing of a held endpoint is claimed, whatever comes; its neighbour goes on. */
static void held_endpoints_wait(struct task *task, struct state *state)
{
    struct scene scene = scene_open(task, state, 0, 4);
    struct slice endpoints[] = {whk(&scene), whk(&scene)}, held = endpoints[0];
    struct claimed *claimed;
    uint64_t next_ms;

    assert_int_equal(accept_events(&scene, 2, endpoints, 2), OK);
    assert_int_equal(claim(&scene, held, 1, "f", now_ms, &claimed), 1);
    hold(&scene, held, scene.events[0], now_ms + 1000);
    assert_int_equal(accept_events(&scene, 1, endpoints, 2), OK);
    assert_int_equal(claim(&scene, held, 8, "g", now_ms, &claimed), 0);
    assert_int_equal(claim(&scene, endpoints[1], 8, "g", now_ms, &claimed), 3);
    assert_int_equal(tick(&scene, now_ms + 10, &next_ms), 0); /* what is due waits too */
    assert_int_equal(next_ms, now_ms + 1000);
    assert_int_equal(claim(&scene, held, 8, "g", now_ms + 999, &claimed), 0);
    assert_int_equal(tick(&scene, now_ms + 1000, &next_ms), 1);
    assert_int_equal(claim(&scene, held, 8, "f", now_ms + 1000, &claimed), 3);

    /* The longer wish counts; a person, and a change of the endpoint, end the wait. */
    hold(&scene, held, scene.events[0], now_ms + 9000);
    hold(&scene, held, scene.events[1], now_ms + 5000);
    tick(&scene, now_ms + 6000, &next_ms);
    assert_int_equal(claim(&scene, held, 8, "g", now_ms + 6000, &claimed), 0);
    assert_int_equal(
        delivery_retry(task, state, held, scene.events[0], scene.owner, now_ms, &bounds), OK);
    assert_int_equal(claim(&scene, held, 1, "f", now_ms, &claimed), 1);
    hold(&scene, held, claimed[0].event_id, now_ms + 9000);
    assert_int_equal(delivery_release(task, state, 0, held), OK);
    assert_int_equal(claim(&scene, held, 8, "g", now_ms, &claimed), 1);
    assert_int_equal(delivery_release(task, state, 0, held), OK);
}

static void the_wait_is_told(struct task *task, struct state *state)
{
    struct scene scene = scene_open(task, state, 0, 1);
    struct slice endpoint = whk(&scene);
    struct claimed *claimed;
    uint64_t next_ms;

    assert_int_equal(accept_events(&scene, 1, &endpoint, 1), OK);
    assert_int_equal(claim(&scene, endpoint, 1, "f", now_ms, &claimed), 1);
    hold(&scene, endpoint, scene.events[0], now_ms + 77000);
    assert_int_equal(only(&scene, endpoint).next_ms, now_ms + 77000);
    assert_int_equal(delivery_release(task, state, 0, endpoint), OK);
    assert_int_equal(only(&scene, endpoint).next_ms, now_ms + 10);
    tick(&scene, now_ms + 10, &next_ms);
    assert_int_equal(claim(&scene, endpoint, 1, "f", now_ms, &claimed), 1);
    hold(&scene, endpoint, scene.events[0], now_ms + 77000);
    assert_int_equal(delivery_cancel(task, state, 0, endpoint, false), OK);
    assert_int_equal(only(&scene, endpoint).next_ms, 0);
}

static enum err send_one(struct scene *scene, struct slice endpoint,
                         const struct delivery_bounds *within)
{
    struct acceptance message = {.event_id = id_new(scene->task->arena, SLICE("evt_"), 0),
                                 .type = SLICE("webhook.test"),
                                 .body = SLICE("{}"),
                                 .owner = scene->owner};

    return delivery_send(scene->task, scene->state, endpoint, &message, now_ms, within);
}

/* What finds no room is listed, told once, counted, and can be asked for when there is room. */
static void backlogs_are_bounded(struct task *task, struct state *state)
{
    static const struct delivery_bounds two = {RETENTION_S, 2};
    struct scene scene = scene_open(task, state, 0, 8);
    struct slice both[] = {whk(&scene), whk(&scene)}, endpoint = both[0], *full;
    struct delivery_counts counts;
    struct claimed *claimed;
    struct delivery *list;
    uint64_t total, next_ms;
    size_t n;

    assert_int_equal(accept_within(&scene, 2, both, 1, &two, &full, &n), OK);
    assert_int_equal(n, 0);
    assert_int_equal(accept_within(&scene, 2, both, 2, &two, &full, &n), OK);
    assert_int_equal(n, 1); /* once, though two were refused; and not the neighbour */
    assert_true(slice_eq(full[0], endpoint));
    assert_int_equal(accept_within(&scene, 1, both, 1, &two, &full, &n), OK);
    assert_int_equal(n, 1); /* until somebody has told it */
    assert_int_equal(delivery_full_told(task, state, 0, endpoint), OK);
    assert_int_equal(accept_within(&scene, 1, both, 1, &two, &full, &n), OK);
    assert_int_equal(n, 0);
    assert_int_equal(delivery_count(task, state, &counts), OK);
    assert_int_equal(counts.full, 1);
    assert_int_equal(counts.refused, 4);

    assert_int_equal(delivery_list(task, state, endpoint, 0, false, 0, 0, 100, &list, &n, &total),
                     OK);
    assert_int_equal(total, 6);
    for (size_t i = 0; i < n; i++) {
        bool refused = !slice_eq(list[i].event_id, scene.events[0]) &&
                       !slice_eq(list[i].event_id, scene.events[1]);

        assert_int_equal(list[i].state, refused ? DELIVERY_DEAD : DELIVERY_PENDING);
        assert_int_equal(list[i].attempt_count, refused);
        assert_true(!refused || slice_eq(list[i].attempts[0].error, SLICE("backlog_full")));
    }
    assert_int_equal(
        delivery_retry(task, state, endpoint, scene.events[2], scene.owner, now_ms, &two),
        ERR_CONFLICT);
    assert_int_equal(
        delivery_retry(task, state, endpoint, scene.events[7], scene.owner, now_ms, &two),
        ERR_NOT_FOUND);
    assert_int_equal(send_one(&scene, endpoint, &two), ERR_CONFLICT);

    /* A claim makes no room, a retry neither; an end does, and then the next full backlog is news.
     */
    assert_int_equal(claim(&scene, endpoint, 8, "f", now_ms, &claimed), 2);
    assert_int_equal(finish(&scene, endpoint, scene.events[0], "f", OUTCOME_RETRY, now_ms + 5), 0);
    assert_int_equal(send_one(&scene, endpoint, &two), ERR_CONFLICT);
    assert_int_equal(finish(&scene, endpoint, scene.events[1], "f", OUTCOME_DELIVERED, 0), 0);
    assert_int_equal(
        delivery_retry(task, state, endpoint, scene.events[2], scene.owner, now_ms, &two), OK);
    assert_int_equal(send_one(&scene, endpoint, &two), ERR_CONFLICT);
    assert_int_equal(accept_within(&scene, 1, both, 1, &two, &full, &n), OK);
    assert_int_equal(n, 1);
    tick(&scene, now_ms + 5, &next_ms);
    assert_int_equal(claim(&scene, endpoint, 8, "g", now_ms, &claimed), 2);
    assert_int_equal(finish(&scene, endpoint, scene.events[0], "g", OUTCOME_DEAD, 0), 0);
    assert_int_equal(delivery_cancel(task, state, 0, endpoint, false), OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(send_one(&scene, endpoint, &two), OK);
    assert_int_equal(send_one(&scene, endpoint, &two), ERR_CONFLICT);
}

static void logs_are_capped(struct task *task, struct state *state)
{
    struct scene scene = scene_open(task, state, 0, 1);
    struct slice endpoint = whk(&scene);
    struct claimed *claimed;
    uint64_t next_ms;

    assert_int_equal(accept_events(&scene, 1, &endpoint, 1), OK);
    for (uint64_t i = 0; i < DELIVERY_ATTEMPTS_KEPT + 3; i++) {
        struct delivery_result result = {
            .endpoint = endpoint,
            .event_id = scene.events[0],
            .fence = SLICE("f"),
            .outcome = OUTCOME_RETRY,
            .next_ms = now_ms,
            .attempt = {now_ms + i, 0, 0, SLICE("connection_failed")},
        };
        uint64_t stale;

        assert_int_equal(claim(&scene, endpoint, 1, "f", now_ms, &claimed), 1);
        assert_int_equal(delivery_finish(task, state, 0, &result, 1, &stale), OK);
        tick(&scene, now_ms, &next_ms);
    }
    struct delivery delivery = only(&scene, endpoint);
    assert_int_equal(delivery.attempt_count, DELIVERY_ATTEMPTS_KEPT);
    for (size_t i = 0; i < delivery.attempt_count; i++) {
        assert_int_equal(delivery.attempts[i].at_ms, now_ms + i + 3);
        assert_true(slice_eq(delivery.attempts[i].error, SLICE("connection_failed")));
    }
}

/* An admin's endpoint hears events of several partitions: its list is in the order of time. */
static void listed_over_partitions(struct task *task, struct state *state)
{
    struct slice endpoint = id_new(task->arena, SLICE("whk_"), 1), order[12];
    struct delivery *list;
    uint64_t total;
    size_t n;

    for (unsigned p = 0; p < 3; p++) {
        struct scene scene = scene_open(task, state, p, 4);

        for (unsigned i = 0; i < 4; i++) {
            struct acceptance item = {
                scene.events[i], SLICE("media.uploaded"), SLICE("{}"), scene.owner, &endpoint, 1};
            struct head to = head_at(&scene, i + 1), now;
            struct slice *full;
            size_t full_n;

            assert_int_equal(delivery_accept(task, state, p, &scene.cursor, &to, &item, 1,
                                             now_ms + 10 * i + p, &bounds, &full, &full_n, &now),
                             OK);
            scene.cursor = to;
            order[11 - (3 * i + p)] = scene.events[i];
        }
    }
    for (uint64_t skip = 0; skip <= 12; skip += 5) {
        assert_int_equal(
            delivery_list(task, state, endpoint, 1, true, now_ms, skip, 5, &list, &n, &total), OK);
        assert_int_equal(total, 12);
        assert_int_equal(n, skip == 10 ? 2 : 5);
        for (size_t i = 0; i < n; i++)
            assert_true(slice_eq(list[i].event_id, order[skip + i]));
    }
    assert_int_equal(
        delivery_list(task, state, endpoint, 1, false, now_ms, 1, 2, &list, &n, &total), OK);
    assert_int_equal(total, 4);
    assert_int_equal(n, 2);
}

static void health(struct task *task, struct state *state)
{
    struct slice endpoint = id_new(task->arena, SLICE("whk_"), 0);
    uint64_t since_ms, hour_ms = 3600 * 1000, at_ms = now_ms;

    for (int i = 0; i < 100; i++, at_ms += hour_ms) {
        assert_int_equal(delivery_health(task, state, 0, endpoint, false, at_ms, &since_ms), OK);
        assert_int_equal(since_ms, now_ms);
    }
    assert_int_equal(delivery_health(task, state, 0, endpoint, true, at_ms, &since_ms), OK);
    assert_int_equal(since_ms, 0);
    assert_int_equal(delivery_health(task, state, 0, endpoint, false, at_ms, &since_ms), OK);
    assert_int_equal(since_ms, at_ms);
    at_ms += 49 * hour_ms;
    assert_int_equal(delivery_health(task, state, 0, endpoint, false, at_ms, &since_ms), OK);
    assert_int_equal(since_ms, at_ms);
}

static void trimmed(struct task *task, struct state *state)
{
    struct scene scene = scene_open(task, state, 0, 8);
    uint64_t day_ms = 86400 * 1000, later_ms = clock_unix_ms(), removed;

    assert_int_equal(accept_events(&scene, 5, NULL, 0), OK);
    assert_int_equal(delivery_trim_events(task, state, 0, later_ms, &removed), OK);
    assert_int_equal(removed, 0);
    assert_int_equal(delivery_trim_events(task, state, 0, later_ms + day_ms / 2, &removed), OK);
    assert_int_equal(removed, 0);
    /* All are old, but only four lie before the cursor's own entry. */
    assert_int_equal(delivery_trim_events(task, state, 0, later_ms + 2 * day_ms, &removed), OK);
    assert_int_equal(removed, 4);
    assert_int_equal(hand_count_events(task, state, 0), 4);
    assert_int_equal(delivery_trim_events(task, state, 0, later_ms + 2 * day_ms, &removed), OK);
    assert_int_equal(removed, 0);
}

#define CASE(name)                                                                                 \
    static void test_##name(void **unused)                                                         \
    {                                                                                              \
        with_state(name == listed_over_partitions ? 3 : 1, name);                                  \
    }
/* clang-format 14 moves these lines at every run */
/* clang-format off */
#define CASES(X) \
    X(delivered) \
    X(accepted_once) \
    X(lost_cursor) \
    X(retried) \
    X(leases) \
    X(poison) \
    X(cancelled) \
    X(asked_for_on_its_way) \
    X(replayed) \
    X(held_endpoints_wait) \
    X(the_wait_is_told) \
    X(backlogs_are_bounded) \
    X(logs_are_capped) \
    X(listed_over_partitions) \
    X(health) \
    X(trimmed)
/* clang-format on */
CASES(CASE)

int main(void)
{
#define ENTRY(name) cmocka_unit_test(test_##name),
    const struct CMUnitTest tests[] = {CASES(ENTRY)};

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
