/* verdict.h: what an attempt means, for its delivery and for its endpoint. Pure: a table of rows,
 * the schedule, and nothing else. */
#pragma once

#include "state/delivery.h"
#include "webhooks/admission.h"
#include "webhooks/transfer.h"

struct verdict {
    enum delivery_outcome outcome;
    uint64_t next_ms; /* Unix; of OUTCOME_RETRY */
    uint64_t held_ms; /* Unix: the receiver wants nothing at all until then; 0: it did not say so */
    enum gate_outcome gate;
    bool gone;         /* the receiver wants no more: disable the endpoint */
    struct slice word; /* for the log of attempts; empty when the status says it */
};

/* failures: attempts that failed before this one. random: any uniformly distributed number. */
struct verdict verdict_of(const struct transfer_result *result, uint64_t failures, uint64_t now_ms,
                          uint64_t random);
