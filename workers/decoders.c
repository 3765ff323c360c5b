#include "workers/decoders.h"

#include "base/memory.h"
#include "store/sniff.h"

/* In the order in which they are asked. */
enum which { PHOTOS, PICTURES, FILMS, DECODERS };

static const char *const programs[DECODERS] = {
    [PHOTOS] = DECODERS_SMALLEST,
    [PICTURES] = "mediahub-decode-pictures",
    [FILMS] = "mediahub-decode-films",
};

struct decoders {
    const struct reader_user *user;
    struct decoder *each[DECODERS]; /* NULL: not wanted yet */
    struct decoder *asked;          /* NULL: nothing is under way */
    bool cancelled;                 /* what is */
};

static struct decoder *get(struct decoders *decoders, enum which which)
{
    if (!decoders->each[which])
        decoders->each[which] = decoder_start(programs[which], decoders->user);
    return decoders->each[which];
}

struct decoders *decoders_start(const struct reader_user *user)
{
    struct decoders *decoders = MEM_NEW(struct decoders);

    decoders->user = user;
    get(decoders, PHOTOS);
    return decoders;
}

void decoders_stop(struct task *task, struct decoders *decoders)
{
    for (size_t i = 0; i < DECODERS; i++)
        if (decoders->each[i])
            decoder_stop(task, decoders->each[i]);
    mem_free(decoders);
}

bool decoders_wait_ready(struct decoders *decoders)
{
    return decoder_wait_ready(decoders->each[PHOTOS]);
}

enum wire_hold decoders_hold(const struct decoders *decoders)
{
    return decoder_hold(decoders->each[PHOTOS]);
}

bool decoders_confine_files(const struct decoders *decoders)
{
    return decoder_confines_files(decoders->each[PHOTOS]);
}

static enum which first_for(enum wire_kind kind, struct slice head)
{
    if (kind != WIRE_KIND_IMAGE)
        return FILMS;
    return slice_eq(sniff_mime(head), SLICE("image/jpeg")) ? PHOTOS : PICTURES;
}

/* Cancelled while it starts, it does not begin. */
static enum decoder_end ask_one(struct task *task, struct decoders *decoders, enum which which,
                                const struct wire_decode *request, const int *fds, size_t n,
                                struct wire_message *answer, struct slice *said)
{
    struct decoder *decoder = get(decoders, which);

    *said = SLICE_NONE;
    decoders->asked = decoder;
    bool ready = decoder_wait_ready(decoder);
    enum decoder_end end = decoders->cancelled ? DECODER_CANCELLED
                           : !ready            ? DECODER_UNAVAILABLE
                                    : decoder_ask(task, decoder, request, fds, n, answer, said);
    decoders->asked = NULL;
    return end;
}

enum decoder_end decoders_ask(struct task *task, struct decoders *decoders, struct slice head,
                              const struct wire_decode *request, const int *fds, size_t n,
                              struct wire_message *answer, struct slice *said)
{
    enum which which = first_for(request->kind, head);
    enum decoder_end end;

    decoders->cancelled = false;
    do {
        end = ask_one(task, decoders, which, request, fds, n, answer, said);
        which++;
    } while (end == DECODER_ANSWERED && answer->type == WIRE_ELSEWHERE && which < DECODERS);
    return end == DECODER_ANSWERED && answer->type == WIRE_ELSEWHERE ? DECODER_CRASHED : end;
}

void decoders_cancel(struct decoders *decoders)
{
    decoders->cancelled = true;
    if (decoders->asked)
        decoder_cancel(decoders->asked);
}
