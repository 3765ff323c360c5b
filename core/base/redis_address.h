/* redis_address.h: where a Redis server is and how to log in, from its URL:
 *     unix:/path/to/socket                         (the path may be relative)
 *     redis://[[user]:password@]host[:port][/db]   (IPv6 literals in brackets)
 * User and password may be percent-encoded. */
#pragma once

#include "base/arena.h"

enum { REDIS_DEFAULT_PORT = 6379 };

struct redis_address {
    char *path; /* unix socket, or NULL */
    char *host; /* without brackets; NULL with a path */
    uint16_t port;
    struct slice user, password;
    uint64_t db;
};

/* Texts live in the arena. False: not one of the two forms. */
bool redis_address_parse(struct arena *arena, struct slice url, struct redis_address *out);

/* The URL without what is between its scheme and an '@': for messages, also of a broken one. */
struct slice redis_address_shown(struct arena *arena, struct slice url);
bool redis_address_has_login(struct slice url);
