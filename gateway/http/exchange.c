#include "gateway/http/exchange.h"

#include "base/clock.h"
#include "base/memory.h"
#include "gateway/http/pump.h"
#include "gateway/http/room.h"

#include <assert.h>
#include <unistd.h>

enum {
    EXCHANGE_MAGIC = 0x45584348,
    HEAD_DEADLINE_MS = 10000,
    IDLE_MS = 75000,
    STALL_DEADLINE_MS = 60000,
    /* While draining: for a request that is on its way to us, or half here. */
    DRAIN_IDLE_MS = 250,
    DRAIN_HEAD_MS = 1000,
    BODY_SILENCE_MS = 30000,
    BODY_LEAST_BYTES_PER_S = 1 << 10, /* judged when we have waited BODY_SILENCE_MS in all */
    READ_AHEAD_BYTES = 16 << 10,      /* past it the socket is not read */
    INPUT_MAX_BYTES = 256 << 10,
    KEPT_BYTES = 16 << 10, /* of a buffer, between requests */
    SPARE_ARENAS = 64,
};

struct exchange {
    uint32_t magic;
    const struct exchange_service *service;
    void *service_arg;
    struct connection *connection; /* NULL: the client has left */
    struct exchange *next, **prev_next;

    struct buf in;          /* arrived and not looked at */
    struct buf held;        /* given to the fiber by exchange_read(); its rest is to be decoded */
    struct slice held_rest; /* in `held` */

    struct task *request;         /* NULL between requests */
    const struct http_head *head; /* in its arena */
    bool running;                 /* its fiber has not returned */
    bool last;                    /* the connection ends with this answer */
    bool refused;                 /* without being read: what else the client sends is unknown */
    bool uploading, continued;
    struct http1_body body;
    enum err body_error;
    uint64_t body_bytes, waited_ms, waits_since_ms;
    struct fiber_wait *body_wait;

    struct buf out; /* the answer's bytes that the connection has not been given */
    struct room_share room;
    struct pump *pump;
    void (*upgrade)(struct connection *connection, struct slice early_bytes, void *arg);
    void *upgrade_arg;
};

static struct {
    uint64_t idle_ms;
    struct exchange *all;
    size_t uploads;
    bool draining;
    struct arena *spare[SPARE_ARENAS]; /* of ended requests, for the next ones */
    size_t spare_count;
} shared = {.idle_ms = IDLE_MS};

void exchange_set_idle(uint64_t ms)
{
    shared.idle_ms = ms;
}

size_t exchange_uploads(void)
{
    return shared.uploads;
}

static void next_request(struct exchange *ex);
static void end_request(struct exchange *ex);

/* --- life of the exchange ----------------------------------------------------------------------
 */

static void release(struct exchange *ex)
{
    *ex->prev_next = ex->next;
    if (ex->next)
        ex->next->prev_next = ex->prev_next;
    buf_fini(&ex->in);
    buf_fini(&ex->held);
    ex->magic = 0;
    mem_free(ex);
}

static struct arena *take_arena(void)
{
    return shared.spare_count ? shared.spare[--shared.spare_count] : arena_new();
}

static void give_arena(struct arena *arena)
{
    if (shared.spare_count == SPARE_ARENAS) {
        arena_free(arena);
        return;
    }
    arena_reset(arena);
    shared.spare[shared.spare_count++] = arena;
}

/* --- the end of a request ----------------------------------------------------------------------
 */

/* Empties a buffer and gives back what it has beyond a small request's size. */
static void shrink(struct buf *buf)
{
    buf_clear(buf);
    if (buf->size > KEPT_BYTES) {
        buf_fini(buf);
        buf_init(buf, INPUT_MAX_BYTES);
    }
}

/* Bytes of the next request that came along with this one's body. */
static void take_back_held(struct exchange *ex)
{
    if (ex->held_rest.n) {
        buf_consume(&ex->held, ex->held.n - ex->held_rest.n);
        buf_add(&ex->held, buf_slice(&ex->in));
        struct buf swap = ex->in;
        ex->in = ex->held;
        ex->held = swap;
    }
    ex->held_rest = SLICE_NONE;
    shrink(&ex->held);
}

static void hand_over(struct exchange *ex)
{
    struct connection *connection = ex->connection;

    ex->connection = NULL;
    connection_deadline(connection, 0);
    connection_set_reading(connection, true);
    ex->upgrade(connection, buf_slice(&ex->in), ex->upgrade_arg);
}

static void drop_request(struct exchange *ex)
{
    struct arena *arena = ex->request->arena;

    room_give_back(&ex->room);
    http1_body_fini(&ex->body);
    ex->service->close(ex->request);
    if (ex->uploading)
        shared.uploads--;
    ex->request = NULL;
    ex->head = NULL;
    give_arena(arena);
}

