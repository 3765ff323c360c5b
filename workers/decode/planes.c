#include "decode/planes.h"

#include <libavutil/pixfmt.h>
#include <libswscale/swscale.h>
#include <string.h>

enum { PADDING = 64 /* a vector of AVX-512 */, THIN = 16 };

struct plane plane_new(struct arena *arena, int width, int height)
{
    int stride = (width + PADDING - 1) / PADDING * PADDING;
    size_t n = (size_t)stride * (size_t)height + 2 * PADDING;
    uintptr_t room = (uintptr_t)arena_alloc(arena, n);
    uint8_t *aligned = (uint8_t *)((room + PADDING - 1) / PADDING * PADDING);

    return (struct plane){aligned, width, height, stride};
}

void planes_fit(int64_t wide, int64_t high, int square, int *width, int *height)
{
    int64_t longest = wide > high ? wide : high;

    if (longest > square) {
        wide = (wide * square + longest / 2) / longest;
        high = (high * square + longest / 2) / longest;
    }
    *width = wide > 0 ? (int)wide : 1;
    *height = high > 0 ? (int)high : 1;
}

static bool has_size(const struct plane *plane, int width, int height)
{
    return plane->width == width && plane->height == height;
}

/* -- Thin planes, whose few rows libswscale does not weigh rightly -- */

/* How much of cell `i` of `cells` lies in cell `o` of `out_cells`, both rows of the same length, in
 * units that make it whole numbers. */
static int64_t shared_part(int64_t i, int64_t cells, int64_t o, int64_t out_cells)
{
    int64_t from = i * out_cells > o * cells ? i * out_cells : o * cells;
    int64_t to = (i + 1) * out_cells < (o + 1) * cells ? (i + 1) * out_cells : (o + 1) * cells;

    return to - from;
}

/* Of the area that is one pixel in the new size. */
static uint8_t mean_at(const struct plane *from, const struct plane *out, int64_t x, int64_t y)
{
    int64_t wide = from->width, high = from->height, sum = wide * high / 2;

    for (int64_t row = y * high / out->height; row * out->height < (y + 1) * high; row++) {
        const uint8_t *pixels = from->pixels + row * from->stride;
        int64_t part = shared_part(row, high, y, out->height);

        for (int64_t at = x * wide / out->width; at * out->width < (x + 1) * wide; at++)
            sum += pixels[at] * part * shared_part(at, wide, x, out->width);
    }
    return (uint8_t)(sum / (wide * high));
}

static void scale_thin(const struct plane *from, struct plane *out)
{
    for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++)
            out->pixels[(ptrdiff_t)y * out->stride + x] = mean_at(from, out, x, y);
}

/* *scaler is made for the sizes of the last call, or NULL; it serves on when they are the same:
 * half the time of small pictures goes into making one. */
static bool scale_plane(struct arena *arena, struct SwsContext **scaler, const struct plane *from,
                        int width, int height, struct plane *out)
{
    *out = plane_new(arena, width, height);
    if (from->width < THIN || from->height < THIN) {
        scale_thin(from, out);
        return true;
    }
    *scaler =
        sws_getCachedContext(*scaler, from->width, from->height, AV_PIX_FMT_GRAY8, width, height,
                             AV_PIX_FMT_GRAY8, SWS_BICUBIC | SWS_ACCURATE_RND, NULL, NULL, NULL);
    if (!*scaler)
        return false;
    const uint8_t *const source[4] = {from->pixels};
    uint8_t *const target[4] = {out->pixels};
    const int source_stride[4] = {from->stride}, target_stride[4] = {out->stride};

    return sws_scale(*scaler, source, source_stride, 0, from->height, target, target_stride) ==
           height;
}

bool planes_scale(struct arena *arena, const struct planes *from, int width, int height, bool full,
                  struct planes *out)
{
    struct planes scaled = *from;
    struct SwsContext *scaler = NULL;
    bool fine = true;

    for (int i = 0; i < from->count && fine; i++) {
        bool half = i > 0 && !full;
        int wide = half ? (width + 1) / 2 : width, high = half ? (height + 1) / 2 : height;

        if (!has_size(&from->plane[i], wide, high))
            fine = scale_plane(arena, &scaler, &from->plane[i], wide, high, &scaled.plane[i]);
    }
    sws_freeContext(scaler);
    *out = scaled;
    return fine;
}

/* What a step to the right and one down in the turned picture are in the original. */
struct walk {
    ptrdiff_t start, right, down;
};

