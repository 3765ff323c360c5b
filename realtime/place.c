#include "realtime/place.h"

#include "base/clock.h"
#include "realtime/client_close.h"

enum { LOOK_MS = 20 };

/* Whom we do not read we do not hear. */
static bool owes_answer(const struct client *client)
{
    return client->reading && client->probed;
}

/* Pings those that have not been since. False: all have answered. */
static bool probe(struct user *user, uint64_t since_ms, uint64_t now_ms)
{
    bool pending = false;

    for (struct client *c = user->clients; c; c = c->user_next) {
        client_listen_to(c);
        if (!c->probed && c->probed_ms < since_ms) {
            c->probed = true;
            c->probed_ms = now_ms;
            client_send(c, message_ref(c->hub->ping));
        }
        pending = pending || owes_answer(c);
    }
    return pending;
}

/* Of those that have not answered, whoever has been silent longest; of several that were heard in
 * the same millisecond the first to come, who stands last. */
static struct client *find_dead(const struct user *user, uint64_t now_ms)
{
    struct client *dead = NULL;

    for (struct client *c = user->clients; c; c = c->user_next)
        if (owes_answer(c) && now_ms - c->probed_ms >= PLACE_PROBE_MS &&
            (!dead || c->heard_ms <= dead->heard_ms))
            dead = c;
    return dead;
}

bool place_await(struct task *task, struct client *client, struct slice user_id)
{
    uint64_t since_ms = clock_ms();

    while (!client_over(client)) {
        struct user *user = user_find(client->hub, user_id);
        uint64_t now_ms = clock_ms();

        if (!user || user->sockets < client->hub->limits.sockets_per_user)
            return true;
        struct client *dead = find_dead(user, now_ms);
        if (dead)
            client_close(dead, CLOSE_HEARTBEAT, SLICE_NONE);
        else if (!probe(user, since_ms, now_ms))
            return false;
        else
            fiber_sleep(LOOK_MS);
    }
    return false;
}
