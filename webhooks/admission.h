/* admission.h: who may send now. libcurl's own limits are not used for this: its timeouts count the
 * time spent waiting for a slot. A gate stands before each endpoint:
 *   window   how many attempts may be in flight: starts at 4, +1 for each success up to 8, halved
 *            by each failure down to 1
 *   pause    after 10 failures in a row the gate closes for 30 s, twice as long each time up to
 *            10 min; when it opens one attempt goes ahead, and only its success opens it fully
 * Beyond the gates: at most 32 in flight to one host and port, 1024 in all, and endpoints whose
 * last attempt failed share one half of those, so that hung receivers leave room for healthy ones.
 * Pure: takes the time as an argument. One thread. */
#pragma once

#include "base/slice.h"

enum {
    ADMISSION_TOTAL = 1024,
    ADMISSION_SUSPECTS = ADMISSION_TOTAL / 2,
    ADMISSION_PER_HOST = 32,
    GATE_WINDOW_FIRST = 4,
    GATE_WINDOW_MAX = 8,
    GATE_FAILURES_TO_CLOSE = 10,
    GATE_PAUSE_FIRST_MS = 30 * 1000,
    GATE_PAUSE_MAX_MS = 600 * 1000,
};

struct admission;
struct admission_host;

struct gate {
    struct admission *admission;
    struct admission_host *host;
    unsigned window, in_flight;
    unsigned failures; /* in a row */
    uint64_t closed_until_ms, pause_ms;
};

enum gate_outcome { GATE_SUCCESS, GATE_FAILURE, GATE_NO_VERDICT };

struct admission *admission_new(void);
void admission_free(struct admission *admission); /* after the last gate_fini */

void gate_init(struct gate *gate, struct admission *admission, struct slice host, uint16_t port);
void gate_fini(struct gate *gate); /* asserts that nothing is in flight */

/* Takes up to `wanted` slots; 0: not now. Each ends with gate_give_back or gate_done. */
unsigned gate_take(struct gate *gate, unsigned wanted, uint64_t now_ms);
void gate_give_back(struct gate *gate, unsigned slots);
void gate_done(struct gate *gate, enum gate_outcome outcome, uint64_t now_ms);
