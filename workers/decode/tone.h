/* tone.h: high dynamic range as pictures for ordinary screens. Sources: ITU-R BT.2100 (HLG and PQ),
 * BT.2408 (203 cd/m2 is the white of both), BT.2087 (BT.2020 to BT.709 primaries). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tone { TONE_SDR, TONE_HLG, TONE_PQ };

/* Where the curve leaves the straight line, of white, and what it still tells apart above white
 * (1000 cd/m2): the knee and peak of ffmpeg's tonemap filter, so that a poster looks like its
 * rendition. */
#define TONE_KNEE 0.9
#define TONE_PEAK 4.926

/* RGB of 16 bits a channel, full range, not linear; rows stand `stride` bytes apart. */
struct tone_source {
    enum tone tone; /* not TONE_SDR */
    bool wide;      /* primaries of BT.2020, else of BT.709 */
    const uint8_t *rows;
    size_t stride, width, height;
};

/* To 8 bits a channel of BT.709, rows without a gap. */
void tone_map(const struct tone_source *source, uint8_t *out);
