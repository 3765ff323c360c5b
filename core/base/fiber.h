/* fiber.h: straight-line tasks on one thread and one uv loop. Knows stacks and the loop; must not
 * know HTTP, Redis, lws or curl. Fibers run only in the loop's check phase, so no library frame is
 * ever underneath a running fiber: a handler may close connections and issue commands freely.
 *
 * The technique is QEMU's: makecontext() once per stack, sigsetjmp()/siglongjmp() afterwards, so a
 * switch makes no system call. A stack is 64 KiB (256 KiB under AddressSanitizer) above a guard
 * page and is kept for reuse.
 *
 * A fiber is never killed. Every wait ends once: by fiber_resume() or by its timeout. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

typedef void fiber_fn(void *arg);

struct fiber;

/* One pending result, embedded in a client module's call record. Zero-initialise it. */
struct fiber_wait {
    struct fiber *sleeper; /* NULL: nobody waits, or no longer */
    bool done;             /* fiber_resume() was called; a later await returns at once */
};

enum fiber_wake { FIBER_DONE, FIBER_TIMEOUT };

enum { FIBER_FOREVER = 0 };

void fiber_init(uv_loop_t *loop, size_t max_fibers);
/* Asserts that no fiber is alive; frees the stacks. In Debug builds, where these are painted, the
 * log tells the most bytes that any fiber has used ("fiber_stacks", level debug). */
void fiber_fini(void);

/* Queues it. False: max_fibers are alive, or no memory for a stack. Loop thread only. */
bool fiber_spawn(fiber_fn *fn, void *arg);

/* Suspends the running fiber until fiber_resume(wait), or for timeout_ms (FIBER_FOREVER: no end).
 */
enum fiber_wake fiber_await(struct fiber_wait *wait, uint64_t timeout_ms);

void fiber_sleep(uint64_t ms); /* suspends */

/* Loop thread only. Queues the sleeper for the check phase; never switches by itself. */
void fiber_resume(struct fiber_wait *wait);

size_t fiber_count(void); /* fibers alive */

/* Is this an address in the guard page of the running fiber? Safe in a signal handler. */
bool fiber_guard_hit(const void *address);
