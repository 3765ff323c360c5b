#include "base/fiber.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/timer.h"

#include <assert.h>
#include <setjmp.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#endif
#ifdef FIBER_ASAN
#include <sanitizer/common_interface_defs.h>
enum { FIBER_STACK_BYTES = 256 << 10 };
#else
enum { FIBER_STACK_BYTES = 64 << 10 };
#endif

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define FIBER_VALGRIND 1
#endif
#endif

struct fiber {
    struct fiber *next; /* in the ready list or the free list */
    struct fiber *next_made;
    fiber_fn *fn;
    void *arg;
    struct fiber_wait *waiting;
    struct timer timeout;
    enum fiber_wake wake;
    bool started; /* its context exists: it is entered by a jump */
    bool finished;
    char *mapping; /* guard page, then the stack */
    size_t mapping_bytes;
    sigjmp_buf here;
    void *fake_stack; /* AddressSanitizer's, while suspended */
#ifdef FIBER_VALGRIND
    unsigned valgrind_stack;
#endif
};

static struct {
    uv_loop_t *loop;
    uv_check_t check;
    uv_idle_t keep_awake;
    size_t max, alive;
    struct fiber *ready_head, **ready_tail;
    struct fiber *free_list;
    struct fiber *all; /* ever made, by next_made */
    uv_thread_t thread;
    size_t page_bytes;
    struct fiber *current;
    sigjmp_buf scheduler;
    void *scheduler_fake_stack;
    const void *scheduler_bottom; /* of the main stack, as AddressSanitizer told us */
    size_t scheduler_size;
} fibers;

static void announce_switch(void **save, const void *bottom, size_t size)
{
#ifdef FIBER_ASAN
    __sanitizer_start_switch_fiber(save, bottom, size);
#else
    (void)save, (void)bottom, (void)size;
#endif
}

static void confirm_switch(void *saved, const void **bottom, size_t *size)
{
#ifdef FIBER_ASAN
    __sanitizer_finish_switch_fiber(saved, bottom, size);
#else
    (void)saved, (void)bottom, (void)size;
#endif
}

static char *stack_bottom(const struct fiber *fiber)
{
    return fiber->mapping + fibers.page_bytes;
}

static void assert_loop_thread(void)
{
    uv_thread_t self = uv_thread_self();

    assert(fibers.loop && uv_thread_equal(&self, &fibers.thread));
    (void)self;
}

#ifdef FIBER_PAINT
enum { PAINT = 0xA5 };

static void paint(struct fiber *fiber)
{
    memset(stack_bottom(fiber), PAINT, FIBER_STACK_BYTES);
}

/* valgrind's; what lies below a stack pointer is out of bounds to it. */
static void set_memory_reports(bool on)
{
#ifdef FIBER_VALGRIND
    if (on)
        VALGRIND_ENABLE_ERROR_REPORTING;
    else
        VALGRIND_DISABLE_ERROR_REPORTING;
#else
    (void)on;
#endif
}

/* Reads what others have left on the stack, red zones of dead frames included. */
__attribute__((no_sanitize("address"))) static size_t used_bytes(const struct fiber *fiber)
{
    const volatile unsigned char *stack = (const volatile unsigned char *)stack_bottom(fiber);
    size_t clean = 0;

    set_memory_reports(false);
    while (clean < FIBER_STACK_BYTES && stack[clean] == PAINT)
        clean++;
    set_memory_reports(true);
    return FIBER_STACK_BYTES - clean;
}

static void log_high_water(void)
{
    size_t most = 0;

    for (const struct fiber *fiber = fibers.all; fiber; fiber = fiber->next_made) {
        size_t used = used_bytes(fiber);

        if (used > most)
            most = used;
    }
    log_event(LOG_DEBUG, "fiber_stacks", F("most_bytes", most));
}
#else
static void paint(struct fiber *fiber)
{
    (void)fiber;
}

static void log_high_water(void)
{
}
#endif

