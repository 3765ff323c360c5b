#include "decode/decoding.h"

bool decoding_fail(struct decoding *decoding, enum wire_reason reason, const char *message)
{
    decoding->reason = reason;
    decoding->message = slice_from(message);
    return false;
}

void decoding_made(struct decoding *decoding, size_t i)
{
    const struct wire_decode *request = &decoding->request;
    struct wire_results *results = &decoding->results;

    if (!results->variants)
        results->variants =
            ARENA_ARRAY(decoding->arena, struct wire_output, request->outputs_count);
    results->variants[results->variants_count++] = request->outputs[i];
}
