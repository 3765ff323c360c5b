#include "realtime/sink.h"

void sink_init(struct sink *sink, const struct transport *transport, void *connection,
               enum encoding encoding)
{
    *sink = (struct sink){.transport = transport, .connection = connection, .encoding = encoding};
    outbox_init(&sink->outbox);
}

void sink_add(struct sink *sink, struct message *message)
{
    outbox_add(&sink->outbox, message, message_bytes(message, sink->encoding).n);
}