/* Leaves the fiber's stack for the scheduler's. A finishing fiber passes no place to save its fake
 * stack, which tells AddressSanitizer to free it. */
__attribute__((noinline)) static void leave(struct fiber *self)
{
    self->fake_stack = NULL;
    announce_switch(self->finished ? NULL : &self->fake_stack, fibers.scheduler_bottom,
                    fibers.scheduler_size);
    if (sigsetjmp(self->here, 0) == 0)
        siglongjmp(fibers.scheduler, 1);
    confirm_switch(self->fake_stack, &fibers.scheduler_bottom, &fibers.scheduler_size);
}

/* makecontext() passes ints only: the pointer arrives in two halves. */
static void trampoline(unsigned high, unsigned low)
{
    struct fiber *self = (struct fiber *)(((uintptr_t)high << 32) | (uintptr_t)low);

    confirm_switch(NULL, &fibers.scheduler_bottom, &fibers.scheduler_size);
    for (;;) {
        self->fn(self->arg);
        self->finished = true;
        leave(self);
    }
}

/* valgrind takes a jump to another stack for a huge frame unless it knows the stacks. */
static void register_stack(struct fiber *fiber)
{
#ifdef FIBER_VALGRIND
    fiber->valgrind_stack =
        VALGRIND_STACK_REGISTER(stack_bottom(fiber), stack_bottom(fiber) + FIBER_STACK_BYTES);
#else
    (void)fiber;
#endif
}

static void destroy(struct fiber *fiber)
{
#ifdef FIBER_VALGRIND
    VALGRIND_STACK_DEREGISTER(fiber->valgrind_stack);
#endif
    munmap(fiber->mapping, fiber->mapping_bytes);
    mem_free(fiber);
}

static struct fiber *create(void)
{
    size_t n = fibers.page_bytes + FIBER_STACK_BYTES;
    char *mapping =
        mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

    if (mapping == MAP_FAILED)
        return NULL;
    if (mprotect(mapping, fibers.page_bytes, PROT_NONE) != 0) {
        munmap(mapping, n);
        return NULL;
    }
    struct fiber *fiber = MEM_NEW(struct fiber);
    fiber->mapping = mapping;
    fiber->mapping_bytes = n;
    fiber->next_made = fibers.all;
    fibers.all = fiber;
    paint(fiber);
    register_stack(fiber);
    return fiber;
}

/* Enters a fiber's stack for the first time. Later functions reuse the loop in trampoline(). This
 * frame is never returned to: AddressSanitizer must not mark its borders on the main stack, where
 * they would stay and lie in the way of later frames. */
__attribute__((noinline, no_sanitize("address"))) static void start(struct fiber *fiber)
{
    ucontext_t context, unused;
    uintptr_t self = (uintptr_t)fiber;

    getcontext(&context);
    context.uc_stack.ss_sp = stack_bottom(fiber);
    context.uc_stack.ss_size = FIBER_STACK_BYTES;
    context.uc_link = NULL;
    fiber->started = true;
    makecontext(&context, (void (*)(void))(uintptr_t)trampoline, 2, (unsigned)(self >> 32),
                (unsigned)self);
    swapcontext(&unused, &context);
}

__attribute__((noinline)) static void enter(struct fiber *fiber)
{
    fibers.current = fiber;
    announce_switch(&fibers.scheduler_fake_stack, stack_bottom(fiber), FIBER_STACK_BYTES);
    if (sigsetjmp(fibers.scheduler, 0) == 0) {
        if (fiber->started)
            siglongjmp(fiber->here, 1);
        start(fiber);
    }
    confirm_switch(fibers.scheduler_fake_stack, NULL, NULL);
    fibers.current = NULL;
}

static void on_idle(uv_idle_t *idle)
{
    /* Only there so that poll does not block while fibers are ready. */
}

static void make_ready(struct fiber *fiber)
{
    fiber->next = NULL;
    if (!fibers.ready_head)
        uv_idle_start(&fibers.keep_awake, on_idle);
    *fibers.ready_tail = fiber;
    fibers.ready_tail = &fiber->next;
}

