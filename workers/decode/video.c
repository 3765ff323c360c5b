/* Headers, the true length, then a picture that stands for it. */
#include "decode/video.h"

#include "decode/container.h"
#include "decode/extent.h"
#include "decode/poster.h"
#include "decode/thumbnail.h"

static bool write_thumbnails(struct decoding *decoding, VipsImage *image)
{
    bool fine = thumbnail_write_all(decoding, thumbnail_shrink, image);

    g_object_unref(image);
    return fine;
}

static bool decode_open(struct decoding *decoding, struct container *container)
{
    struct extent extent;
    VipsImage *image = NULL;

    if (!extent_measure(decoding, container, false, &extent))
        return false;
    decoding->results.duration_ms = extent.duration_ms;
    decoding->results.damage = extent_damage(decoding->arena, &extent);
    container_read(container, decoding);
    decoding->results.nature = container->streams.video ? WIRE_NATURE_VIDEO : WIRE_NATURE_AUDIO;
    if (container->streams.video &&
        !poster_of_video(decoding, container, extent.duration_ms, &image))
        return false;
    if (!container->streams.video && container->streams.cover)
        image = poster_of_cover(container);
    return !image || write_thumbnails(decoding, image);
}

bool video_decode(struct decoding *decoding)
{
    struct container container;
    bool fine = container_open(decoding, &container) && decode_open(decoding, &container);

    container_close(&container);
    return fine;
}
