#include "realtime/outbox.h"

#include "base/memory.h"

#include <string.h>

void outbox_init(struct outbox *outbox)
{
    *outbox = (struct outbox){.size = OUTBOX_FEW};
    outbox->messages = outbox->few;
}

void outbox_clear(struct outbox *outbox)
{
    for (uint32_t i = 0; i < outbox->n; i++)
        message_unref(outbox->messages[i]);
    if (outbox->messages != outbox->few)
        mem_free(outbox->messages);
    outbox_init(outbox);
}

void outbox_add(struct outbox *outbox, struct message *message, size_t bytes)
{
    if (outbox->n == outbox->size) {
        bool few = outbox->messages == outbox->few;
        struct message **messages =
            /* NOLINTNEXTLINE(bugprone-sizeof-expression): of an array of pointers */
            mem_realloc(few ? NULL : outbox->messages, 2 * outbox->size * sizeof *messages);

        if (few)
            memcpy(messages, outbox->few, sizeof outbox->few);
        outbox->messages = messages;
        outbox->size *= 2;
    }
    outbox->messages[outbox->n++] = message_ref(message);
    outbox->bytes += bytes;
}
