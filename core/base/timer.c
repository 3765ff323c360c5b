/* A wheel of LEVELS levels with 64 slots each. Level 0 holds the timers of the next 64 ticks, a
 * slot per tick; each slot of level n covers 64^n ticks and is dealt out to the levels below when
 * its first tick comes. A bitmap per level says which slots are in use, so the next tick at which
 * anything has to happen is found without walking over empty ones. */
#include "base/timer.h"

#include "base/clock.h"

#include <assert.h>
#include <string.h>

enum { TICK_MS = 10, SLOT_BITS = 6, SLOTS = 1 << SLOT_BITS, LEVELS = 5 };

static const uint64_t FARTHEST = ((uint64_t)1 << (SLOT_BITS * LEVELS)) - 1; /* ticks; 124 days */

static struct {
    uv_loop_t *loop;
    uv_timer_t timer;
    uint64_t now_tick;  /* everything due up to here has been fired */
    uint64_t wake_tick; /* when the uv timer goes off, if it is active */
    size_t armed;
    bool firing;
    uint64_t used[LEVELS]; /* a bit per slot */
    struct timer *slots[LEVELS][SLOTS];
} wheel;

static void on_wake(uv_timer_t *handle);

static unsigned slot_of(uint64_t tick, unsigned level)
{
    return (unsigned)(tick >> (SLOT_BITS * level)) & (SLOTS - 1);
}

static uint64_t due_tick(const struct timer *timer)
{
    return timer->due_ms / TICK_MS + (timer->due_ms % TICK_MS != 0);
}

static void link_at(struct timer *timer, uint64_t tick)
{
    uint64_t distance = tick - wheel.now_tick;
    unsigned level = 0;

    if (distance > FARTHEST) {
        distance = FARTHEST; /* dealt out again when it comes round */
        tick = wheel.now_tick + FARTHEST;
    }
    while (distance >> (SLOT_BITS * (level + 1)))
        level++;
    unsigned slot = slot_of(tick, level);
    struct timer **head = &wheel.slots[level][slot];
    timer->next = *head;
    timer->prev_next = head;
    if (timer->next)
        timer->next->prev_next = &timer->next;
    *head = timer;
    wheel.used[level] |= (uint64_t)1 << slot;
}

static void unlink_timer(struct timer *timer)
{
    struct timer **first = &wheel.slots[0][0];
    struct timer **link = timer->prev_next;

    assert(link);
    *link = timer->next;
    if (timer->next)
        timer->next->prev_next = link;
    timer->next = NULL;
    timer->prev_next = NULL;
    if (*link || (uintptr_t)link < (uintptr_t)first ||
        (uintptr_t)link >= (uintptr_t)(first + LEVELS * SLOTS))
        return;
    size_t at = (size_t)(link - first);
    wheel.used[at / SLOTS] &= ~((uint64_t)1 << (at % SLOTS));
}

/* The first tick after now_tick at which a slot must be fired or dealt out. */
static uint64_t next_tick(void)
{
    uint64_t best = UINT64_MAX;

    for (unsigned level = 0; level < LEVELS; level++) {
        unsigned shift = SLOT_BITS * level;
        uint64_t base = (wheel.now_tick >> shift) + 1;
        unsigned turn = (unsigned)base & (SLOTS - 1);
        uint64_t used = wheel.used[level];

        if (!used)
            continue;
        if (turn)
            used = used >> turn | used << (SLOTS - turn);
        uint64_t tick = (base + (unsigned)__builtin_ctzll(used)) << shift;
        if (tick < best)
            best = tick;
    }
    return best;
}

static void deal_out(unsigned level, uint64_t tick)
{
    struct timer **head = &wheel.slots[level][slot_of(tick, level)];
    struct timer *list = *head;

    *head = NULL;
    wheel.used[level] &= ~((uint64_t)1 << slot_of(tick, level));
    while (list) {
        struct timer *timer = list;

        list = timer->next;
        link_at(timer, due_tick(timer));
    }
}

static void fire_slot(uint64_t tick)
{
    struct timer **head = &wheel.slots[0][slot_of(tick, 0)];

    /* A timer armed meanwhile is at least one tick away and so never in this slot. */
    while (*head) {
        struct timer *timer = *head;

        unlink_timer(timer);
        wheel.armed--;
        timer->fn(timer);
    }
}

static void step_to(uint64_t tick)
{
    wheel.now_tick = tick;
    for (unsigned level = LEVELS - 1; level > 0; level--)
        if ((tick & (((uint64_t)1 << (SLOT_BITS * level)) - 1)) == 0)
            deal_out(level, tick);
    fire_slot(tick);
}

/* The uv timer counts from uv_now(), which may lag behind the clock but shares its origin. */
static void wake_at(uint64_t tick)
{
    uint64_t due_ms = tick * TICK_MS;
    uint64_t now_ms = uv_now(wheel.loop);

    wheel.wake_tick = tick;
    uv_timer_start(&wheel.timer, on_wake, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

static void on_wake(uv_timer_t *handle)
{
    uint64_t target = clock_ms() / TICK_MS;

    wheel.firing = true;
    while (wheel.armed) {
        uint64_t tick = next_tick();

        if (tick > target)
            break;
        step_to(tick);
    }
    wheel.firing = false;
    if (target > wheel.now_tick)
        wheel.now_tick = target;
    if (wheel.armed)
        wake_at(next_tick());
    else
        uv_timer_stop(&wheel.timer);
}

void timer_wheel_init(uv_loop_t *loop)
{
    assert(!wheel.loop);
    memset(&wheel, 0, sizeof wheel);
    wheel.loop = loop;
    uv_timer_init(loop, &wheel.timer);
}

void timer_wheel_fini(void)
{
    for (unsigned level = 0; level < LEVELS; level++)
        for (unsigned slot = 0; slot < SLOTS; slot++)
            while (wheel.slots[level][slot])
                unlink_timer(wheel.slots[level][slot]);
    uv_close((uv_handle_t *)&wheel.timer, NULL);
    wheel.loop = NULL;
}

void timer_start(struct timer *timer, uint64_t delay_ms, timer_fn *fn)
{
    uint64_t now_ms = clock_ms();

    assert(wheel.loop);
    timer_stop(timer);
    if (__builtin_add_overflow(now_ms, delay_ms, &timer->due_ms))
        timer->due_ms = UINT64_MAX;
    timer->fn = fn;
    if (wheel.armed == 0 && !wheel.firing && now_ms / TICK_MS > wheel.now_tick)
        wheel.now_tick = now_ms / TICK_MS;
    uint64_t tick = due_tick(timer);
    if (tick <= wheel.now_tick)
        tick = wheel.now_tick + 1;
    link_at(timer, tick);
    wheel.armed++;
    if (wheel.firing)
        return; /* on_wake() looks at everything when it is through */
    if (!uv_is_active((uv_handle_t *)&wheel.timer) || tick < wheel.wake_tick)
        wake_at(next_tick());
}

void timer_stop(struct timer *timer)
{
    if (!timer->prev_next)
        return;
    unlink_timer(timer);
    if (--wheel.armed == 0)
        uv_timer_stop(&wheel.timer);
}

bool timer_armed(const struct timer *timer)
{
    return timer->prev_next != NULL;
}
