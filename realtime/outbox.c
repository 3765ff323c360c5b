#include "realtime/outbox.h"

#include "base/memory.h"

#include <string.h>

void outbox_init(struct outbox *outbox)
{
    *outbox = (struct outbox){.size = OUTBOX_FEW};
    outbox->frames = outbox->few;
}

void outbox_clear(struct outbox *outbox)
{
    for (uint32_t i = 0; i < outbox->n; i++)
        frame_unref(outbox->frames[i]);
    if (outbox->frames != outbox->few)
        mem_free(outbox->frames);
    outbox_init(outbox);
}

void outbox_add(struct outbox *outbox, struct frame *frame)
{
    if (outbox->n == outbox->size) {
        bool few = outbox->frames == outbox->few;
        struct frame **frames =
            /* NOLINTNEXTLINE(bugprone-sizeof-expression): of an array of pointers */
            mem_realloc(few ? NULL : outbox->frames, 2 * outbox->size * sizeof *frames);

        if (few)
            memcpy(frames, outbox->few, sizeof outbox->few);
        outbox->frames = frames;
        outbox->size *= 2;
    }
    outbox->frames[outbox->n++] = frame_ref(frame);
    outbox->bytes += frame->n;
}
