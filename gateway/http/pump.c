#include "gateway/http/pump.h"

#include "base/loop.h"
#include "base/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    PIECE_BYTES = 64 << 10,
    HEAD_BYTES = 4 << 10, /* a longer head is written alone */
    PIECES_PER_TURN = 4,  /* so that one fast client does not hold the loop */
};

enum step { STEP_MORE, STEP_WAIT, STEP_END };

struct pump {
    struct connection *connection; /* NULL: aborted */
    struct pump_file file;         /* what is left of it */
    void (*on_end)(void *arg);
    void *arg;
    bool reading; /* the thread pool has `work` */
    uv_work_t work;
    ssize_t got;
    size_t head_n; /* bytes before those of the file */
    char bytes[HEAD_BYTES + PIECE_BYTES];
};

static void release(struct pump *pump)
{
    close(pump->file.fd);
    mem_free(pump);
}

static ssize_t read_piece(struct pump *pump, int flags)
{
    uint64_t left = pump->file.length;
    size_t n = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
    struct iovec where = {pump->bytes + pump->head_n, n};

    return preadv2(pump->file.fd, &where, 1, (off_t)pump->file.offset, flags);
}

static enum step send_piece(struct pump *pump, ssize_t got)
{
    if (got <= 0) {
        connection_drop(pump->connection);
        return STEP_WAIT;
    }
    struct slice piece = {pump->bytes, pump->head_n + (size_t)got};
    struct pump_file *file = &pump->file;

    if (file->alter)
        file->alter(file->alter_arg, file->offset, pump->bytes + pump->head_n, (size_t)got);
    pump->head_n = 0;
    file->offset += (uint64_t)got;
    file->length -= (uint64_t)got;
    if (!connection_write(pump->connection, piece))
        return STEP_WAIT;
    if (file->length == 0)
        return STEP_END;
    return connection_backlog(pump->connection) ? STEP_WAIT : STEP_MORE;
}

static void end(struct pump *pump)
{
    void (*on_end)(void *arg) = pump->on_end;
    void *arg = pump->arg;

    release(pump);
    on_end(arg);
}

static void on_work(uv_work_t *work)
{
    struct pump *pump = CONTAINER_OF(work, struct pump, work);

    pump->got = read_piece(pump, 0);
}

static void after_work(uv_work_t *work, int status)
{
    struct pump *pump = CONTAINER_OF(work, struct pump, work);

    pump->reading = false;
    if (!pump->connection)
        release(pump);
    else if (send_piece(pump, pump->got) == STEP_END)
        end(pump);
    else
        connection_want_writable(pump->connection);
}

static enum step step(struct pump *pump)
{
    ssize_t got = read_piece(pump, RWF_NOWAIT);

    if (got >= 0 || (errno != EAGAIN && errno != EOPNOTSUPP))
        return send_piece(pump, got);
    pump->reading = true;
    uv_queue_work(loop_get(), &pump->work, on_work, after_work);
    return STEP_WAIT;
}

void pump_writable(struct pump *pump)
{
    enum step next = STEP_MORE;

    if (pump->reading)
        return;
    for (int i = 0; i < PIECES_PER_TURN && next == STEP_MORE; i++)
        next = step(pump);
    if (next == STEP_END)
        end(pump);
    else if (!pump->reading)
        connection_want_writable(pump->connection);
}

struct pump *pump_start(struct connection *connection, struct slice head,
                        const struct pump_file *file, void (*on_end)(void *arg), void *arg)
{
    if (head.n > HEAD_BYTES || file->length == 0) {
        connection_write(connection, head);
        head.n = 0;
    }
    if (file->length == 0) {
        close(file->fd);
        return NULL;
    }
    struct pump *pump = MEM_NEW(struct pump);
    pump->connection = connection;
    pump->file = *file;
    pump->on_end = on_end;
    pump->arg = arg;
    pump->head_n = head.n;
    memcpy(pump->bytes, head.p, head.n);
    if (step(pump) == STEP_END) {
        release(pump);
        return NULL;
    }
    if (!pump->reading)
        connection_want_writable(connection);
    return pump;
}

void pump_abort(struct pump *pump)
{
    pump->connection = NULL;
    if (!pump->reading)
        release(pump);
}