/* Gives the connection the next piece of the answer. False: there is none left. */
static bool send_more(struct exchange *ex)
{
    struct slice rest = buf_slice(&ex->out);
    size_t n = rest.n < EXCHANGE_PIECE_BYTES ? rest.n : EXCHANGE_PIECE_BYTES;

    if (n == 0)
        return false;
    connection_write(ex->connection, (struct slice){rest.p, n});
    buf_consume(&ex->out, n);
    if (ex->out.n == 0)
        buf_fini(&ex->out);
    connection_deadline(ex->connection, STALL_DEADLINE_MS);
    connection_want_writable(ex->connection);
    return true;
}

/* Ends what can be ended: the handler has returned and the answer has left (or nobody waits for
 * it). Then the next request may begin.
 * NOLINTNEXTLINE(misc-no-recursion): refuse() is always the last request */
static void end_request(struct exchange *ex)
{
    if (ex->running)
        return;
    if (!ex->connection) {
        drop_request(ex);
        release(ex);
        return;
    }
    if (ex->pump || ex->out.n)
        return;
    if (connection_backlog(ex->connection)) {
        connection_want_writable(ex->connection);
        connection_deadline(ex->connection, STALL_DEADLINE_MS);
        return;
    }
    take_back_held(ex);
    if (ex->upgrade) {
        connection_want_writable(ex->connection); /* handed over there, outside the fiber */
        return;
    }
    drop_request(ex);
    if (ex->last)
        connection_finish(ex->connection, ex->refused || ex->body.state != BODY_DONE);
    else
        next_request(ex);
}

/* --- the beginning of a request ----------------------------------------------------------------
 */

/* head is in the arena, and nothing but zeros where none could be read. */
static void open_request(struct exchange *ex, struct arena *arena, const struct http_head *head)
{
    ex->head = head;
    ex->last = ex->refused = ex->uploading = ex->continued = false;
    ex->body_error = OK;
    ex->body_bytes = ex->waited_ms = 0;
    http1_body_init(&ex->body, head);
    ex->request = ex->service->open(ex->service_arg, ex, arena, head);
    connection_deadline(ex->connection, 0);
}

static void run(void *arg)
{
    struct exchange *ex = CAST_OBJ(struct exchange, arg, EXCHANGE_MAGIC);

    ex->service->run(ex->request);
    ex->running = false;
    end_request(ex);
}

/* Without a fiber: for what cannot be read as a request, and when no fiber is left.
 * NOLINTNEXTLINE(misc-no-recursion): ends the connection, so it comes once */
static void refuse(struct exchange *ex, struct slice bytes, enum err why)
{
    ex->last = ex->refused = true;
    ex->service->refuse(ex->request, bytes, why);
    end_request(ex);
}

/* NOLINTNEXTLINE(misc-no-recursion): by refuse() alone, which ends it */
static void refuse_headless(struct exchange *ex, enum err why)
{
    struct arena *arena = take_arena();

    open_request(ex, arena, ARENA_NEW(arena, struct http_head));
    refuse(ex, buf_slice(&ex->in), why);
}

/* NOLINTNEXTLINE(misc-no-recursion): by refuse() alone, which ends it */
static void begin_request(struct exchange *ex, size_t head_n)
{
    struct arena *arena = take_arena();
    struct http_head *head = ARENA_NEW(arena, struct http_head);
    struct slice bytes = arena_dup(arena, (struct slice){buf_slice(&ex->in).p, head_n});

    buf_consume(&ex->in, head_n);
    enum err err = http1_parse_head(arena, bytes, head);
    open_request(ex, arena, head);
    if (err) {
        refuse(ex, bytes, err);
        return;
    }
    ex->running = fiber_spawn(run, ex);
    if (!ex->running)
        refuse(ex, bytes, ERR_OVERLOADED);
}

static void wait_for_head(struct exchange *ex, bool first)
{
    bool due = ex->in.n || first;

    if (ex->in.n == 0)
        shrink(&ex->in);
    connection_set_reading(ex->connection, true);
    if (shared.draining)
        connection_deadline(ex->connection, due ? DRAIN_HEAD_MS : DRAIN_IDLE_MS);
    else
        connection_deadline(ex->connection, due ? HEAD_DEADLINE_MS : shared.idle_ms);
}

/* NOLINTNEXTLINE(misc-no-recursion): by refuse() alone, which ends it */
static void next_request(struct exchange *ex)
{
    struct slice arrived = buf_slice(&ex->in);
    size_t n = 0;
    enum err err = arrived.n ? http1_find_head(arrived, &n) : OK;

    if (err) {
        refuse_headless(ex, err);
    } else if (n) {
        begin_request(ex, n);
    } else {
        wait_for_head(ex, false);
    }
}

/* --- what the connection tells -----------------------------------------------------------------
 */

