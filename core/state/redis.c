#include "state/redis.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/redis_address.h"
#include "base/timer.h"
#include "state/redis_link.h"
#include "state/redis_reply.h"

#include <assert.h>
#include <hiredis/async.h>
#include <string.h>

enum { REDIS_MAGIC = 0x72656469 };
enum {
    RETRY_FIRST_MS = 10,
    RETRY_MAX_MS = 500,
    PROBE_AGAIN_MS = 50, /* while the server answers LOADING */
    WATCHDOG_MS = 100,
    IDLE_PING_MS = 2000, /* so that a silent death is noticed without traffic */
    EXPECT_AGAIN_MS = 1000,
    PROBLEM_BYTES = 160,
    STEADY_MS = 1000, /* a connection that lived so long resets the back-off */
};

enum phase {
    PHASE_AWAY,
    PHASE_RESOLVING,
    PHASE_CONNECTING,
    PHASE_PROBING,
    PHASE_READY,
    PHASE_CLOSED
};

struct redis {
    uint32_t magic;
    const char *name;
    struct arena *arena; /* of the address */
    struct redis_address address;
    redisAsyncContext *context;
    enum phase phase;
    uint64_t phase_since_ms;
    uint64_t last_reply_ms;
    uint64_t connects;
    uint64_t retry_ms;
    struct slice shown;                        /* its URL, without the login; in the arena */
    char problem[PROBLEM_BYTES];               /* why it is not ready; empty: nothing is known */
    bool loading;                              /* it is there, and reads its data */
    bool refused;                              /* what this connection asked for at its start */
    bool told;                                 /* the log knows that it is away */
    bool told_foreign;                         /* ... or that it is not the one we expect */
    struct slice expected_key, expected_value; /* in the arena; empty: any server will do */
    uint64_t expected_ms;                      /* when it was last looked at */
    struct timer timer;                        /* next attempt, or next probe */
    struct timer watchdog;
    uv_getaddrinfo_t resolve;
    unsigned attempt;                    /* picks among several addresses of a host */
    struct redis_call *oldest, **newest; /* on the way, in the order of their replies */
    void (*on_connect)(void *arg);
    void *on_connect_arg;
    struct redis *next_closed;
};

/* A fiber may still hold a closed connection, whose calls then fail, so its record stays. A
 * process closes what it has opened once, at its end. */
static struct redis *closed;

static void attempt_connect(struct redis *redis);
static void probe(struct redis *redis);
static void send_expectation(struct redis *redis);

/* -- Losing and regaining the connection ------------------------------------------------------ */

static void set_phase(struct redis *redis, enum phase phase)
{
    redis->phase = phase;
    redis->phase_since_ms = clock_ms();
}

static void note_problem(struct redis *redis, struct slice why)
{
    snprintf(redis->problem, sizeof redis->problem, "%.*s", SLICE_ARG(why));
}

/* Once for each time that it is away. Before the first time that it is there, whoever waits for it
 * tells: at a start of both it may come a moment after us. */
static bool is_news(struct redis *redis)
{
    bool news = !redis->told && redis->connects > 0;

    redis->told = true;
    return news;
}

static void on_retry(struct timer *timer)
{
    attempt_connect(CONTAINER_OF(timer, struct redis, timer));
}

/* After the context is gone or going: hiredis frees it by itself. */
static void lost(struct redis *redis, const char *why)
{
    bool steady = redis->phase == PHASE_READY && clock_ms() - redis->phase_since_ms >= STEADY_MS;

    if (redis->phase == PHASE_CLOSED)
        return;
    note_problem(redis, slice_from(why));
    redis->loading = false;
    if (is_news(redis))
        log_event(LOG_WARN, "redis_away", F("connection", redis->name), F("reason", why));
    if (steady || !redis->retry_ms)
        redis->retry_ms = RETRY_FIRST_MS;
    redis->context = NULL;
    set_phase(redis, PHASE_AWAY);
    timer_start(&redis->timer, redis->retry_ms, on_retry);
    redis->retry_ms = redis->retry_ms * 2 < RETRY_MAX_MS ? redis->retry_ms * 2 : RETRY_MAX_MS;
}

/* Not from onConnect or onDisconnect: hiredis frees the context itself there. Inside a reply
 * callback it puts the freeing off until the callback has returned. */
static void drop(struct redis *redis, const char *why)
{
    redisAsyncContext *context = redis->context;

    lost(redis, why);
    redis->context = NULL;
    redisAsyncFree(context);
}

static void on_disconnected(const redisAsyncContext *context, int status)
{
    struct redis *redis = CAST_OBJ(struct redis, context->data, REDIS_MAGIC);

    if (redis->context == context)
        lost(redis, context->c.errstr[0] ? context->c.errstr : "closed by the server");
}

