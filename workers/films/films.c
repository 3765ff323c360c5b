#include "films/films.h"

#include "films/clip.h"
#include "films/video.h"

#include <libavutil/log.h>

/* Libraries' warnings about hostile files are no news; failures come back as results. */
static void load(void)
{
    av_log_set_level(AV_LOG_QUIET);
}

static bool run(struct decoding *decoding)
{
    switch (decoding->request.kind) {
    case WIRE_KIND_IMAGE:
        return video_decode_still(decoding);
    case WIRE_KIND_VIDEO:
        return video_decode(decoding);
    case WIRE_KIND_TRANSCODE:
        return clip_probe(decoding);
    case WIRE_KIND_COUNT:
        break;
    }
    return decoding_fail(decoding, WIRE_REASON_INTERNAL, "This is not a decoder's work.");
}

const struct decode_skill films_skill = {load, run};
