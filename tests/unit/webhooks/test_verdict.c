#include "webhooks/verdict.h"

#include "unit.h"
#include "webhooks/schedule.h"

static void every_end_of_an_attempt_has_its_verdict(void **state)
{
    static const struct {
        struct transfer_result result;
        uint64_t failures;
        enum delivery_outcome outcome;
        enum gate_outcome gate;
        bool gone;
        const char *word;
        uint64_t least_wait_ms, most_wait_ms;
    } cases[] = {
        {{TRANSFER_ANSWERED, 200, 3, 0}, 0, OUTCOME_DELIVERED, GATE_SUCCESS, false, "", 0, 0},
        {{TRANSFER_ANSWERED, 204, 3, 9}, 7, OUTCOME_DELIVERED, GATE_SUCCESS, false, "", 0, 0},
        {{TRANSFER_ANSWERED, 299, 3, 0}, 0, OUTCOME_DELIVERED, GATE_SUCCESS, false, "", 0, 0},
        {{TRANSFER_ANSWERED, 301, 3, 0},
         0,
         OUTCOME_RETRY,
         GATE_FAILURE,
         false,
         "redirected",
         4000,
         6000},
        {{TRANSFER_ANSWERED, 304, 3, 0},
         1,
         OUTCOME_RETRY,
         GATE_FAILURE,
         false,
         "redirected",
         240000,
         360000},
        {{TRANSFER_ANSWERED, 400, 3, 0}, 0, OUTCOME_RETRY, GATE_FAILURE, false, "", 4000, 6000},
        {{TRANSFER_ANSWERED, 404, 3, 0}, 0, OUTCOME_RETRY, GATE_FAILURE, false, "", 4000, 6000},
        {{TRANSFER_ANSWERED, 410, 3, 0}, 0, OUTCOME_DEAD, GATE_FAILURE, true, "gone", 0, 0},
        {{TRANSFER_ANSWERED, 429, 3, 90}, 0, OUTCOME_RETRY, GATE_FAILURE, false, "", 90000, 90000},
        {{TRANSFER_ANSWERED, 503, 3, 1}, 0, OUTCOME_RETRY, GATE_FAILURE, false, "", 4000, 6000},
        {{TRANSFER_ANSWERED, 999, 3, 0}, 0, OUTCOME_RETRY, GATE_FAILURE, false, "", 4000, 6000},
        {{TRANSFER_ANSWERED, 500, 3, 0},
         SCHEDULE_ATTEMPTS - 1,
         OUTCOME_DEAD,
         GATE_FAILURE,
         false,
         "",
         0,
         0},
        {{TRANSFER_TIMEOUT, 0, 15000, 0},
         0,
         OUTCOME_RETRY,
         GATE_FAILURE,
         false,
         "timeout",
         4000,
         6000},
        {{TRANSFER_NOT_SENT, 0, 0, 0},
         0,
         OUTCOME_RETRY,
         GATE_NO_VERDICT,
         false,
         "internal_error",
         4000,
         6000},
        {{TRANSFER_NO_NAME, 0, 3, 0},
         0,
         OUTCOME_RETRY,
         GATE_FAILURE,
         false,
         "name_not_resolved",
         4000,
         6000},
        {{TRANSFER_REFUSED_ADDRESS, 0, 3, 0},
         0,
         OUTCOME_RETRY,
         GATE_FAILURE,
         false,
         "address_not_allowed",
         4000,
         6000},
        {{TRANSFER_NO_CONNECTION, 0, 3, 0},
         SCHEDULE_ATTEMPTS,
         OUTCOME_DEAD,
         GATE_FAILURE,
         false,
         "connection_failed",
         0,
         0},
        {{TRANSFER_ABORTED, 0, 0, 0}, 0, OUTCOME_RELEASE, GATE_NO_VERDICT, false, "aborted", 0, 0},
    };
    const uint64_t now_ms = 1700000000000;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct verdict got =
            verdict_of(&cases[i].result, cases[i].failures, now_ms, i * 1234567891);
        uint64_t wait_ms = got.next_ms ? got.next_ms - now_ms : 0;

        if (got.outcome != cases[i].outcome || got.gate != cases[i].gate ||
            got.gone != cases[i].gone || !slice_eq(got.word, slice_from(cases[i].word)) ||
            wait_ms < cases[i].least_wait_ms || wait_ms > cases[i].most_wait_ms)
            fail_msg("case %zu: %d %d %.*s %llu", i, got.outcome, got.gate, SLICE_ARG(got.word),
                     (unsigned long long)wait_ms);
    }
}

/* 429 and 503 with Retry-After speak of the receiver; other hints of the one message. */
static void some_answers_hold_the_endpoint(void **state)
{
    static const struct {
        struct transfer_result result;
        uint64_t held_ms; /* from 1000 on */
    } cases[] = {
        {{TRANSFER_ANSWERED, 429, 3, 60}, 61000},
        {{TRANSFER_ANSWERED, 503, 3, 1}, 2000},
        {{TRANSFER_ANSWERED, 429, 3, UINT64_MAX}, 1000 + 1000 * UINT64_C(86400)},
        {{TRANSFER_ANSWERED, 429, 3, 0}, 0},
        {{TRANSFER_ANSWERED, 503, 3, 0}, 0},
        {{TRANSFER_ANSWERED, 500, 3, 60}, 0},
        {{TRANSFER_ANSWERED, 200, 3, 60}, 0},
        {{TRANSFER_ANSWERED, 410, 3, 60}, 0},
        {{TRANSFER_TIMEOUT, 0, 3, 0}, 0},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (uint64_t failures = 0; failures < SCHEDULE_ATTEMPTS; failures++)
            if (verdict_of(&cases[i].result, failures, 1000, 0).held_ms != cases[i].held_ms)
                fail_msg("case %zu after %d", i, (int)failures);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_end_of_an_attempt_has_its_verdict),
        cmocka_unit_test(some_answers_hold_the_endpoint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
