#include "state/redis_copy.h"

#include "base/memory.h"
#include "base/redis_address.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <string.h>
#include <unistd.h>

/* While it saves, the server says a line end now and then. */
enum { SILENCE_S = 300, LINE_MAX_BYTES = 256, BLOCK_BYTES = 1 << 20 };

static bool fail(struct arena *arena, struct slice *problem, const char *why)
{
    *problem = arena_printf(arena, "the state could not be copied: %s", why);
    return false;
}

static redisContext *connect_to(const struct redis_address *address)
{
    const struct timeval silence = {.tv_sec = SILENCE_S};
    redisContext *context = address->path
                                ? redisConnectUnixWithTimeout(address->path, silence)
                                : redisConnectWithTimeout(address->host, address->port, silence);

    if (context && !context->err)
        redisSetTimeout(context, silence);
    return context;
}

static bool log_in(redisContext *context, const struct redis_address *address)
{
    const struct slice *user = &address->user, *password = &address->password;
    redisReply *reply;

    if (!password->n)
        return true;
    if (user->n)
        reply = redisCommand(context, "AUTH %b %b", user->p, user->n, password->p, password->n);
    else
        reply = redisCommand(context, "AUTH %b", password->p, password->n);
    bool fine = reply && reply->type != REDIS_REPLY_ERROR;
    if (reply)
        freeReplyObject(reply);
    return fine;
}

static bool send_sync(redisContext *context)
{
    int done = 0;

    redisAppendCommand(context, "SYNC");
    while (!done)
        if (redisBufferWrite(context, &done) != REDIS_OK)
            return false;
    return true;
}

static ssize_t read_some(int fd, char *bytes, size_t n)
{
    ssize_t got;

    do
        got = read(fd, bytes, n);
    while (got < 0 && errno == EINTR);
    return got;
}

/* The first line that is not empty, a byte at a time: what follows it belongs to the file. */
static bool read_line(int fd, char line[LINE_MAX_BYTES])
{
    size_t n = 0;
    char c;

    while (read_some(fd, &c, 1) == 1) {
        if (c == '\n' && n > 0 && line[0] != '\r') {
            line[line[n - 1] == '\r' ? n - 1 : n] = '\0';
            return true;
        }
        if (c == '\n')
            n = 0;
        else if (n + 1 < LINE_MAX_BYTES)
            line[n++] = c;
    }
    return false;
}

static bool copy_bytes(int from, int to, uint64_t left)
{
    char *block = mem_alloc(BLOCK_BYTES);
    bool fine = true;

    while (fine && left > 0) {
        ssize_t n = read_some(from, block, left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES);

        for (ssize_t at = 0, wrote; fine && at < n; at += wrote)
            fine = (wrote = write(to, block + at, (size_t)(n - at))) > 0;
        fine = fine && n > 0;
        left -= fine ? (uint64_t)n : 0;
    }
    mem_free(block);
    return fine;
}

static bool copy(struct arena *arena, redisContext *context, const struct redis_address *address,
                 int fd, struct slice *problem)
{
    char line[LINE_MAX_BYTES] = "";
    uint64_t bytes;

    if (!log_in(context, address))
        return fail(arena, problem, "the server refuses the login");
    if (!send_sync(context) || !read_line(context->fd, line))
        return fail(arena, problem, "the server has closed the connection");
    if (line[0] != '$' || !slice_to_u64(slice_from(line + 1), &bytes))
        return fail(arena, problem, line);
    if (!copy_bytes(context->fd, fd, bytes) || fsync(fd) != 0)
        return fail(arena, problem, errno ? strerror(errno) : "the server has stopped midway");
    return true;
}

bool redis_copy(struct arena *arena, struct slice url, int fd, struct slice *problem)
{
    struct redis_address address;

    if (!redis_address_parse(arena, url, &address))
        return fail(arena, problem, "this is not the URL of a Redis server");
    redisContext *context = connect_to(&address);
    if (!context || context->err) {
        fail(arena, problem, context ? context->errstr : "no memory");
        if (context)
            redisFree(context);
        return false;
    }
    errno = 0;
    bool fine = copy(arena, context, &address, fd, problem);
    redisFree(context);
    return fine;
}
