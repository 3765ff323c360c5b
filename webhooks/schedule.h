/* schedule.h: when a failed delivery is tried again. Pure: randomness comes as an argument.
 * The table is the retry schedule: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h after the 1st to 7th
 * failure, each +-20 %, so that the deliveries that failed in one second do not all come back in
 * one. With the 8th failure the delivery is dead: about 28 hours after the first attempt. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    SCHEDULE_ATTEMPTS = 8,
    SCHEDULE_HINT_MAX_S = 24 * 3600, /* a Retry-After beyond it counts as this */
};

/* The wait after `failures` (>= 1) failed attempts: the schedule's, or the receiver's hint (seconds
 * of Retry-After; 0: none) when that is longer. random: any uniformly distributed number.
 * False: no attempt is left. */
bool schedule_next(uint64_t failures, uint64_t hint_s, uint64_t random, uint64_t *delay_ms);

/* How long a receiver that gave this hint is left alone. */
uint64_t schedule_hint_ms(uint64_t hint_s);