static void on_probe_again(struct timer *timer)
{
    probe(CONTAINER_OF(timer, struct redis, timer));
}

static void become_ready(struct redis *redis)
{
    /* The first time is what everybody waits for; later, or after bad news, it is news. */
    enum log_level level = redis->told || redis->connects > 0 ? LOG_INFO : LOG_DEBUG;

    set_phase(redis, PHASE_READY);
    redis->connects++;
    redis->told = redis->told_foreign = redis->loading = false;
    redis->problem[0] = '\0';
    log_event(level, "redis_ready", F("connection", redis->name),
              F("connects", (long long)redis->connects));
    if (redis->on_connect)
        redis->on_connect(redis->on_connect_arg);
}

/* A server that was emptied or exchanged for another is as good as away. */
static void on_expected(redisAsyncContext *context, void *answer, void *arg)
{
    struct redis *redis = CAST_OBJ(struct redis, arg, REDIS_MAGIC);
    const redisReply *reply = answer;

    if (!reply || context != redis->context)
        return;
    redis->last_reply_ms = redis->expected_ms = clock_ms();
    bool same = slice_eq(redis_reply_text(reply), redis->expected_value);
    if (same && redis->phase == PHASE_PROBING)
        become_ready(redis);
    if (same)
        return;
    if (!redis->told_foreign && reply->type != REDIS_REPLY_ERROR)
        log_event(LOG_ERROR, "state_of_another_hub", F("connection", redis->name),
                  F("key", redis->expected_key), F("expected", redis->expected_value),
                  F("found", redis_reply_text(reply)),
                  F("remedy", "name the right server with --redis, or bring its data back"));
    redis->told_foreign = reply->type != REDIS_REPLY_ERROR;
    if (redis->phase == PHASE_READY) {
        drop(redis, "it is not the server of this hub");
        return;
    }
    redis->phase_since_ms = redis->last_reply_ms;
    timer_start(&redis->timer, PROBE_AGAIN_MS, on_probe_again);
}

static void on_probe(redisAsyncContext *context, void *answer, void *arg)
{
    struct redis *redis = CAST_OBJ(struct redis, arg, REDIS_MAGIC);
    const redisReply *reply = answer;

    if (!reply || context != redis->context)
        return;
    redis->last_reply_ms = clock_ms();
    if (redis->phase != PHASE_PROBING)
        return;
    if (reply->type != REDIS_REPLY_ERROR && !redis->refused) {
        if (redis->expected_key.n)
            send_expectation(redis);
        else
            become_ready(redis);
        return;
    }
    redis->loading = slice_starts_with(redis_reply_text(reply), SLICE("LOADING"));
    if (!redis->refused)
        note_problem(redis, redis_reply_text(reply));
    if (is_news(redis))
        log_event(LOG_WARN, "redis_not_ready", F("connection", redis->name),
                  F("reason", redis->problem));
    redis->phase_since_ms = redis->last_reply_ms;
    timer_start(&redis->timer, PROBE_AGAIN_MS, on_probe_again);
}

/* Without its login or its database a connection is of no use, whatever PING says; a server that
 * asks for no password takes any. */
static void on_login(redisAsyncContext *context, void *answer, void *arg)
{
    struct redis *redis = CAST_OBJ(struct redis, arg, REDIS_MAGIC);
    const redisReply *reply = answer;

    if (!reply || reply->type != REDIS_REPLY_ERROR || redis->refused ||
        slice_starts_with(redis_reply_text(reply), SLICE("ERR AUTH")))
        return;
    redis->refused = true;
    note_problem(redis, redis_reply_text(reply));
}

static void on_named(redisAsyncContext *context, void *answer, void *arg)
{
}

static void send_raw(struct redis *redis, redisCallbackFn *fn, int argc, const struct slice *argv)
{
    const char *texts[3];
    size_t lengths[3];

    assert(argc <= 3);
    for (int i = 0; i < argc; i++) {
        texts[i] = argv[i].p;
        lengths[i] = argv[i].n;
    }
    redisAsyncCommandArgv(redis->context, fn, redis, argc, texts, lengths);
}

static void send_expectation(struct redis *redis)
{
    redis->expected_ms = clock_ms();
    send_raw(redis, on_expected, 2, REDIS_ARGV(SLICE("GET"), redis->expected_key));
}

static void probe(struct redis *redis)
{
    send_raw(redis, on_probe, 1, REDIS_ARGV(SLICE("PING")));
}

