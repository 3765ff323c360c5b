/* state.h: a process's connections to the two Redis servers and what it must know of them.
 * `durable` holds what a 2xx promises; `volatile_redis` holds what may be lost (rate windows,
 * presence, progress, last use). `streams` carries only blocking reads. All may be one server. */
#pragma once

#include "state/redis.h"

struct state {
    struct redis *durable, *volatile_redis, *streams;
    unsigned partitions;               /* fixed at creation of the data; 0 before state_wait() */
    struct state_functions *functions; /* of state.c */
};

/* Opens the connections and loads our functions after each connect of `durable`. No volatile_url:
 * the same server. NULL: one of the URLs is not one (see redis_address.h). */
struct state *state_open(struct slice durable_url, struct slice volatile_url);
void state_close(struct state *state);       /* what is under way ends; later calls fail at once */
bool state_ready(const struct state *state); /* `durable` answers and has our functions */

/* For a program's start. Suspends until all three connections are there and state_ready() holds, at
 * most limit_ms; a server that reads its data is waited for as long as it does. Reads or, in an
 * empty store, fixes `partitions` ("hub:partitions"). Says on standard error which server it waits
 * for and why, once, after tell_after_ms or when it gives up: with ERR_STATE_UNAVAILABLE all has
 * been said. */
enum err state_wait(struct task *task, struct state *state, unsigned partitions_if_new,
                    uint64_t limit_ms, uint64_t tell_after_ms);

enum { STATE_TELL_AFTER_MS = 2000 };

/* Is `durable` configured to keep what "always" or "everysec" promises (appendonly, appendfsync, no
 * eviction)? False: *problem says in one line what is weaker, in the task's arena. True also where
 * CONFIG may not be asked, with a warning in the log. */
bool state_check_durability(struct task *task, struct state *state, struct slice durability,
                            char **problem);

/* False: `durable` has reached its maxmemory and refuses what would make it grow. True also where
 * it does not say. */
bool state_has_memory(struct task *task, struct state *state);

/* FCALL on the durable server of a function of ours (functions.lua, webhooks.lua). A fault of the
 * server becomes an error as by state_fault(). */
enum err state_fcall(struct task *task, struct state *state, struct slice function,
                     struct slice key, const struct slice *argv, size_t argc,
                     struct redis_value *out);

/* redis_callv(), and a fault becomes an error. */
enum err state_callv(struct task *task, struct redis *redis, struct redis_value *out,
                     const struct slice *argv, size_t argc);
#define state_command(task, redis, out, ...)                                                       \
    state_callv((task), (redis), (out), REDIS_ARGV(__VA_ARGS__), REDIS_ARGC(__VA_ARGS__))

/* A page of a sorted set of the durable server, by score, in one round trip: *ids, a list, and how
 * many there are in all. */
enum err state_page(struct task *task, struct state *state, struct slice key, bool newest_first,
                    uint64_t skip, uint64_t limit, struct redis_value *ids, uint64_t *total);

/* OK for anything but a fault; ERR_STORAGE_FULL where its memory is full, ERR_STATE_UNAVAILABLE
 * where the server is the reason otherwise (disk, replicas); else the command was wrong: logged,
 * ERR_INTERNAL. */
enum err state_fault(const struct redis_value *value);

/* "{pN}:" and the rest; the one place that spells keys' partitions. */
struct slice state_key(struct arena *arena, unsigned partition, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
