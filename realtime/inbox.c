#include "realtime/inbox.h"

#include "base/memory.h"

#include <string.h>

void inbox_init(struct inbox *inbox)
{
    *inbox = (struct inbox){.last = &inbox->first};
}

void inbox_add(struct inbox *inbox, struct slice text)
{
    struct inbox_message *message = mem_alloc(sizeof *message + text.n);

    message->n = text.n;
    if (text.n)
        memcpy(message->text, text.p, text.n);
    *inbox->last = message;
    inbox->last = &message->next;
    inbox->messages++;
    inbox->bytes += text.n;
}

struct inbox_message *inbox_take(struct inbox *inbox)
{
    struct inbox_message *message = inbox->first;

    if (!message)
        return NULL;
    inbox->first = message->next;
    if (!inbox->first)
        inbox->last = &inbox->first;
    inbox->messages--;
    inbox->bytes -= message->n;
    return message;
}

void inbox_clear(struct inbox *inbox)
{
    struct inbox_message *message;

    while ((message = inbox_take(inbox)))
        mem_free(message);
}

bool inbox_full(const struct inbox *inbox)
{
    return inbox->messages >= INBOX_MAX_MESSAGES || inbox->bytes >= INBOX_MAX_BYTES;
}

bool inbox_has_room(const struct inbox *inbox)
{
    return inbox->messages <= INBOX_MAX_MESSAGES / 2 && inbox->bytes <= INBOX_MAX_BYTES / 2;
}
