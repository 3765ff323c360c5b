#include "realtime/serving.h"

#include "base/clock.h"
#include "base/memory.h"
#include "realtime/client_admit.h"
#include "realtime/client_close.h"
#include "realtime/command.h"
#include "realtime/stream.h"

enum { SECOND_MS = 1000 };

static void on_pace(struct timer *timer)
{
    serving_start(CONTAINER_OF(timer, struct client, pace));
}

/* A bucket of one second's messages that refills evenly: due is when it will be full again. At 20
 * a second a message takes 50 ms of it, and none fits in while more than 950 ms are taken. False:
 * the messages wait until the next one fits in; no fiber waits with them. */
static bool within_rate(struct client *client)
{
    uint64_t now_ms = clock_ms();
    uint64_t each_ms = SECOND_MS / client->hub->limits.messages_per_s;

    if (client->rate_due_ms < now_ms)
        client->rate_due_ms = now_ms;
    uint64_t taken_ms = client->rate_due_ms - now_ms, most_ms = SECOND_MS - each_ms;
    if (taken_ms > most_ms) {
        client->hub->count.paused++;
        timer_start(&client->pace, taken_ms - most_ms, on_pace);
        return false;
    }
    client->rate_due_ms += each_ms;
    return true;
}

static void resume_reading(struct client *client);

static void admit_arrival(struct client *client)
{
    struct arrival *arrival = client->arrival;

    if (!arrival)
        return;
    struct task step = {.arena = arrival->arena, .deadline_ms = clock_ms() + COMMAND_MS};
    client->arrival = NULL;
    client->task = &step;
    client_admit(&step, client, &arrival->principal, NULL);
    if (arrival->n && !client_over(client))
        stream_begin(&step, client, arrival->places, arrival->n);
    client->task = NULL;
    arena_free(arrival->arena);
}

static void work_off(struct task *task, void *arg)
{
    struct client *client = CAST_OBJ(struct client, arg, CLIENT_MAGIC);
    struct inbox_message *message;

    admit_arrival(client);
    while (!client_over(client) && client->inbox.first && within_rate(client)) {
        struct task step = {.arena = arena_new(), .deadline_ms = clock_ms() + COMMAND_MS};

        message = inbox_take(&client->inbox);
        client->task = &step;
        client->hub->count.commands++;
        command_run(&step, client, (struct slice){message->text, message->n});
        client->task = NULL;
        mem_free(message);
        arena_free(step.arena);
        resume_reading(client);
        /* Answers are exempt from the queue's bound, so whoever does not read them is not served.
         */
        if (client_queued_bytes(client) > client->hub->limits.queue_bytes)
            client_await_drained(task, client);
    }
    client->busy = false;
    client_unref(client);
}

void serving_start(struct client *client)
{
    if (client->busy || (!client->inbox.first && !client->arrival) || timer_armed(&client->pace))
        return;
    client->busy = true;
    client->refs++;
    if (task_spawn(work_off, client))
        return;
    client->busy = false;
    client->refs--;
    client_close(client, CLOSE_UNAVAILABLE, SLICE_NONE);
}

static void fail(struct client *client, unsigned code)
{
    struct slice reason = code == CODE_TOO_BIG       ? SLICE("The message is too big.")
                          : code == CODE_NOT_UTF8    ? SLICE("The text is not UTF-8.")
                          : code == CODE_UNSUPPORTED ? SLICE("Only text is spoken here.")
                                                     : SLICE("This is not WebSocket.");

    client_close(client, code, reason);
}

static void take_item(struct client *client, enum websocket_item item,
                      const struct websocket_message *message)
{
    switch (item) {
    case WEBSOCKET_TEXT:
        inbox_add(&client->inbox, message->payload);
        break;
    case WEBSOCKET_PING:
        /* Who does not read the answers gets none; patience or the heartbeat ends it. */
        if (client_queued_bytes(client) <= client->hub->limits.queue_bytes)
            client_send(client, message_new(OPCODE_PONG, message->payload));
        break;
    case WEBSOCKET_CLOSE:
        client_close(client, message->code, message->payload);
        break;
    case WEBSOCKET_FAILED:
        fail(client, message->code);
        break;
    case WEBSOCKET_PONG:
    case WEBSOCKET_MORE:
        break;
    }
}

/* Consumes from *bytes as long as there is room. */
static void decode(struct client *client, struct slice *bytes)
{
    struct websocket_message message;
    enum websocket_item item = WEBSOCKET_TEXT;

    while (item != WEBSOCKET_MORE && !client_over(client) && !inbox_full(&client->inbox)) {
        item = websocket_next(&client->ws, bytes, &message);
        take_item(client, item, &message);
    }
}

static void set_reading(struct client *client, bool on)
{
    if (client_over(client) || client->reading == on)
        return;
    client->reading = on;
    client->sink.transport->set_reading(client->sink.connection, on);
}

static void resume_reading(struct client *client)
{
    if (client_over(client) || client->reading || !inbox_has_room(&client->inbox))
        return;
    struct slice stashed = buf_slice(&client->stash);
    size_t before = stashed.n;

    decode(client, &stashed);
    if (client_over(client))
        return;
    buf_consume(&client->stash, before - stashed.n);
    if (stashed.n || inbox_full(&client->inbox))
        return;
    buf_fini(&client->stash);
    buf_init(&client->stash, STASH_MAX_BYTES);
    set_reading(client, true);
}

void serving_take(struct client *client, struct slice bytes)
{
    if (client->reading)
        decode(client, &bytes);
    if (inbox_full(&client->inbox))
        set_reading(client, false);
    if (client_over(client))
        return;
    if (bytes.n && !buf_add(&client->stash, bytes))
        client_close(client, CLOSE_SLOW_CONSUMER, SLICE_NONE);
    serving_start(client);
}
