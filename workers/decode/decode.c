#include "decode/decode.h"

#include "base/log.h"
#include "decode/clip.h"
#include "decode/image.h"
#include "decode/private_write.h"
#include "decode/video.h"

#include <libavutil/log.h>
#include <string.h>
#include <unistd.h>
#include <vips/vips.h>

/* Libraries' warnings about hostile files are no news; failures come back as results. GLib gives up
 * where there is no memory, and says so first. */
static void heed_log(const char *domain, GLogLevelFlags level, const char *text, void *arg)
{
    if (level & G_LOG_FLAG_FATAL && strstr(text, "failed to allocate"))
        _exit(DECODE_NO_MEMORY);
}

void decode_libraries_init(void)
{
    g_log_set_default_handler(heed_log, NULL);
    av_log_set_level(AV_LOG_QUIET);
    if (VIPS_INIT("mediahub-decode") != 0) {
        log_event(LOG_ERROR, "libvips_failed", F("why", vips_error_buffer()));
        _exit(1);
    }
    vips_block_untrusted_set(TRUE);
    vips_concurrency_set(1);
    vips_cache_set_max(0);
}

static bool run(struct decoding *decoding)
{
    switch (decoding->request.kind) {
    case WIRE_KIND_IMAGE:
        return image_decode(decoding);
    case WIRE_KIND_VIDEO:
        return video_decode(decoding);
    case WIRE_KIND_TRANSCODE:
        return clip_probe(decoding);
    case WIRE_KIND_COUNT:
        break;
    }
    return decoding_fail(decoding, WIRE_REASON_INTERNAL, "This is not a decoder's work.");
}

struct wire_message decode_run(struct decoding *decoding)
{
    if (run(decoding) && private_write(decoding))
        return (struct wire_message){.type = WIRE_DECODED, .decoded = {decoding->results}};
    return (struct wire_message){.type = WIRE_UNDECODABLE,
                                 .undecodable = {decoding->reason, decoding->message}};
}
