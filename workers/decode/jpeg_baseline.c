#include "decode/jpeg_baseline.h"

#include "base/clock.h"

#include <string.h>

enum {
    LOOK = 11,          /* bits that a table is asked with */
    MAX_CODE = 16,      /* bits of the longest code */
    LEAST_BITS = 32,    /* at hand before a symbol: the longest code and its number have 31 */
    COEFFICIENTS = 64,  /* of a block */
    WANTED = 4,         /* place in the zigzag of the last one that counts */
    DC_LIMIT = 1 << 15, /* no sum of a real picture comes near */
};

/* What the next LOOK bits begin with. The first symbol: the bits of its code, those of code and
 * number, how many places it goes on in the zigzag. And a run of symbols, of each of which the code
 * is among these bits: likewise; `last` when the block ends with it, which is no step. */
struct step {
    uint8_t code, bits, ahead, symbol;
    uint8_t run_bits, run_ahead;
    bool last;
    uint8_t filler; /* what has eight bytes is found by a shift */
};

/* T.81, annexes C and F.2.2.3. */
struct codes {
    struct step steps[1 << LOOK];
    uint32_t ends[MAX_CODE + 1]; /* the first code that is longer, as the upper of 16 bits */
    int first[MAX_CODE + 1];     /* place of a length's first symbol, less its code */
    const uint8_t *symbols;
};

struct bits {
    const uint8_t *at, *end;
    uint64_t window; /* the next ones are its highest */
    int n;           /* of them; below 0: more was taken than there is */
};

struct component {
    const struct codes *dc, *ac;
    int quant[WANTED]; /* of the coefficients 0, 1, 2 and 4 of the zigzag */
    int across, down;  /* blocks in an MCU */
    int previous;
    struct plane *plane;
};

struct scan {
    struct bits bits;
    struct component component[3];
    int count, size; /* pixels of a block's edge: 1 or 2 */
    unsigned mcus_across, mcus_down, restart_interval;
};

/* -- Tables -- */

static bool number_codes(const JHUFF_TBL *table, struct codes *codes)
{
    uint32_t code = 0;
    int place = 0;

    for (int length = 1; length <= MAX_CODE; length++) {
        codes->first[length] = place - (int)code;
        code += table->bits[length];
        place += table->bits[length];
        if (place > 256 || code >= 1u << length) /* C.2: no code is all ones */
            return false;
        codes->ends[length] = code << (MAX_CODE - length);
        code <<= 1;
    }
    codes->symbols = table->huffval;
    return true;
}

/* F.2.2.2: a run of zeros and the size of the number behind it; without a number a run of 16 or the
 * block's end, which steps over all that is left. False: no code of a picture's. */
static bool describe(unsigned symbol, int length, struct step *step)
{
    unsigned size = symbol & 15;

    if (size == 0 && symbol != 0 && symbol != 0xf0)
        return false;
    *step = (struct step){.code = (uint8_t)length,
                          .bits = (uint8_t)((unsigned)length + size),
                          .ahead = (uint8_t)(symbol == 0 ? COEFFICIENTS : (symbol >> 4) + 1),
                          .symbol = (uint8_t)symbol};
    return true;
}

/* What 16 bits begin with; false: with no code. */
static bool find_code(const struct codes *codes, uint32_t sixteen, struct step *step)
{
    for (int n = 1; n <= MAX_CODE; n++)
        if (sixteen < codes->ends[n])
            return describe(codes->symbols[codes->first[n] + (int)(sixteen >> (MAX_CODE - n))], n,
                            step);
    return false;
}

/* As far as codes are among the bits that are looked at, those of the last number aside. */
static void join_run(const struct codes *codes, uint32_t look, struct step *step)
{
    const struct step *next = step;
    unsigned used = 0;

    while (next->code && used + next->code <= LOOK && !step->last) {
        used += next->bits;
        step->run_bits = (uint8_t)used;
        step->last = next->symbol == 0;
        if (!step->last)
            step->run_ahead = (uint8_t)(step->run_ahead + next->ahead);
        if (used >= LOOK)
            break;
        next = &codes->steps[look << used & ((1u << LOOK) - 1)];
    }
}

