#include "realtime/command.h"

#include "base/clock.h"
#include "realtime/channel.h"
#include "realtime/client_admit.h"
#include "realtime/client_close.h"
#include "realtime/recovery.h"
#include "realtime/subscription.h"

#include <string.h>

enum { START_WAIT_MS = 5000, START_LOOK_MS = 20 };

static void refuse(struct client *client, const struct command *command, enum err why,
                   struct slice detail)
{
    client_send(client, message_error(command, why, detail));
}

static void reject_credentials(struct client *client, const struct command *command,
                               struct slice detail)
{
    client_send(client, message_auth_error(command, detail));
    client_close(client, CLOSE_UNAUTHORIZED, SLICE("The credentials are not valid."));
}

static void run_auth(struct task *task, struct client *client, const struct command *command)
{
    struct realtime *hub = client->hub;
    struct principal principal = {0};
    enum err err = hub->hooks.authenticate(hub->hooks.arg, task, command->token, &principal);

    if (client_over(client))
        return;
    /* Only credentials that are known to be bad end in "never retry". */
    if (err != OK && err != ERR_UNAUTHORIZED && err != ERR_FORBIDDEN) {
        refuse(client, command, err, SLICE_NONE);
        client_close(client, CLOSE_UNAVAILABLE, SLICE_NONE);
    } else if (err != OK) {
        reject_credentials(client, command, SLICE_NONE);
    } else if (!(principal.scopes & SCOPE_REALTIME)) {
        reject_credentials(client, command, SLICE("This key lacks the scope `realtime`."));
    } else if (client->user && !slice_eq(client->user->entry.key, principal.user_id)) {
        reject_credentials(client, command, SLICE("A socket stays with its user."));
    } else {
        client_admit(task, client, &principal, command);
    }
}

bool command_await_start(struct task *task, struct client *client)
{
    uint64_t until_ms = clock_ms() + START_WAIT_MS;

    while (!hub_started(client->hub)) {
        if (client_over(client) || clock_ms() >= until_ms)
            return false;
        fiber_sleep(START_LOOK_MS);
    }
    return !client_over(client);
}

static enum err check_place(struct task *task, struct client *client, const struct command *command,
                            int *channel)
{
    struct realtime *hub = client->hub;

    *channel = channel_find(command->channel);
    if (!client->user)
        return ERR_UNAUTHORIZED;
    if (*channel == CHANNEL_NONE)
        return ERR_VALIDATION;
    if (!subscription_find(client, *channel, command->resource_id) &&
        client->subscription_count >= hub->limits.subscriptions)
        return ERR_RATE_LIMITED;
    if (!command->resource_id.n)
        return OK;
    struct principal principal = {
        .kind = PRINCIPAL_SESSION,
        .user_id = arena_dup(task->arena, client->user->entry.key),
        .session_id = arena_dup(task->arena, client->session_id),
        .partition = client->partition,
        .scopes = SCOPE_REALTIME | (client->admin ? SCOPE_ADMIN : SCOPE_NONE),
        .admin = client->admin,
        .expires_ms = client->expires_ms,
    };
    return hub->hooks.may_see(hub->hooks.arg, task, &principal, command->channel,
                              command->resource_id);
}

struct slice command_why_not(struct arena *arena, enum err err)
{
    switch (err) {
    case ERR_UNAUTHORIZED:
        return SLICE("Send `auth` first.");
    case ERR_VALIDATION:
        return arena_printf(arena, "There is no such channel; there are %.*s.",
                            SLICE_ARG(channel_names(arena)));
    case ERR_RATE_LIMITED:
        return SLICE("This socket has all the subscriptions it may have.");
    case ERR_NOT_FOUND:
        return SLICE("There is no such resource, or you may not see it.");
    default:
        return SLICE_NONE;
    }
}

static void subscribe(struct task *task, struct client *client, const struct command *command,
                      int channel)
{
    bool has_history = channel_row(channel)->has_history;
    struct position since;
    bool reached = command->has_since && has_history &&
                   position_parse(task->arena, command->since, client->hub->partitions, &since) &&
                   recovery_reach(task, client, &since);

    if (client_over(client))
        return;
    struct subscription *subscription = subscription_find(client, channel, command->resource_id);
    if (!subscription)
        subscription = subscription_add(client, channel, command->resource_id);
    /* A client that leaves in the middle of the replay must come back to where it began. */
    struct slice position = !has_history ? SLICE_NONE
                            : reached    ? position_format(task->arena, &since)
                                         : hub_position(client->hub, task->arena);
    client_send(client, message_subscribed(command, position,
                                           !command->has_since ? RECOVERED_NOT_ASKED
                                           : reached           ? RECOVERED_YES
                                                               : RECOVERED_NO));
    if (command->has_since)
        *(reached ? &client->hub->count.recovered : &client->hub->count.not_recovered) += 1;
    if (reached)
        recovery_replay(task, client, subscription, &since);
}

static void run_subscribe(struct task *task, struct client *client, const struct command *command)
{
    int channel;
    enum err err = check_place(task, client, command, &channel);

    if (err == OK && !command_await_start(task, client))
        err = ERR_STATE_UNAVAILABLE;
    if (client_over(client))
        return;
    if (err != OK)
        refuse(client, command, err, command_why_not(task->arena, err));
    else
        subscribe(task, client, command, channel);
}

static void run_unsubscribe(struct task *task, struct client *client, const struct command *command)
{
    int channel = channel_find(command->channel);

    if (!client->user || channel == CHANNEL_NONE) {
        enum err why = client->user ? ERR_VALIDATION : ERR_UNAUTHORIZED;

        refuse(client, command, why, command_why_not(task->arena, why));
        return;
    }
    struct subscription *subscription = subscription_find(client, channel, command->resource_id);
    if (subscription)
        subscription_remove(subscription);
    client_send(client, message_unsubscribed(command, channel_row(channel)->has_history
                                                          ? hub_position(client->hub, task->arena)
                                                          : SLICE_NONE));
}

void command_run(struct task *task, struct client *client, struct slice text)
{
    struct command command;
    struct slice problem;
    enum err err = command_parse(task->arena, text, &command, &problem);

    if (err != OK) {
        refuse(client, &command, err, problem);
        return;
    }
    switch (command.type) {
    case COMMAND_AUTH:
        run_auth(task, client, &command);
        break;
    case COMMAND_SUBSCRIBE:
        run_subscribe(task, client, &command);
        break;
    case COMMAND_UNSUBSCRIBE:
        run_unsubscribe(task, client, &command);
        break;
    case COMMAND_PING:
        client_send(client, message_pong(&command));
        break;
    }
}