static struct walk walk_of(const struct plane *from, unsigned orientation)
{
    ptrdiff_t x = 1, y = from->stride;
    ptrdiff_t last_x = from->width - 1, last_y = (ptrdiff_t)(from->height - 1) * from->stride;

    switch (orientation) {
    case 2:
        return (struct walk){last_x, -x, y};
    case 3:
        return (struct walk){last_x + last_y, -x, -y};
    case 4:
        return (struct walk){last_y, x, -y};
    case 5:
        return (struct walk){0, y, x};
    case 6:
        return (struct walk){last_y, -y, x};
    case 7:
        return (struct walk){last_x + last_y, -y, -x};
    case 8:
        return (struct walk){last_x, y, -x};
    default:
        return (struct walk){0, x, y};
    }
}

static struct plane turn_plane(struct arena *arena, const struct plane *from, unsigned orientation)
{
    bool lies = orientation >= 5;
    struct plane out =
        plane_new(arena, lies ? from->height : from->width, lies ? from->width : from->height);
    struct walk walk = walk_of(from, orientation);

    for (int y = 0; y < out.height; y++) {
        const uint8_t *source = from->pixels + walk.start + y * walk.down;
        uint8_t *target = out.pixels + (ptrdiff_t)y * out.stride;

        for (int x = 0; x < out.width; x++)
            target[x] = source[x * walk.right];
    }
    return out;
}

struct planes planes_turn(struct arena *arena, const struct planes *from, unsigned orientation)
{
    struct planes out = *from;

    if (orientation < 2 || orientation > 8)
        return out;
    for (int i = 0; i < from->count; i++)
        out.plane[i] = turn_plane(arena, &from->plane[i], orientation);
    return out;
}

/* -- RGB (JFIF 1.02, page 3), in 1/65536 ------------------------------------------------------- */

enum { HALF = 1 << 15, MIDDLE = 128 << 16 };

static uint8_t clamp(int value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void row_from_rgb(const uint8_t *restrict rgb, int width, uint8_t *restrict y,
                         uint8_t *restrict cb, uint8_t *restrict cr)
{
    for (int x = 0; x < width; x++) {
        int r = rgb[3 * x], g = rgb[3 * x + 1], b = rgb[3 * x + 2];

        y[x] = (uint8_t)((19595 * r + 38470 * g + 7471 * b + HALF) >> 16);
        /* One less than a half: pure blue would round to 256. */
        cb[x] = (uint8_t)((-11059 * r - 21709 * g + 32768 * b + MIDDLE + HALF - 1) >> 16);
        cr[x] = (uint8_t)((32768 * r - 27439 * g - 5329 * b + MIDDLE + HALF - 1) >> 16);
    }
}

static void row_to_rgb(const uint8_t *restrict y, const uint8_t *restrict cb,
                       const uint8_t *restrict cr, int width, uint8_t *restrict rgb)
{
    for (int x = 0; x < width; x++) {
        int luma = (y[x] << 16) + HALF, blue = cb[x] - 128, red = cr[x] - 128;

        rgb[3 * x] = clamp((luma + 91881 * red) >> 16);
        rgb[3 * x + 1] = clamp((luma - 22554 * blue - 46802 * red) >> 16);
        rgb[3 * x + 2] = clamp((luma + 116130 * blue) >> 16);
    }
}

static uint8_t *row_of(const struct plane *plane, int y)
{
    return plane->pixels + (ptrdiff_t)y * plane->stride;
}

struct planes planes_from_packed(struct arena *arena, const uint8_t *pixels, int bands, int width,
                                 int height, size_t stride)
{
    struct planes out = {.count = bands};

    for (int i = 0; i < bands; i++)
        out.plane[i] = plane_new(arena, width, height);
    for (int y = 0; y < height; y++) {
        const uint8_t *row = pixels + (size_t)y * stride;

        if (bands == 1)
            memcpy(row_of(&out.plane[0], y), row, (size_t)width);
        else
            row_from_rgb(row, width, row_of(&out.plane[0], y), row_of(&out.plane[1], y),
                         row_of(&out.plane[2], y));
    }
    return out;
}

void planes_to_packed(const struct planes *planes, uint8_t *pixels, size_t stride)
{
    const struct plane *luma = &planes->plane[0];

    for (int y = 0; y < luma->height; y++) {
        uint8_t *row = pixels + (size_t)y * stride;

        if (planes->count == 1)
            memcpy(row, row_of(luma, y), (size_t)luma->width);
        else
            row_to_rgb(row_of(luma, y), row_of(&planes->plane[1], y), row_of(&planes->plane[2], y),
                       luma->width, row);
    }
}
