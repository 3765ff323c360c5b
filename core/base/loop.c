#include "base/loop.h"

#include "base/fiber.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/timer.h"

#include <assert.h>
#include <signal.h>

enum { FINI_MAX_MS = 2000 };

struct post {
    struct post *next;
    void (*fn)(void *arg);
    void *arg;
};

static struct {
    uv_loop_t *loop;
    uv_async_t async;
    uv_mutex_t mutex;
    struct post *head, **tail;
} home;

static void on_async(uv_async_t *async)
{
    uv_mutex_lock(&home.mutex);
    struct post *post = home.head;
    home.head = NULL;
    home.tail = &home.head;
    uv_mutex_unlock(&home.mutex);

    while (post) {
        struct post *next = post->next;

        post->fn(post->arg);
        mem_free(post);
        post = next;
    }
}

uv_loop_t *loop_init(size_t max_fibers)
{
    assert(!home.loop);
    signal(SIGPIPE, SIG_IGN);
    home.loop = uv_default_loop();
    home.tail = &home.head;
    uv_mutex_init(&home.mutex);
    uv_async_init(home.loop, &home.async, on_async);
    uv_unref((uv_handle_t *)&home.async);
    timer_wheel_init(home.loop);
    fiber_init(home.loop, max_fibers);
    return home.loop;
}

uv_loop_t *loop_get(void)
{
    assert(home.loop);
    return home.loop;
}

void loop_post(void (*fn)(void *arg), void *arg)
{
    struct post *post = MEM_NEW(struct post);

    *post = (struct post){NULL, fn, arg};
    uv_mutex_lock(&home.mutex);
    bool was_empty = home.head == NULL;
    *home.tail = post;
    home.tail = &post->next;
    uv_mutex_unlock(&home.mutex);
    if (was_empty)
        uv_async_send(&home.async);
}

static void on_overdue(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

/* A handle that somebody forgot would keep uv_run() for ever. */
static void run_until_empty(uv_loop_t *loop)
{
    uv_timer_t overdue;

    uv_timer_init(loop, &overdue);
    uv_timer_start(&overdue, on_overdue, FINI_MAX_MS, 0);
    uv_unref((uv_handle_t *)&overdue);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&overdue, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
}

static void tell_handle(uv_handle_t *handle, void *arg)
{
    log_event(LOG_ERROR, "handle_left", F("type", uv_handle_type_name(uv_handle_get_type(handle))),
              F("closing", uv_is_closing(handle) ? 1 : 0));
}

bool loop_fini(void)
{
    fiber_fini();
    timer_wheel_fini();
    uv_close((uv_handle_t *)&home.async, NULL);
    run_until_empty(home.loop);
    bool clean = uv_loop_close(home.loop) == 0;
    if (!clean)
        uv_walk(home.loop, tell_handle, NULL);
    while (home.head) {
        struct post *post = home.head;

        home.head = post->next;
        mem_free(post);
    }
    uv_mutex_destroy(&home.mutex);
    home.loop = NULL;
    return clean;
}
