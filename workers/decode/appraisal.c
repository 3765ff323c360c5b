#include "decode/appraisal.h"

#include <sys/stat.h>

/* Of each way: what is there with any picture, and what comes with each unit. Measured with files
 * of 12 to 235 megapixels, of 8 to 16 bits, as the least RLIMIT_DATA with which they decode; a
 * fifth and more is added. */
static const struct {
    unsigned base_mib, tenths; /* of a byte, for each unit */
} costs[] = {
    [APPRAISAL_ROWS] = {64, 0},        [APPRAISAL_SCANS] = {64, 20}, /* 16 bits a coefficient */
    [APPRAISAL_INTERLACED] = {96, 12}, [APPRAISAL_WEBP] = {96, 60},    [APPRAISAL_HEIF] = {96, 100},
    [APPRAISAL_GIF] = {96, 100},       [APPRAISAL_FRAMES] = {96, 120}, /* twelve of them */
    [APPRAISAL_STILLS] = {96, 40},
};

enum {
    MOST_MIB = 1536, /* no picture gets more, in whatever lane */
    /* What is held whole and has more pixels than this is a panorama or a very good camera's, of
     * which not even a JPEG of one colour packs more of them into a byte. */
    PLAIN_PIXELS = 64 * 1000 * 1000,
    PIXELS_IN_A_BYTE = 512,
};

uint64_t appraisal_bytes(const struct appraisal *appraisal)
{
    return ((uint64_t)costs[appraisal->way].base_mib << 20) +
           appraisal->units / 10 * costs[appraisal->way].tenths;
}

static bool is_plausible(const struct decoding *decoding, const struct appraisal *appraisal)
{
    uint64_t pixels = appraisal->width * appraisal->height;
    struct stat info;

    return appraisal->way == APPRAISAL_ROWS || pixels <= PLAIN_PIXELS ||
           (fstat(decoding->input, &info) == 0 &&
            (uint64_t)info.st_size >= pixels / PIXELS_IN_A_BYTE);
}

bool appraisal_admit(struct decoding *decoding, const struct appraisal *appraisal)
{
    uint64_t limit = decoding->request.max_pixels, needed = appraisal_bytes(appraisal);

    if (appraisal->width > limit || appraisal->height > limit ||
        appraisal->width * appraisal->height > limit || needed > (uint64_t)MOST_MIB << 20)
        return decoding_fail(decoding, WIRE_REASON_TOO_MANY_PIXELS,
                             "The picture has more pixels than are taken here.");
    if (!is_plausible(decoding, appraisal))
        return decoding_fail(decoding, WIRE_REASON_TOO_MANY_PIXELS,
                             "The picture claims more pixels than its file can hold.");
    if (needed <= decoding->request.memory_bytes)
        return true;
    decoding->needs_bytes = needed;
    return decoding_fail(decoding, WIRE_REASON_OUT_OF_MEMORY,
                         "The picture takes more memory than there is for it.");
}