/* Steps whose code has more than LOOK bits stay empty. */
static void fill_steps(const JHUFF_TBL *table, struct codes *codes)
{
    uint32_t look = 0, place = 0;

    memset(codes->steps, 0, sizeof(codes->steps));
    for (int length = 1; length <= LOOK; length++) {
        for (int i = 0; i < table->bits[length]; i++, place++) {
            struct step step = {0};

            describe(table->huffval[place], length, &step);
            for (uint32_t n = 0; n < 1u << (LOOK - length); n++)
                codes->steps[look++] = step;
        }
    }
    for (look = 0; look < 1u << LOOK; look++)
        join_run(codes, look, &codes->steps[look]);
}

static const struct codes *codes_of(struct arena *arena, const JHUFF_TBL *table)
{
    struct codes *codes = table ? arena_alloc(arena, sizeof(*codes)) : NULL;

    if (!codes || !number_codes(table, codes))
        return NULL;
    fill_steps(table, codes);
    return codes;
}

/* F.1.2.1: all of them are sizes. */
static bool is_for_dc(const JHUFF_TBL *table)
{
    int n = 0;

    for (int length = 1; length <= MAX_CODE; length++)
        n += table->bits[length];
    while (n > 0 && table->huffval[n - 1] <= 15)
        n--;
    return n == 0;
}

/* -- Bits -- */

/* B.1.1.5: a zero behind 0xff belongs to it. At a marker no more comes. */
static void refill_slowly(struct bits *bits)
{
    while (bits->n <= 56 && bits->at < bits->end) {
        uint64_t byte = *bits->at;

        if (byte == 0xff && (bits->end - bits->at < 2 || bits->at[1] != 0))
            return;
        bits->at += byte == 0xff ? 2 : 1;
        bits->window |= byte << (56 - bits->n);
        bits->n += 8;
    }
}

static inline void refill(struct bits *bits)
{
    uint32_t four;

    if (bits->n >= LEAST_BITS)
        return;
    if (bits->n >= 0 && bits->end - bits->at >= 4) {
        memcpy(&four, bits->at, 4);
        /* No byte is 0xff: none is zero when all are turned over. */
        if ((((~four - 0x01010101u) & four) & 0x80808080u) == 0) {
            bits->window |= (uint64_t)__builtin_bswap32(four) << (LEAST_BITS - bits->n);
            bits->n += 32;
            bits->at += 4;
            return;
        }
    }
    if (bits->n >= 0)
        refill_slowly(bits);
}

static inline void drop(struct bits *bits, unsigned n)
{
    bits->window <<= n;
    bits->n -= (int)n;
}

/* F.2.2.1, EXTEND: a number of so many bits, behind a code that is still there. */
static inline int number_behind(const struct bits *bits, unsigned code, unsigned size)
{
    if (size == 0)
        return 0;
    int value = (int)(bits->window << code >> (64 - size));
    return value < 1 << (size - 1) ? value - (1 << size) + 1 : value;
}

static inline bool next_step(struct bits *bits, const struct codes *codes, struct step *step)
{
    refill(bits);
    *step = codes->steps[bits->window >> (64 - LOOK)];
    return step->code != 0 || find_code(codes, (uint32_t)(bits->window >> 48), step);
}

/* -- Blocks -- */

static inline bool read_dc(struct bits *bits, struct component *component)
{
    struct step step;

    if (!next_step(bits, component->dc, &step))
        return false;
    component->previous += number_behind(bits, step.code, step.symbol);
    drop(bits, step.bits);
    return component->previous > -DC_LIMIT && component->previous < DC_LIMIT;
}

/* From place k of the zigzag to the end. */
static inline bool step_over(struct bits *bits, const struct codes *codes, unsigned k)
{
    while (k < COEFFICIENTS) {
        refill(bits);
        const struct step *step = &codes->steps[bits->window >> (64 - LOOK)];
        struct step rare;

        if (step->code && k + step->run_ahead < COEFFICIENTS) {
            drop(bits, step->run_bits);
            if (step->last)
                return true;
            k += step->run_ahead;
            continue;
        }
        if (!next_step(bits, codes, &rare))
            return false;
        drop(bits, rare.bits);
        if (rare.symbol == 0)
            return true;
        k += rare.ahead;
    }
    return k == COEFFICIENTS;
}

