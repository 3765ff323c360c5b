/* protocol.h: the messages of /realtime, one JSON object per text frame: what clients may say, as
 * a struct, and what they are told, as messages ready to send. Knows no client and no socket. */
#pragma once

#include "base/err.h"
#include "realtime/message.h"
#include "state/event.h"
#include "state/progress.h"

/* From schemas/realtime.yaml, as are the close codes and commands. */
enum {
#define LIMIT(name, figure) name = (figure),
#include "realtime_limits.def"
#undef LIMIT
};

/* Never retry: 4000 to 4099. Retry later: 4100 to 4199. Retry now: 4200 to 4299. */
enum close_code {
#define CLOSE(name, code) CLOSE_##name = (code),
#include "closes.def"
#undef CLOSE
};

enum command_type {
#define COMMAND(name, type) COMMAND_##name,
#include "commands.def"
#undef COMMAND
};

struct command {
    enum command_type type;
    struct slice reference;   /* the client's `id` as JSON; empty: none */
    struct slice token;       /* of auth */
    struct slice channel;     /* of subscribe and unsubscribe */
    struct slice resource_id; /* empty: all */
    struct slice since;
    bool has_since;
};

/* OK, or ERR_VALIDATION with a sentence in *problem; reference, channel and resource_id are then
 * filled in as far as they could be read. Everything lives in the arena. */
enum err command_parse(struct arena *arena, struct slice text, struct command *out,
                       struct slice *problem);

/* Answers echo the command's reference as reply_to; `answered` may be NULL. */
struct message *message_welcome(struct slice session_id);
struct message *message_auth_ok(const struct command *answered, struct slice user_id,
                                uint64_t expires_ms);
struct message *message_auth_error(const struct command *answered, struct slice message);
/* position empty: the channel has none. */
enum recovered { RECOVERED_NOT_ASKED, RECOVERED_NO, RECOVERED_YES };
struct message *message_subscribed(const struct command *answered, struct slice position,
                                   enum recovered recovered);
struct message *message_unsubscribed(const struct command *answered, struct slice position);
struct message *message_error(const struct command *answered, enum err why, struct slice detail);
struct message *message_pong(const struct command *answered);
struct message *message_token_expiring(uint64_t expires_ms);
struct message *message_gap(struct slice channel, struct slice position, struct slice reason);

/* Of an event with a body. */
struct message *message_event(const struct event *event, struct slice channel,
                              struct slice position);
struct message *message_progress(const struct progress *progress);
