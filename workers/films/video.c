/* Headers, the true length, then a picture that stands for it. */
#include "films/video.h"

#include "decode/thumbnail.h"
#include "films/container.h"
#include "films/extent.h"
#include "films/poster.h"

static bool decode_open(struct decoding *decoding, struct container *container)
{
    struct extent extent;
    struct planes picture = {0};

    if (!extent_measure(decoding, container, false, &extent))
        return false;
    decoding->results.duration_ms = extent.duration_ms;
    decoding->results.damage = extent_damage(decoding->arena, &extent);
    container_read(container, decoding);
    decoding->results.nature = container->streams.video ? WIRE_NATURE_VIDEO : WIRE_NATURE_AUDIO;
    if (container->streams.video &&
        !poster_of_video(decoding, container, extent.duration_ms, &picture))
        return false;
    if (!container->streams.video && container->streams.cover)
        poster_of_cover(decoding, container, &picture);
    return picture.count == 0 || thumbnail_write_planes(decoding, &picture);
}

bool video_decode(struct decoding *decoding)
{
    struct container container;
    bool fine = container_open(decoding, &container) && decode_open(decoding, &container);

    container_close(&container);
    return fine;
}

bool video_decode_still(struct decoding *decoding)
{
    if (!video_decode(decoding))
        return false;
    if (decoding->results.nature != WIRE_NATURE_VIDEO)
        return decoding_fail(decoding, WIRE_REASON_UNSUPPORTED, "There is no picture in it.");
    decoding->results.nature = WIRE_NATURE_IMAGE;
    decoding->results.duration_ms = 0;
    return true;
}