static void on_connected(const redisAsyncContext *context, int status)
{
    struct redis *redis = CAST_OBJ(struct redis, context->data, REDIS_MAGIC);
    char db[24];

    if (status != REDIS_OK) {
        lost(redis, context->c.errstr[0] ? context->c.errstr : "refused");
        return;
    }
    set_phase(redis, PHASE_PROBING);
    redis->refused = false;
    redis->last_reply_ms = redis->phase_since_ms;
    if (redis->address.user.n)
        send_raw(redis, on_login, 3,
                 REDIS_ARGV(SLICE("AUTH"), redis->address.user, redis->address.password));
    else if (redis->address.password.n)
        send_raw(redis, on_login, 2, REDIS_ARGV(SLICE("AUTH"), redis->address.password));
    if (redis->address.db) {
        snprintf(db, sizeof db, "%llu", (unsigned long long)redis->address.db);
        send_raw(redis, on_login, 2, REDIS_ARGV(SLICE("SELECT"), slice_from(db)));
    }
    send_raw(redis, on_named, 3,
             REDIS_ARGV(SLICE("CLIENT"), SLICE("SETNAME"), slice_from(redis->name)));
    probe(redis);
}

static void adopt_context(struct redis *redis, redisAsyncContext *context)
{
    /* A missing socket gives a context with an error and no descriptor; attaching it crashes. */
    if (!context || context->err || !redis_link_attach(context, loop_get())) {
        lost(redis, context && context->c.errstr[0] ? context->c.errstr : "cannot connect");
        if (context)
            redisAsyncFree(context);
        return;
    }
    context->data = redis;
    redis->context = context;
    set_phase(redis, PHASE_CONNECTING);
    redisAsyncSetConnectCallback(context, on_connected);
    redisAsyncSetDisconnectCallback(context, on_disconnected);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct redis *redis = CAST_OBJ(struct redis, request->data, REDIS_MAGIC);
    char host[64] = "";
    unsigned n = 0;

    if (redis->phase == PHASE_RESOLVING) {
        for (const struct addrinfo *at = found; at; at = at->ai_next)
            n++;
        const struct addrinfo *chosen = found;
        for (unsigned i = n ? redis->attempt++ % n : 0; i > 0; i--)
            chosen = chosen->ai_next;
        if (status == 0 && chosen && uv_ip_name(chosen->ai_addr, host, sizeof host) == 0)
            adopt_context(redis, redisAsyncConnect(host, redis->address.port));
        else
            lost(redis, status ? uv_strerror(status) : "the host has no address");
    }
    uv_freeaddrinfo(found);
}

static void attempt_connect(struct redis *redis)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int refused;

    if (redis->address.path) {
        adopt_context(redis, redisAsyncConnectUnix(redis->address.path));
        return;
    }
    set_phase(redis, PHASE_RESOLVING);
    redis->resolve.data = redis;
    refused =
        uv_getaddrinfo(loop_get(), &redis->resolve, on_resolved, redis->address.host, NULL, &hints);
    if (refused)
        lost(redis, uv_strerror(refused));
}

static bool stalled(const struct redis *redis, uint64_t now_ms)
{
    const struct redis_call *call = redis->oldest;

    if (redis->phase == PHASE_CONNECTING || redis->phase == PHASE_PROBING)
        return now_ms > redis->phase_since_ms + REDIS_STALL_MS;
    if (!call)
        return now_ms > redis->last_reply_ms + IDLE_PING_MS + REDIS_STALL_MS;
    uint64_t since_ms = call->sent_ms > redis->last_reply_ms ? call->sent_ms : redis->last_reply_ms;
    return now_ms > since_ms + REDIS_STALL_MS + call->block_ms;
}

static void on_watchdog(struct timer *timer)
{
    struct redis *redis = CONTAINER_OF(timer, struct redis, watchdog);
    uint64_t now_ms = clock_ms();

    timer_start(&redis->watchdog, WATCHDOG_MS, on_watchdog);
    if (!redis->context)
        return;
    if (stalled(redis, now_ms)) {
        drop(redis, "no answer");
        return;
    }
    if (redis->phase == PHASE_READY && !redis->oldest &&
        now_ms > redis->last_reply_ms + IDLE_PING_MS && redis->context->replies.head == NULL)
        probe(redis);
    if (redis->phase == PHASE_READY && redis->expected_key.n &&
        now_ms > redis->expected_ms + EXPECT_AGAIN_MS &&
        (!redis->oldest || !redis->oldest->block_ms))
        send_expectation(redis);
}

/* -- Public ----------------------------------------------------------------------------------- */

struct redis *redis_open(struct slice url, const char *name)
{
    struct arena *arena = arena_new();
    struct redis_address address;

