#include "base/task.h"

#include "base/clock.h"
#include "base/loop.h"
#include "base/memory.h"

#include <assert.h>

struct start {
    task_fn *fn;
    void *arg;
};

static void run_task(void *arg)
{
    struct start start = *(struct start *)arg;
    struct task task = {.arena = arena_new()};

    mem_free(arg);
    start.fn(&task, start.arg);
    arena_free(task.arena);
}

bool task_spawn(task_fn *fn, void *arg)
{
    struct start *start = MEM_NEW(struct start);

    *start = (struct start){fn, arg};
    if (fiber_spawn(run_task, start))
        return true;
    mem_free(start);
    return false;
}

uint64_t task_timeout_ms(const struct task *task, uint64_t limit_ms)
{
    uint64_t now_ms = clock_ms();

    if (!task->deadline_ms)
        return limit_ms;
    if (task->deadline_ms <= now_ms)
        return 1;
    uint64_t left_ms = task->deadline_ms - now_ms;
    return left_ms < limit_ms ? left_ms : limit_ms;
}

struct offload {
    uv_work_t work;
    void (*fn)(void *arg);
    void *arg;
    struct fiber_wait wait;
};

static void on_work(uv_work_t *work)
{
    struct offload *offload = CONTAINER_OF(work, struct offload, work);

    offload->fn(offload->arg);
}

static void after_work(uv_work_t *work, int status)
{
    fiber_resume(&CONTAINER_OF(work, struct offload, work)->wait);
}

void task_offload(struct task *task, void (*fn)(void *arg), void *arg)
{
    struct offload offload = {.fn = fn, .arg = arg};
    int started = uv_queue_work(loop_get(), &offload.work, on_work, after_work);

    assert(started == 0);
    (void)started;
    fiber_await(&offload.wait, FIBER_FOREVER);
}
