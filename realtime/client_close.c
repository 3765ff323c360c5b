#include "realtime/client_close.h"

#include "base/crypto.h"
#include "base/memory.h"
#include "realtime/flush.h"
#include "realtime/subscription.h"

enum { RETRY_SPREAD_MS = 5000, SECOND_MS = 1000 };

static void count_close(struct counters *count, unsigned code)
{
    if (code >= 4000 && code < 4100)
        count->closed_never++;
    else if (code >= 4100 && code < 4200)
        count->closed_later++;
    else if (code >= 4200 && code < 4300)
        count->closed_now++;
    else
        count->closed_other++;
}

/* How long to stay away: "later" means seconds, "now" a slot within the window of the drain. */
static uint64_t retry_ms(const struct client *client, unsigned code)
{
    uint64_t window_ms = client->hub->drain_window_ms;

    if (code >= 4200)
        return random_below(code == CLOSE_DRAINING && window_ms ? window_ms : SECOND_MS);
    return RETRY_SPREAD_MS + random_below(RETRY_SPREAD_MS);
}

static void leave_user(struct client *client)
{
    struct user *user = client->user;

    if (!user)
        return;
    client->user = NULL;
    *(client->user_prev ? &client->user_prev->user_next : &user->clients) = client->user_next;
    if (client->user_next)
        client->user_next->user_prev = client->user_prev;
    if (--user->sockets)
        return;
    table_remove(&client->hub->users, &user->entry);
    mem_free(user);
}

static void drop_arrival(struct client *client)
{
    if (client->arrival)
        arena_free(client->arrival->arena);
    client->arrival = NULL;
}

void client_detach(struct client *client)
{
    subscription_remove_all(client);
    leave_user(client);
    timer_stop(&client->heartbeat);
    timer_stop(&client->lifetime);
    timer_stop(&client->patience);
    timer_stop(&client->pace);
    inbox_clear(&client->inbox);
    buf_fini(&client->stash);
    buf_init(&client->stash, STASH_MAX_BYTES);
    drop_arrival(client);
    if (client->task)
        client->task->cancelled = true;
    client_wake(client);
}

void client_close(struct client *client, unsigned code, struct slice reason)
{
    struct arena *arena;

    if (client_over(client))
        return;
    arena = arena_new();
    if (code >= 4100 && code < 4300)
        reason =
            arena_printf(arena, CLOSE_RETRY_MS "%llu", (unsigned long long)retry_ms(client, code));
    client_send(client, message_close(code, reason));
    arena_free(arena);
    client->sink.ended = true;
    count_close(&client->hub->count, code);
    client_detach(client);
    flush_last(&client->hub->flush, &client->sink);
    client->sink.transport->finish(client->sink.connection);
}
