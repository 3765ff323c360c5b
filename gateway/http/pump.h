/* pump.h: a file's bytes into a connection, 64 KiB at a time: memory is bounded whatever the file's
 * size and the client's speed. What the page cache has is read directly, the rest by libuv's thread
 * pool, so a slow disk does not hold up the loop. No fiber waits meanwhile. A file that is shorter
 * than promised ends the connection: the client must see that bytes are missing. */
#pragma once

#include "gateway/http/connection.h"

struct pump;

/* Alters bytes before they leave: n of them, which stand at `offset` in the file. */
typedef void pump_alter(const void *arg, uint64_t offset, char *bytes, size_t n);

struct pump_file {
    int fd; /* taken */
    uint64_t offset, length;
    pump_alter *alter; /* or NULL */
    const void *alter_arg;
};

/* head is sent before the first piece, in one write with it. NULL: everything has been
 * handed to the connection already. Otherwise on_end is called from the loop when that is so; with
 * a lost connection it never comes. */
struct pump *pump_start(struct connection *connection, struct slice head,
                        const struct pump_file *file, void (*on_end)(void *arg), void *arg);
void pump_writable(struct pump *pump); /* the connection's backlog is empty again */
void pump_abort(struct pump *pump);    /* the connection is gone; frees the pump */