    if (!redis_address_parse(arena, url, &address)) {
        arena_free(arena);
        return NULL;
    }
    struct redis *redis = MEM_NEW(struct redis);
    *redis = (struct redis){.magic = REDIS_MAGIC, .name = name, .arena = arena, .address = address};
    redis->newest = &redis->oldest;
    redis->shown = redis_address_shown(arena, arena_dup(arena, url));
    timer_start(&redis->watchdog, WATCHDOG_MS, on_watchdog);
    attempt_connect(redis);
    return redis;
}

void redis_on_connect(struct redis *redis, void (*fn)(void *arg), void *arg)
{
    redis->on_connect = fn;
    redis->on_connect_arg = arg;
}

void redis_expect(struct redis *redis, struct slice key, struct slice value)
{
    redis->expected_key = arena_dup(redis->arena, key);
    redis->expected_value = arena_dup(redis->arena, value);
}

void redis_close(struct redis *redis)
{
    redisAsyncContext *context = redis->context;

    assert(redis->phase != PHASE_CLOSED);
    redis->context = NULL;
    set_phase(redis, PHASE_CLOSED);
    timer_stop(&redis->timer);
    timer_stop(&redis->watchdog);
    if (context)
        redisAsyncFree(context);
    assert(!redis->oldest);
    redis->next_closed = closed;
    closed = redis;
}

struct slice redis_shown(const struct redis *redis)
{
    return redis->shown;
}

const char *redis_problem(const struct redis *redis)
{
    return redis->problem;
}

bool redis_is_loading(const struct redis *redis)
{
    return redis->loading;
}

bool redis_ready(const struct redis *redis)
{
    return redis->phase == PHASE_READY;
}

uint64_t redis_connects(const struct redis *redis)
{
    return redis->connects;
}

/* These say that the server cannot serve now, not that the command is wrong. */
static bool not_ready(const redisReply *reply)
{
    static const struct slice prefixes[] = {
        SLICE_INIT("LOADING "),
        SLICE_INIT("READONLY "),
        SLICE_INIT("MASTERDOWN "),
        SLICE_INIT("CLUSTERDOWN "),
    };

    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (slice_starts_with(redis_reply_text(reply), prefixes[i]))
            return true;
    return false;
}

static void on_reply(redisAsyncContext *context, void *answer, void *arg)
{
    struct redis_call *call = CAST_OBJ(struct redis_call, arg, REDIS_CALL_MAGIC);
    struct redis *redis = call->redis;
    const redisReply *reply = answer;

    assert(redis->oldest == call);
    redis->oldest = call->next;
    if (!redis->oldest)
        redis->newest = &redis->oldest;
    if (reply)
        redis->last_reply_ms = clock_ms();
    if (reply && reply->type == REDIS_REPLY_ERROR && not_ready(reply) && redis->context) {
        drop(redis, reply->str);
        reply = NULL;
    }
    redis_call_end(call, reply);
}

static struct redis_call *send_call(struct redis *redis, uint64_t block_ms,
                                    const struct slice *argv, size_t argc)
{
    enum { ON_STACK = 32 };
    struct redis_call *call = redis_call_new(redis, block_ms);
    const char *few_texts[ON_STACK], **texts = few_texts;
    size_t few_lengths[ON_STACK], *lengths = few_lengths;
    void *many = NULL;

    assert(argc > 0 && argc < INT32_MAX);
    if (argc > ON_STACK) {
        many = mem_alloc(argc * (sizeof *texts + sizeof *lengths));
        texts = many;
        lengths = (size_t *)(void *)(texts + argc);
    }
    for (size_t i = 0; i < argc; i++) {
        texts[i] = argv[i].p ? argv[i].p : "";
        lengths[i] = argv[i].n;
    }
    if (redis->phase == PHASE_READY &&
        redisAsyncCommandArgv(redis->context, on_reply, call, (int)argc, texts, lengths) ==
            REDIS_OK) {
        call->sent_ms = clock_ms();
        *redis->newest = call;
        redis->newest = &call->next;
    } else {
        redis_call_end(call, NULL);
    }
    mem_free(many);
    return call;
}

struct redis_call *redis_send(struct redis *redis, const struct slice *argv, size_t argc)
{
    return send_call(redis, 0, argv, argc);
}

enum err redis_callv(struct task *task, struct redis *redis, struct redis_value *out,
                     const struct slice *argv, size_t argc)
{
    return redis_await(task, redis_send(redis, argv, argc), out);
}

enum err redis_call_blocking(struct task *task, struct redis *redis, struct redis_value *out,
                             uint64_t block_ms, const struct slice *argv, size_t argc)
{
    return redis_await(task, send_call(redis, block_ms, argv, argc), out);
}
