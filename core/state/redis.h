/* redis.h: one pipelined connection to a Redis server on the loop, that reconnects for ever.
 * Knows the protocol and the loop; must not know keys. hiredis underneath, with an adapter of our
 * own: the shipped one loses connections silently.
 *
 * Commands sent in one turn of the loop leave in one write. A lost connection ends every pending
 * command with ERR_STATE_UNAVAILABLE, which means "outcome unknown". A server that accepts and
 * never answers is noticed after REDIS_STALL_MS and the connection is dropped. LOADING and
 * READONLY answers count as "not ready". */
#pragma once

#include "state/redis_call.h"

struct redis;
/* url: as in redis_address.h; name: for the log and CLIENT LIST, a literal. NULL: not such a URL.
 * fn runs after each (re)connect, once the server answers PING, from inside the library: it may
 * spawn a task there, not wait. */
struct redis *redis_open(struct slice url, const char *name);
void redis_on_connect(struct redis *redis, void (*fn)(void *arg), void *arg);
/* From now on only a server whose `key` holds the text `value` is ready: looked at after each
 * connect, and every second. Another one is told to the log once, and is as good as away. Both
 * texts are copied. */
void redis_expect(struct redis *redis, struct slice key, struct slice value);
void redis_close(struct redis *redis);       /* pending calls end first; later ones fail at once */
bool redis_ready(const struct redis *redis); /* connected and answering */
struct slice redis_shown(const struct redis *redis); /* its URL, without the login */
const char *
redis_problem(const struct redis *redis);           /* why it is not ready; "": nothing is known */
bool redis_is_loading(const struct redis *redis);   /* it is there, and reads its data */
uint64_t redis_connects(const struct redis *redis); /* how often it has connected: a generation */

/* Sends without waiting; argv is copied. Not connected: the call has already failed. */
struct redis_call *redis_send(struct redis *redis, const struct slice *argv, size_t argc);

/* redis_send and redis_await. OK also for a REDIS_FAULT reply of the command itself. `out` may be
 * NULL where only the error matters; a REDIS_FAULT is then lost. */
enum err redis_callv(struct task *task, struct redis *redis, struct redis_value *out,
                     const struct slice *argv, size_t argc);

/* As above for blocking reads, which may take block_ms longer than others. Own connection only. */
enum err redis_call_blocking(struct task *task, struct redis *redis, struct redis_value *out,
                             uint64_t block_ms, const struct slice *argv, size_t argc);

#define REDIS_ARGV(...)                                                                            \
    (struct slice[])                                                                               \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define REDIS_ARGC(...) (sizeof(REDIS_ARGV(__VA_ARGS__)) / sizeof(struct slice))
#define redis_command(task, redis, out, ...)                                                       \
    redis_callv((task), (redis), (out), REDIS_ARGV(__VA_ARGS__), REDIS_ARGC(__VA_ARGS__))
#define redis_post(redis, ...)                                                                     \
    redis_forget(redis_send((redis), REDIS_ARGV(__VA_ARGS__), REDIS_ARGC(__VA_ARGS__)))
