#include "decode/tone.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

enum { INPUT_STEPS = 4096, OUTPUT_STEPS = 8192 };
static const double WHITE_NITS = 203, HLG_PEAK_NITS = 1000, PQ_PEAK_NITS = 10000;

struct tables {
    float linear[INPUT_STEPS]; /* 1 is white */
    uint8_t code[OUTPUT_STEPS + 1];
};

/* BT.2100 table 5: the inverse of HLG's OETF, and the system gamma of a screen of 1000 cd/m2. By
 * channel instead of by luminance, as zscale takes it for the rendition. */
static double hlg_nits(double signal)
{
    const double a = 0.17883277, b = 1 - 4 * a, c = 0.5 - a * log(4 * a);
    double scene = signal <= 0.5 ? signal * signal / 3 : (exp((signal - c) / a) + b) / 12;

    return HLG_PEAK_NITS * pow(scene, 1.2);
}

/* BT.2100 table 4: PQ's EOTF. */
static double pq_nits(double signal)
{
    const double m1 = 2610. / 16384, m2 = 2523. / 4096 * 128;
    const double c1 = 3424. / 4096, c2 = 2413. / 4096 * 32, c3 = 2392. / 4096 * 32;
    double root = pow(signal, 1 / m2);

    return PQ_PEAK_NITS * pow(fmax(root - c1, 0) / (c2 - c3 * root), 1 / m1);
}

static void make_tables(struct tables *tables, enum tone tone)
{
    for (int i = 0; i < INPUT_STEPS; i++) {
        double signal = (double)i / (INPUT_STEPS - 1);

        double nits = tone == TONE_HLG ? hlg_nits(signal) : pq_nits(signal);

        tables->linear[i] = (float)(nits / WHITE_NITS);
    }
    for (int i = 0; i <= OUTPUT_STEPS; i++) /* BT.1886 */
        tables->code[i] = (uint8_t)lround(255 * pow((double)i / OUTPUT_STEPS, 1 / 2.4));
}

/* The Moebius curve through the knee, with the line's slope there, that reaches 1 at the peak. */
static void compress(float rgb[3])
{
    static const double j = TONE_KNEE, p = TONE_PEAK;
    double signal = fmaxf(rgb[0], fmaxf(rgb[1], rgb[2]));

    if (signal <= j)
        return;
    double a = -j * j * (p - 1) / (j * j - 2 * j + p);
    double b = (j * j - 2 * j * p + p) / (p - 1);
    double shown = (b * b + 2 * b * j + j * j) / (b - a) * (signal + a) / (signal + b);
    for (int c = 0; c < 3; c++)
        rgb[c] *= (float)(shown / signal);
}

static void narrow(float rgb[3])
{
    float r = rgb[0], g = rgb[1], b = rgb[2];

    rgb[0] = 1.6605f * r - 0.5876f * g - 0.0728f * b;
    rgb[1] = -0.1246f * r + 1.1329f * g - 0.0083f * b;
    rgb[2] = -0.0182f * r - 0.1006f * g + 1.1187f * b;
}

static void map_pixel(const struct tables *tables, const struct tone_source *source,
                      const uint16_t rgb[3], uint8_t out[3])
{
    float light[3];

    for (int c = 0; c < 3; c++)
        light[c] = tables->linear[rgb[c] * INPUT_STEPS >> 16];
    compress(light);
    if (source->wide)
        narrow(light);
    for (int c = 0; c < 3; c++)
        out[c] = tables->code[(int)(fminf(fmaxf(light[c], 0), 1) * OUTPUT_STEPS + 0.5f)];
}

void tone_map(const struct tone_source *source, uint8_t *out)
{
    struct tables *tables = MEM_NEW(struct tables);

    make_tables(tables, source->tone);
    for (size_t y = 0; y < source->height; y++) {
        const uint8_t *row = source->rows + y * source->stride;

        for (size_t x = 0; x < source->width; x++, out += 3) {
            uint16_t rgb[3];

            memcpy(rgb, row + x * sizeof(rgb), sizeof(rgb));
            map_pixel(tables, source, rgb, out);
        }
    }
    mem_free(tables);
}
