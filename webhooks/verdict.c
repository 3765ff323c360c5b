#include "webhooks/verdict.h"

#include "webhooks/schedule.h"

#include <assert.h>

struct row {
    enum transfer_error error;
    unsigned least, most;          /* status */
    enum delivery_outcome outcome; /* RETRY becomes DEAD when no attempt is left */
    enum gate_outcome gate;
    bool gone;
    struct slice word;
};

/* The first row that fits decides. */
static const struct row rows[] = {
    {TRANSFER_ANSWERED, 200, 299, OUTCOME_DELIVERED, GATE_SUCCESS, false, SLICE_INIT("")},
    {TRANSFER_ANSWERED, 300, 399, OUTCOME_RETRY, GATE_FAILURE, false, SLICE_INIT("redirected")},
    {TRANSFER_ANSWERED, 410, 410, OUTCOME_DEAD, GATE_FAILURE, true, SLICE_INIT("gone")},
    {TRANSFER_ANSWERED, 0, ~0u, OUTCOME_RETRY, GATE_FAILURE, false, SLICE_INIT("")},
    {TRANSFER_NOT_SENT, 0, 0, OUTCOME_RETRY, GATE_NO_VERDICT, false, SLICE_INIT("")},
    {TRANSFER_ABORTED, 0, 0, OUTCOME_RELEASE, GATE_NO_VERDICT, false, SLICE_INIT("")},
};

/* Whatever keeps an answer from coming. */
static const struct row unanswered = {TRANSFER_ANSWERED, 0, 0, OUTCOME_RETRY, GATE_FAILURE, false,
                                      SLICE_INIT("")};

static const struct row *find(const struct transfer_result *result)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (result->error == rows[i].error && result->status >= rows[i].least &&
            result->status <= rows[i].most)
            return &rows[i];
    return &unanswered;
}

/* Too many requests, or none for a while: said of the receiver, not of this message. */
static bool is_about_everything(const struct transfer_result *result)
{
    return result->error == TRANSFER_ANSWERED && result->retry_after_s > 0 &&
           (result->status == 429 || result->status == 503);
}

struct verdict verdict_of(const struct transfer_result *result, uint64_t failures, uint64_t now_ms,
                          uint64_t random)
{
    const struct row *row = find(result);
    struct verdict verdict = {
        .outcome = row->outcome, .gate = row->gate, .gone = row->gone, .word = row->word};
    uint64_t delay_ms;

    if (is_about_everything(result))
        verdict.held_ms = now_ms + schedule_hint_ms(result->retry_after_s);
    if (verdict.word.n == 0)
        verdict.word = transfer_error_name(result->error);
    if (verdict.outcome != OUTCOME_RETRY)
        return verdict;
    if (schedule_next(failures + 1, result->retry_after_s, random, &delay_ms))
        verdict.next_ms = now_ms + delay_ms;
    else
        verdict.outcome = OUTCOME_DEAD;
    return verdict;
}