static int bounded(int value, int quant)
{
    enum { MOST = 1 << 13 }; /* the largest that 8 bits make is a quarter of it */
    int64_t product = (int64_t)value * quant;

    return product > MOST ? MOST : product < -MOST ? -MOST : (int)product;
}

static inline uint8_t pixel(int eighths)
{
    int value = (eighths + 4) >> 3;

    return (uint8_t)(value < -128 ? 0 : value > 127 ? 255 : value + 128);
}

/* A.3.3 for two points, whose cosines are all the same. The lowest frequencies alone are what is
 * left of a block in a picture of a quarter. */
static inline bool read_block_of_four(struct bits *bits, struct component *component, uint8_t *out)
{
    static const uint8_t places[WANTED + 1] = {0, 1, 2, WANTED, 3}; /* one is not wanted */
    int found[WANTED + 1] = {0};
    unsigned k = 1;
    struct step step;

    if (!read_dc(bits, component))
        return false;
    found[0] = component->previous;
    while (k <= WANTED) {
        if (!next_step(bits, component->ac, &step))
            return false;
        k += step.ahead;
        if (step.symbol && k <= WANTED + 1)
            found[places[k - 1]] = number_behind(bits, step.code, step.symbol & 15);
        drop(bits, step.bits);
        if (step.symbol == 0)
            break;
    }
    if (k <= COEFFICIENTS - 1 && !step_over(bits, component->ac, k))
        return false;
    int mean = bounded(found[0], component->quant[0]), x = bounded(found[1], component->quant[1]);
    int y = bounded(found[2], component->quant[2]), xy = bounded(found[3], component->quant[3]);
    ptrdiff_t stride = component->plane->stride;
    out[0] = pixel(mean + x + y + xy);
    out[1] = pixel(mean - x + y - xy);
    out[stride] = pixel(mean + x - y - xy);
    out[stride + 1] = pixel(mean - x - y + xy);
    return true;
}

static bool read_block(struct scan *scan, struct component *component, uint8_t *out)
{
    if (scan->size == 2)
        return read_block_of_four(&scan->bits, component, out);
    if (!read_dc(&scan->bits, component) || !step_over(&scan->bits, component->ac, 1))
        return false;
    *out = pixel(bounded(component->previous, component->quant[0]));
    return true;
}

/* -- The scan -- */

/* Up to a marker, with less than a byte of filling before it. */
static bool meet_marker(struct bits *bits, uint8_t marker)
{
    if (bits->n >= 0)
        refill_slowly(bits);
    if (bits->n < 0 || bits->n >= 8 || bits->end - bits->at < 2 || bits->at[0] != 0xff ||
        bits->at[1] != marker)
        return false;
    *bits = (struct bits){.at = bits->at + 2, .end = bits->end};
    return true;
}

static bool read_mcu(struct scan *scan, unsigned x, unsigned y)
{
    for (int i = 0; i < scan->count; i++) {
        struct component *component = &scan->component[i];
        struct plane *plane = component->plane;
        int left = (int)x * component->across, top = (int)y * component->down;

        for (int row = top; row < top + component->down; row++) {
            for (int column = left; column < left + component->across; column++) {
                uint8_t *out = plane->pixels + (ptrdiff_t)row * scan->size * plane->stride +
                               (ptrdiff_t)column * scan->size;
                if (!read_block(scan, component, out))
                    return false;
            }
        }
    }
    return true;
}

static bool read_scan(struct scan *scan, uint64_t give_up_ms)
{
    unsigned since = 0, restarts = 0;

    for (unsigned y = 0; y < scan->mcus_down; y++) {
        if (scan->bits.n < 0 || clock_ms() > give_up_ms)
            return false;
        for (unsigned x = 0; x < scan->mcus_across; x++, since++) {
            if (scan->restart_interval && since == scan->restart_interval) {
                if (!meet_marker(&scan->bits, (uint8_t)(JPEG_RST0 + restarts++ % 8)))
                    return false;
                for (int i = 0; i < scan->count; i++)
                    scan->component[i].previous = 0;
                since = 0;
            }
            if (!read_mcu(scan, x, y))
                return false;
        }
    }
    return meet_marker(&scan->bits, JPEG_EOI);
}

