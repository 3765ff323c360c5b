/* inbox.h: the messages of one client that wait for their turn. Past either bound the socket is not
 * read until half is worked off. */
#pragma once

#include "base/slice.h"

enum { INBOX_MAX_MESSAGES = 64, INBOX_MAX_BYTES = 128 << 10 };

struct inbox_message {
    struct inbox_message *next;
    size_t n;
    char text[];
};

struct inbox {
    struct inbox_message *first, **last;
    unsigned messages;
    size_t bytes;
};

void inbox_init(struct inbox *inbox);
void inbox_add(struct inbox *inbox, struct slice text); /* copies it */
struct inbox_message *inbox_take(struct inbox *inbox);  /* the first, the caller's; or NULL */
void inbox_clear(struct inbox *inbox);
bool inbox_full(const struct inbox *inbox);
bool inbox_has_room(const struct inbox *inbox); /* half is worked off */
