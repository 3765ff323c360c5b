#include "workers/recipe.h"

#include "base/budget.h"

#include <inttypes.h>

enum { MAX_ARGUMENTS = 64, MAX_RATE = 60 };
static const uint64_t BUDGET_PIXELS = UINT64_C(3600) * 1000 * 1000 * 1000;

struct list {
    struct arena *arena;
    const char **items;
    size_t n;
};

static void add(struct list *list, const char *name, struct slice value)
{
    list->items[list->n++] = name;
    list->items[list->n++] = arena_cstr(list->arena, value);
}

static struct slice number(struct list *list, const char *before, uint64_t value)
{
    return arena_printf(list->arena, "%s%" PRIu64, before, value);
}

/* Frames a second as the encoder is told them, for the level that it writes down: what players look
 * at before they try. Without it a time base of milliseconds passes for a rate of 1000. */
static uint64_t nominal_rate(const struct wire_clip *clip)
{
    if (!clip->has_frames || clip->duration_ms == 0)
        return 30;
    uint64_t rate = (clip->frames * 1000 + clip->duration_ms / 2) / clip->duration_ms;
    return rate < 1 ? 1 : rate > MAX_RATE ? MAX_RATE : rate;
}

/* One after the other: frames that are marked as interlaced lose their combs; of those that fall
 * into the same sixtieth of a second the first stays; the shorter side becomes `pixels`; HDR comes
 * down to what ordinary screens show (workers/decode/tone.h has the same curve). */
static struct slice filters(struct arena *arena, const struct recipe *recipe)
{
    static const char *const tones[] = {
        [WIRE_TRANSFER_SDR] = "",
        [WIRE_TRANSFER_HLG] = "zscale=tin=arib-std-b67",
        [WIRE_TRANSFER_PQ] = "zscale=tin=smpte2084",
    };
    struct slice shape =
        arena_printf(arena,
                     "%s"
                     "select='isnan(prev_selected_t)+gt(floor((t-start_t)*%d+.5),"
                     "floor((prev_selected_t-start_t)*%d+.5))',"
                     "scale=w='if(gte(iw,ih),-2,max(2,trunc(min(%" PRIu64 ",iw)/2)*2))':"
                     "h='if(gte(iw,ih),max(2,trunc(min(%" PRIu64 ",ih)/2)*2),-2)'",
                     recipe->clip->fields ? "bwdif=mode=send_frame:deint=interlaced," : "",
                     MAX_RATE, MAX_RATE, recipe->pixels, recipe->pixels);

    if (recipe->clip->transfer == WIRE_TRANSFER_SDR)
        return arena_printf(arena, "%.*s,format=yuv420p", SLICE_ARG(shape));
    return arena_printf(
        arena,
        "%.*s,%s:pin=bt2020:min=bt2020nc:p=bt2020:t=linear:npl=203,format=gbrpf32le,"
        "tonemap=mobius:param=0.9:peak=4.926:desat=0,"
        "zscale=p=bt709:t=bt709:m=bt709:r=tv,format=yuv420p",
        SLICE_ARG(shape), tones[recipe->clip->transfer]);
}

const char **recipe_arguments(struct arena *arena, const struct recipe *recipe)
{
    const struct wire_clip *clip = recipe->clip;
    struct list list = {arena, ARENA_ARRAY(arena, const char *, MAX_ARGUMENTS + 1), 0};

    /* What cannot be decoded is left out, however much of it there is. */
    add(&list, "-max_error_rate", SLICE("1"));
    add(&list, "-map", number(&list, "0:", clip->video));
    if (clip->has_audio)
        add(&list, "-map", number(&list, "0:", clip->audio));
    add(&list, "-map_metadata", SLICE("-1"));
    add(&list, "-map_chapters", SLICE("-1"));
    add(&list, "-vf", filters(arena, recipe));
    /* Times as in the file: neither doubled to a constant rate nor rounded to one. */
    add(&list, "-fps_mode", SLICE("vfr"));
    add(&list, "-enc_time_base", SLICE("-1"));
    if (clip->has_frames)
        add(&list, "-frames:v", number(&list, "", clip->frames * 2));
    add(&list, "-c:v", SLICE("libx264"));
    add(&list, "-preset", SLICE("veryfast"));
    add(&list, "-crf", SLICE("23"));
    add(&list, "-x264-params", number(&list, "fps=", nominal_rate(clip)));
    if (clip->has_audio) {
        add(&list, "-c:a", SLICE("aac"));
        add(&list, "-b:a", SLICE("128k"));
        add(&list, "-ac", SLICE("2"));
    }
    list.items[list.n] = NULL;
    return list.items;
}

static uint64_t work_pixels(const struct wire_clip *clip)
{
    uint64_t frames = clip->has_frames ? clip->frames : (clip->duration_ms / 1000 + 1) * MAX_RATE;

    return frames > UINT64_MAX / clip->frame_pixels ? UINT64_MAX : frames * clip->frame_pixels;
}

uint64_t recipe_deadline_ms(const struct wire_clip *clip)
{
    static const struct budget deadlines[] = {
#define JOB_KIND(name, NAME, subject, media, runner, lane, outputs, result, next, loss, yields,    \
                 measure, cost, deadline)                                                          \
    [WIRE_KIND_##NAME] = deadline,
#include "jobs.def"
#undef JOB_KIND
    };

    return budget_ms(&deadlines[WIRE_KIND_TRANSCODE], work_pixels(clip));
}

bool recipe_affordable(const struct wire_clip *clip)
{
    return work_pixels(clip) <= BUDGET_PIXELS;
}

/* 1080p takes 200 MB with two cores. Each core more works at frames of its own; HDR passes through
 * floating point. */
uint64_t recipe_memory_bytes(const struct wire_clip *clip, unsigned cores)
{
    enum { BASE_MIB = 256, EACH = 96, EACH_OF_CORE = 12, EACH_OF_HDR = 72 };
    static const uint64_t most = 3ULL << 30;
    uint64_t each = EACH + EACH_OF_CORE * (uint64_t)cores +
                    (clip->transfer == WIRE_TRANSFER_SDR ? 0 : EACH_OF_HDR);
    uint64_t bytes = ((uint64_t)BASE_MIB << 20) + clip->frame_pixels * each;

    return bytes < most ? bytes : most;
}