static void on_bytes(void *arg, struct slice bytes)
{
    struct exchange *ex = CAST_OBJ(struct exchange, arg, EXCHANGE_MAGIC);
    bool began = ex->in.n > 0;
    size_t n = 0;

    if (!buf_add(&ex->in, bytes)) {
        connection_drop(ex->connection);
        return;
    }
    if (ex->request) {
        if (ex->in.n >= READ_AHEAD_BYTES)
            connection_set_reading(ex->connection, false);
        if (ex->body_wait)
            fiber_resume(ex->body_wait);
        return;
    }
    if (began && http1_find_head(buf_slice(&ex->in), &n) == OK && n == 0)
        return; /* the deadline of its first byte stays */
    next_request(ex);
}

static void on_writable(void *arg)
{
    struct exchange *ex = CAST_OBJ(struct exchange, arg, EXCHANGE_MAGIC);

    if (ex->pump) {
        connection_deadline(ex->connection, STALL_DEADLINE_MS);
        pump_writable(ex->pump);
    } else if (send_more(ex)) {
        return;
    } else if (ex->upgrade && !ex->running) {
        hand_over(ex);
        drop_request(ex);
        release(ex);
    } else if (ex->request) {
        end_request(ex);
    }
}

static void on_deadline(void *arg)
{
    struct exchange *ex = CAST_OBJ(struct exchange, arg, EXCHANGE_MAGIC);

    if (ex->request || ex->in.n == 0) {
        connection_drop(ex->connection);
    } else {
        refuse_headless(ex, ERR_REQUEST_TIMEOUT);
    }
}

static void on_gone(void *arg)
{
    struct exchange *ex = CAST_OBJ(struct exchange, arg, EXCHANGE_MAGIC);

    ex->connection = NULL;
    buf_fini(&ex->out);
    if (ex->pump) {
        pump_abort(ex->pump);
        ex->pump = NULL;
    }
    if (!ex->request) {
        release(ex);
        return;
    }
    ex->request->cancelled = true;
    if (ex->body_wait)
        fiber_resume(ex->body_wait);
    end_request(ex);
}

void *exchange_accept(const struct exchange_service *service, void *arg,
                      struct connection *connection, const struct connection_owner **owner)
{
    static const struct connection_owner callbacks = {on_bytes, on_writable, on_gone, on_deadline};
    struct exchange *ex = MEM_NEW(struct exchange);

    ex->magic = EXCHANGE_MAGIC;
    ex->service = service;
    ex->service_arg = arg;
    ex->connection = connection;
    buf_init(&ex->in, INPUT_MAX_BYTES);
    buf_init(&ex->held, INPUT_MAX_BYTES);
    ex->next = shared.all;
    ex->prev_next = &shared.all;
    if (ex->next)
        ex->next->prev_next = &ex->next;
    shared.all = ex;
    *owner = &callbacks;
    wait_for_head(ex, true);
    return ex;
}

void exchange_drain(void)
{
    shared.draining = true;
    for (struct exchange *ex = shared.all; ex; ex = ex->next)
        if (ex->connection && !ex->request)
            wait_for_head(ex, false);
    while (shared.spare_count)
        arena_free(shared.spare[--shared.spare_count]);
}

/* --- the request under way ---------------------------------------------------------------------
 */

struct slice exchange_peer_ip(const struct exchange *ex)
{
    return connection_peer_ip(ex->connection);
}

enum connection_entry exchange_entry(const struct exchange *ex)
{
    return connection_entry_of(ex->connection);
}

uint64_t exchange_received(const struct exchange *ex)
{
    return ex->body_bytes;
}

/* --- bodies ------------------------------------------------------------------------------------
 */

/* The next run of payload out of what has arrived; empty: more is needed, or the body is at its
 * end. Until the next call the run's bytes stay where they are, whatever arrives. */
static enum err decode(struct exchange *ex, struct slice *run)
{
    *run = SLICE_NONE;
    while (!run->n && ex->body.state != BODY_DONE && !ex->body_error) {
        if (ex->held_rest.n == 0) {
            struct buf swap = ex->held;

            if (ex->in.n == 0)
                return OK;
            shrink(&swap); /* an upload then costs one piece, not two */
            ex->held = ex->in;
            ex->in = swap;
            ex->held_rest = buf_slice(&ex->held);
        }
        ex->body_error = http1_body_next(&ex->body, &ex->held_rest, run);
        ex->body_bytes += run->n;
    }
    return ex->body_error;
}

static bool is_too_slow(const struct exchange *ex)
{
    return ex->waited_ms >= BODY_SILENCE_MS &&
           ex->body_bytes / BODY_LEAST_BYTES_PER_S < ex->waited_ms / 1000;
}

static enum err wait_for_bytes(struct exchange *ex)
{
    struct fiber_wait wait = {0};