static void recycle(struct fiber *fiber)
{
    timer_stop(&fiber->timeout);
    fiber->next = fibers.free_list;
    fibers.free_list = fiber;
    fibers.alive--;
}

/* Runs what is ready now. Fibers that become ready meanwhile wait for the next turn of the loop,
 * so that sockets are served in between. */
static void on_check(uv_check_t *check)
{
    struct fiber *batch = fibers.ready_head;

    fibers.ready_head = NULL;
    fibers.ready_tail = &fibers.ready_head;
    while (batch) {
        struct fiber *fiber = batch;

        batch = fiber->next;
        enter(fiber);
        if (fiber->finished)
            recycle(fiber);
    }
    if (!fibers.ready_head)
        uv_idle_stop(&fibers.keep_awake);
}

void fiber_init(uv_loop_t *loop, size_t max_fibers)
{
    assert(!fibers.loop);
    memset(&fibers, 0, sizeof fibers);
    fibers.loop = loop;
    fibers.thread = uv_thread_self();
    fibers.page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    fibers.max = max_fibers;
    fibers.ready_tail = &fibers.ready_head;
    uv_check_init(loop, &fibers.check);
    uv_idle_init(loop, &fibers.keep_awake);
    uv_check_start(&fibers.check, on_check);
    uv_unref((uv_handle_t *)&fibers.check);
}

void fiber_fini(void)
{
    assert(fibers.alive == 0);
    log_high_water();
    while (fibers.all) {
        struct fiber *fiber = fibers.all;

        fibers.all = fiber->next_made;
        destroy(fiber);
    }
    fibers.free_list = NULL;
    uv_close((uv_handle_t *)&fibers.check, NULL);
    uv_close((uv_handle_t *)&fibers.keep_awake, NULL);
    fibers.loop = NULL;
}

bool fiber_spawn(fiber_fn *fn, void *arg)
{
    struct fiber *fiber = fibers.free_list;

    assert_loop_thread();
    if (fibers.alive >= fibers.max)
        return false;
    if (fiber)
        fibers.free_list = fiber->next;
    else
        fiber = create();
    if (!fiber)
        return false;
    fibers.alive++;
    fiber->fn = fn;
    fiber->arg = arg;
    fiber->waiting = NULL;
    fiber->finished = false;
    make_ready(fiber);
    return true;
}

static void on_timeout(struct timer *timer)
{
    struct fiber *fiber = CONTAINER_OF(timer, struct fiber, timeout);

    if (fiber->waiting) {
        fiber->waiting->sleeper = NULL;
        fiber->waiting = NULL;
    }
    fiber->wake = FIBER_TIMEOUT;
    make_ready(fiber);
}

enum fiber_wake fiber_await(struct fiber_wait *wait, uint64_t timeout_ms)
{
    struct fiber *self = fibers.current;

    assert(self);
    assert(!wait->sleeper);
    if (wait->done)
        return FIBER_DONE;
    wait->sleeper = self;
    self->waiting = wait;
    self->wake = FIBER_DONE;
    if (timeout_ms != FIBER_FOREVER)
        timer_start(&self->timeout, timeout_ms, on_timeout);
    leave(self);
    return self->wake;
}

void fiber_sleep(uint64_t ms)
{
    struct fiber_wait never = {0};

    fiber_await(&never, ms ? ms : 1);
}

void fiber_resume(struct fiber_wait *wait)
{
    struct fiber *sleeper = wait->sleeper;

    assert_loop_thread();
    wait->done = true;
    if (!sleeper)
        return;
    wait->sleeper = NULL;
    sleeper->waiting = NULL;
    timer_stop(&sleeper->timeout);
    make_ready(sleeper);
}

size_t fiber_count(void)
{
    return fibers.alive;
}

bool fiber_guard_hit(const void *address)
{
    const struct fiber *fiber = fibers.current;

    return fiber && (const char *)address >= fiber->mapping &&
           (const char *)address < stack_bottom(fiber);
}
