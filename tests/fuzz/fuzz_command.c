/* Any text as a message to /realtime: what is understood is within its bounds, and an answer to it
 * is always one JSON object that carries the reference. */
#include "fuzz.h"

#include "base/json.h"
#include "realtime/protocol.h"

#include <assert.h>

static void check_answer(struct arena *arena, const struct command *command,
                         struct message *message)
{
    const json_t *answer = json_parse(arena, message_payload(message));

    assert(json_is_object(answer));
    assert((json_object_get(answer, "reply_to") != NULL) == (command->reference.n > 0));
    message_unref(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct slice text = {(const char *)bytes, n};
    struct arena *arena = arena_new();
    struct command command;
    struct slice problem;
    enum err err = command_parse(arena, text, &command, &problem);

    assert((err == OK) == (problem.n == 0));
    assert(command.channel.n <= NAME_MAX_BYTES && command.resource_id.n <= NAME_MAX_BYTES);
    check_answer(arena, &command, message_error(&command, ERR_VALIDATION, problem));
    if (err == OK && command.channel.n)
        check_answer(arena, &command, message_subscribed(&command, SLICE("p"), RECOVERED_NO));
    arena_free(arena);
    return 0;
}
