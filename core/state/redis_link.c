#include "state/redis_link.h"

#include "base/fault.h"
#include "base/memory.h"

enum { LINK_MAGIC = 0x72656c6b };

struct link {
    uint32_t magic;
    redisAsyncContext *context; /* NULL once hiredis has let go */
    uv_poll_t poll;
    int wanted; /* UV_READABLE | UV_WRITABLE */
    int armed;  /* what libuv waits for: changed only where it differs */
};

static void on_poll(uv_poll_t *poll, int status, int events);

static void arm(struct link *link)
{
    if (link->wanted == link->armed)
        return;
    if (link->wanted)
        uv_poll_start(&link->poll, link->wanted, on_poll);
    else
        uv_poll_stop(&link->poll);
    link->armed = link->wanted;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct link *link = CAST_OBJ(struct link, poll->data, LINK_MAGIC);

    if (status < 0) {
        /* libuv has stopped watching. What is still unread comes first, so watching goes on until
         * a read or write of hiredis itself fails. */
        events = link->wanted | UV_READABLE;
        link->armed = 0;
    }
    if (link->context && (events & UV_READABLE))
        redisAsyncHandleRead(link->context);
    if (link->context && (events & UV_WRITABLE)) {
        redisAsyncHandleWrite(link->context);
        FAULT_WRITTEN();
    }
    if (link->context)
        arm(link);
}

static void want(void *arg, int add, int remove)
{
    struct link *link = CAST_OBJ(struct link, arg, LINK_MAGIC);

    link->wanted = (link->wanted | add) & ~remove;
    arm(link);
}

static void add_read(void *arg)
{
    want(arg, UV_READABLE, 0);
}

static void del_read(void *arg)
{
    want(arg, 0, UV_READABLE);
}

static void add_write(void *arg)
{
    want(arg, UV_WRITABLE, 0);
}

static void del_write(void *arg)
{
    want(arg, 0, UV_WRITABLE);
}

static void on_closed(uv_handle_t *handle)
{
    struct link *link = CAST_OBJ(struct link, handle->data, LINK_MAGIC);

    link->magic = 0;
    mem_free(link);
}

static void cleanup(void *arg)
{
    struct link *link = CAST_OBJ(struct link, arg, LINK_MAGIC);

    link->context = NULL;
    uv_close((uv_handle_t *)&link->poll, on_closed);
}

bool redis_link_attach(redisAsyncContext *context, uv_loop_t *loop)
{
    struct link *link = MEM_NEW(struct link);

    if (uv_poll_init(loop, &link->poll, context->c.fd) != 0) {
        mem_free(link);
        return false;
    }
    link->magic = LINK_MAGIC;
    link->context = context;
    link->poll.data = link;
    context->ev.data = link;
    context->ev.addRead = add_read;
    context->ev.delRead = del_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = del_write;
    context->ev.cleanup = cleanup;
    return true;
}