static unsigned divide_up(unsigned n, unsigned to)
{
    return (n + to - 1) / to;
}

/* Whether it is such a file. */
static bool suits(const struct jpeg_decompress_struct *jpeg)
{
    return !jpeg->progressive_mode && !jpeg->arith_code && jpeg->data_precision == 8 &&
           (jpeg->num_components == 1 || jpeg->num_components == 3) &&
           jpeg->comps_in_scan == jpeg->num_components && jpeg->Ss == 0 &&
           jpeg->Se == COEFFICIENTS - 1 && jpeg->Ah == 0 && jpeg->Al == 0 &&
           jpeg->scale_denom == DCTSIZE && jpeg->scale_num <= 2;
}

static bool take_component(struct arena *arena, const struct jpeg_decompress_struct *jpeg, int i,
                           struct scan *scan, struct planes *out)
{
    static const uint8_t natural[WANTED] = {0, 1, DCTSIZE, DCTSIZE + 1};
    const jpeg_component_info *info = jpeg->cur_comp_info[i];
    struct component *component = &scan->component[i];
    bool alone = scan->count == 1; /* A.2.2: sampling factors count between components only */
    unsigned wide = alone ? 1 : (unsigned)jpeg->max_h_samp_factor;
    unsigned high = alone ? 1 : (unsigned)jpeg->max_v_samp_factor;

    if (info->dc_tbl_no >= NUM_HUFF_TBLS || info->ac_tbl_no >= NUM_HUFF_TBLS ||
        info->quant_tbl_no >= NUM_QUANT_TBLS || !jpeg->quant_tbl_ptrs[info->quant_tbl_no])
        return false;
    component->dc = codes_of(arena, jpeg->dc_huff_tbl_ptrs[info->dc_tbl_no]);
    component->ac = codes_of(arena, jpeg->ac_huff_tbl_ptrs[info->ac_tbl_no]);
    component->across = alone ? 1 : info->h_samp_factor;
    component->down = alone ? 1 : info->v_samp_factor;
    for (int k = 0; k < WANTED; k++)
        component->quant[k] = jpeg->quant_tbl_ptrs[info->quant_tbl_no]->quantval[natural[k]];
    component->plane = &out->plane[info->component_index];
    *component->plane = plane_new(arena, (int)scan->mcus_across * component->across * scan->size,
                                  (int)scan->mcus_down * component->down * scan->size);
    component->plane->width = (int)divide_up(
        jpeg->image_width * (unsigned)(component->across * scan->size), wide * DCTSIZE);
    component->plane->height = (int)divide_up(
        jpeg->image_height * (unsigned)(component->down * scan->size), high * DCTSIZE);
    return component->dc && component->ac && is_for_dc(jpeg->dc_huff_tbl_ptrs[info->dc_tbl_no]);
}

bool jpeg_baseline_read(struct arena *arena, const struct jpeg_decompress_struct *jpeg,
                        uint64_t give_up_ms, struct planes *out)
{
    struct scan *scan = ARENA_NEW(arena, struct scan);
    bool alone = jpeg->num_components == 1;

    if (!suits(jpeg))
        return false;
    scan->bits.at = jpeg->src->next_input_byte;
    scan->bits.end = scan->bits.at + jpeg->src->bytes_in_buffer;
    scan->count = out->count = jpeg->num_components;
    scan->size = (int)jpeg->scale_num;
    scan->restart_interval = jpeg->restart_interval;
    scan->mcus_across =
        divide_up(jpeg->image_width, (alone ? 1 : (unsigned)jpeg->max_h_samp_factor) * DCTSIZE);
    scan->mcus_down =
        divide_up(jpeg->image_height, (alone ? 1 : (unsigned)jpeg->max_v_samp_factor) * DCTSIZE);
    for (int i = 0; i < scan->count; i++)
        if (!take_component(arena, jpeg, i, scan, out))
            return false;
    return read_scan(scan, give_up_ms);
}
