/* bell.h: wakes one fiber that does rounds. Ringing while it works is remembered, so a round that
 * follows sees everything that was there before the ring. Zero-initialised: silent. */
#pragma once

#include "base/fiber.h"

struct bell {
    struct fiber_wait wait;
    bool rung;
};

static inline void bell_ring(struct bell *bell)
{
    bell->rung = true;
    fiber_resume(&bell->wait);
}

/* Suspends until the bell rings, or for timeout_ms. */
static inline void bell_wait(struct bell *bell, uint64_t timeout_ms)
{
    if (!bell->rung) {
        bell->wait = (struct fiber_wait){0};
        fiber_await(&bell->wait, timeout_ms);
    }
    bell->rung = false;
}
