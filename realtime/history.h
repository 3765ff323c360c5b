/* history.h: the recent events of one partition as publications in a ring, ready to be sent. It
 * has no holes: publication n stands at base.offset + n, and each carries the chain's hash, so
 * whether a position lies in this history can be said for sure. */
#pragma once

#include "realtime/message.h"
#include "state/event.h"
#include "state/position.h"

struct publication {
    uint64_t offset;
    char hash[17]; /* empty: of a hole */
    int channel;   /* CHANNEL_NONE: not for clients, and without a message */
    struct message *message;
    struct slice owner, resource;
    char names[]; /* what they point to */
};

/* Takes one reference of message, which may be NULL. */
struct publication *publication_new(const struct event *event, int channel,
                                    struct message *message);
/* Stands for an event of a type that only a newer version knows: the reader leaves it out. */
struct publication *publication_hole(uint64_t offset);
void publication_free(struct publication *publication);

struct history {
    bool started;
    uint64_t generation; /* +1 by every history_start() */
    struct head base;    /* the event before the oldest one; its hash may be empty: unknown */
    struct publication **ring;
    size_t max, size, first, n;
};

enum history_answer {
    HISTORY_HAS,    /* all events after it are here */
    HISTORY_OLDER,  /* it may be true, but the events after it are here only in part */
    HISTORY_NEWER,  /* past the last event read */
    HISTORY_FORKED, /* of another history */
};

void history_init(struct history *history, size_t max_events);
void history_fini(struct history *history);

/* Forgets everything; the next event is the one after `head`. */
void history_start(struct history *history, const struct head *head);

/* The last event. Valid until the next change. */
struct head history_head(const struct history *history);
const struct publication *history_at(const struct history *history, uint64_t offset); /* or NULL */
enum history_answer history_find(const struct history *history, const struct head *since);

/* Takes the publication, which follows the last; the oldest leaves when the ring is full. */
void history_append(struct history *history, struct publication *publication);

/* Takes n publications that end just where the history begins; `base` is what lies before them.
 * False, and nothing is taken: they do not fit in, or do not lead up to it. */
bool history_prepend(struct history *history, const struct head *base,
                     struct publication *const *publications, size_t n);