    ex->waits_since_ms = clock_ms();
    if (ex->in.size == 0) {
        /* What is coming may use the memory of what has been read. */
        ex->in = ex->held;
        buf_clear(&ex->in);
        buf_init(&ex->held, INPUT_MAX_BYTES);
    }
    if (ex->head->expects_continue && !ex->continued && ex->body_bytes == 0)
        connection_write(ex->connection, SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
    ex->continued = true;
    connection_set_reading(ex->connection, true);
    ex->body_wait = &wait;
    enum fiber_wake wake = fiber_await(&wait, task_timeout_ms(ex->request, BODY_SILENCE_MS));
    ex->body_wait = NULL;
    ex->waited_ms += clock_ms() - ex->waits_since_ms;
    if (!ex->connection)
        return ERR_BAD_REQUEST;
    return wake == FIBER_TIMEOUT || is_too_slow(ex) ? ERR_REQUEST_TIMEOUT : OK;
}

bool exchange_stays(struct exchange *ex, uint64_t ms)
{
    uint64_t until_ms = clock_ms() + ms, now_ms;

    while (ex->connection && (now_ms = clock_ms()) < until_ms) {
        struct fiber_wait wait = {0};

        /* Who leaves is seen only while the socket is read. */
        if (ex->in.n < READ_AHEAD_BYTES)
            connection_set_reading(ex->connection, true);
        ex->body_wait = &wait;
        fiber_await(&wait, until_ms - now_ms);
        ex->body_wait = NULL;
    }
    return ex->connection != NULL;
}

enum err exchange_read(struct exchange *ex, uint64_t most, struct slice *chunk)
{
    if (ex->head->has_length && ex->head->content_length > most)
        return ERR_PAYLOAD_TOO_LARGE;
    for (;;) {
        if (!ex->connection)
            return ERR_BAD_REQUEST;
        enum err err = decode(ex, chunk);
        if (err)
            return err;
        if (ex->body_bytes > most)
            return ERR_PAYLOAD_TOO_LARGE;
        if (chunk->n || ex->body.state == BODY_DONE)
            return OK;
        err = wait_for_bytes(ex);
        if (err)
            return err;
    }
}

bool exchange_stop_silent(struct exchange *ex, uint64_t silent_ms)
{
    if (!ex->body_wait || clock_ms() - ex->waits_since_ms < silent_ms)
        return false;
    ex->body_error = ERR_REQUEST_TIMEOUT;
    fiber_resume(ex->body_wait);
    return true;
}

struct slice exchange_trailer(const struct exchange *ex, const char *name)
{
    return http1_trailer(&ex->body, ex->head, name);
}

bool exchange_begin_upload(struct exchange *ex)
{
    if (ex->uploading || shared.uploads == EXCHANGE_UPLOADS_MAX)
        return ex->uploading;
    ex->uploading = true;
    shared.uploads++;
    return true;
}

/* --- answers -----------------------------------------------------------------------------------
 */

bool exchange_keeps_alive(struct exchange *ex)
{
    struct slice run;

    if (!ex->last && ex->head->keep_alive && !shared.draining)
        while (decode(ex, &run) == OK && run.n)
            ;
    if (ex->body.state != BODY_DONE || ex->body_error || !ex->head->keep_alive || shared.draining)
        ex->last = true;
    return !ex->last;
}

void exchange_close_after(struct exchange *ex)
{
    ex->last = true;
}

void exchange_write(struct exchange *ex, struct slice bytes)
{
    if (ex->connection)
        connection_write(ex->connection, bytes);
}

bool exchange_may_wait(struct exchange *ex, struct slice party, size_t bytes)
{
    return room_take(&ex->room, party, bytes);
}

void exchange_send(struct exchange *ex, struct buf *message)
{
    if (!ex->connection)
        return;
    if (message->n <= EXCHANGE_PIECE_BYTES) {
        connection_write(ex->connection, buf_slice(message));
        return;
    }
    ex->out = *message;
    buf_init(message, ex->out.max_bytes);
    send_more(ex);
}

static void on_pumped(void *arg)
{
    struct exchange *ex = CAST_OBJ(struct exchange, arg, EXCHANGE_MAGIC);

    ex->pump = NULL;
    end_request(ex);
}

void exchange_send_file(struct exchange *ex, struct slice head, const struct pump_file *file)
{
    if (!ex->connection) {
        close(file->fd);
        return;
    }
    connection_deadline(ex->connection, STALL_DEADLINE_MS);
    ex->pump = pump_start(ex->connection, head, file, on_pumped, ex);
}

void exchange_upgrade(struct exchange *ex,
                      void (*open)(struct connection *connection, struct slice early_bytes,
                                   void *arg),
                      void *arg)
{
    if (!ex->connection)
        return;
    ex->upgrade = open;
    ex->upgrade_arg = arg;
}
