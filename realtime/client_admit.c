#include "realtime/client_admit.h"

#include "base/clock.h"
#include "base/memory.h"
#include "realtime/client_close.h"
#include "realtime/place.h"
#include "realtime/subscription.h"

#include <string.h>

static void on_expiry(struct timer *timer)
{
    struct client *client = CONTAINER_OF(timer, struct client, lifetime);
    uint64_t now_ms = clock_unix_ms();

    if (now_ms >= client->expires_ms) {
        client_close(client, CLOSE_UNAUTHORIZED, SLICE("The token has expired."));
        return;
    }
    if (!client->told_expiring) {
        client->told_expiring = true;
        client_send(client, message_token_expiring(client->expires_ms));
    }
    timer_start(timer, client->expires_ms - now_ms, on_expiry);
}

static void arm_expiry(struct client *client)
{
    uint64_t now_ms = clock_unix_ms();
    uint64_t notice_ms = client->expires_ms - EXPIRING_MS;

    client->told_expiring = false;
    timer_stop(&client->lifetime);
    if (client->expires_ms == 0)
        return;
    timer_start(&client->lifetime,
                client->expires_ms > EXPIRING_MS && notice_ms > now_ms ? notice_ms - now_ms : 0,
                on_expiry);
}

static void join_user(struct client *client, struct slice user_id)
{
    struct realtime *hub = client->hub;
    struct user *user = user_find(hub, user_id);

    if (!user) {
        user = mem_alloc(sizeof *user + user_id.n);
        memcpy(user->id, user_id.p, user_id.n);
        table_add(&hub->users, &user->entry, (struct slice){user->id, user_id.n});
    }
    client->user = user;
    client->user_prev = NULL;
    client->user_next = user->clients;
    if (user->clients)
        user->clients->user_prev = client;
    user->clients = client;
    user->sockets++;
}

static void keep_session_id(struct client *client, struct slice session_id)
{
    char *copy = mem_alloc(session_id.n);

    if (session_id.n)
        memcpy(copy, session_id.p, session_id.n);
    mem_free((void *)(uintptr_t)client->session_id.p);
    client->session_id = (struct slice){copy, session_id.n};
}

void client_admit(struct task *task, struct client *client, const struct principal *principal,
                  const struct command *answered)
{
    if (!client->user && !place_await(task, client, principal->user_id)) {
        client_close(client, CLOSE_TOO_MANY_SOCKETS, SLICE_NONE);
        return;
    }
    if (ended_since(&client->hub->ended, principal->session_id, principal->asked_us)) {
        client_send(client, message_auth_error(answered, SLICE_NONE));
        client_close(client, CLOSE_UNAUTHORIZED, SLICE("The session or key has ended."));
        return;
    }
    if (!client->user)
        join_user(client, principal->user_id);
    keep_session_id(client, principal->session_id);
    client->partition = principal->partition;
    client->expires_ms = principal->expires_ms;
    if (client->admin != principal->admin) {
        client->admin = principal->admin;
        subscription_move_all(client);
    }
    arm_expiry(client);
    client_send(client, message_auth_ok(answered, principal->user_id, principal->expires_ms));
}
