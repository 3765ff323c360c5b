#include "decode/tiff.h"

#include "decode/bytes.h"

#include <math.h>
#include <string.h>

enum { MAX_ENTRIES = 65535, MAX_TEXT_BYTES = 4096 };

enum type {
    T_BYTE = 1,
    T_ASCII,
    T_SHORT,
    T_LONG,
    T_RATIONAL,
    T_SBYTE,
    T_UNDEFINED,
    T_SSHORT,
    T_SLONG,
    T_SRATIONAL,
    T_FLOAT,
    T_DOUBLE,
    T_IFD,
    T_LONG8 = 16,
    T_SLONG8,
    T_IFD8,
    T_UTF8 = 129, /* Exif 3.0 */
};

/* Of one value; what nobody knows is counted in bytes. */
static unsigned width_of(unsigned type)
{
    static const unsigned char widths[] = {
        [T_BYTE] = 1,      [T_ASCII] = 1,  [T_SHORT] = 2,  [T_LONG] = 4,
        [T_RATIONAL] = 8,  [T_SBYTE] = 1,  [T_SSHORT] = 2, [T_SLONG] = 4,
        [T_SRATIONAL] = 8, [T_FLOAT] = 4,  [T_DOUBLE] = 8, [T_IFD] = 4,
        [T_LONG8] = 8,     [T_SLONG8] = 8, [T_IFD8] = 8,   [T_UNDEFINED] = 1};

    return type < sizeof widths && widths[type] ? widths[type] : 1;
}

uint64_t tiff_number(struct tiff *tiff, uint64_t at, unsigned width)
{
    if (at > tiff->bytes.n || width > tiff->bytes.n - at) {
        tiff->broken = true;
        return 0;
    }
    return bytes_number(tiff->bytes.p + at, width, tiff->little_endian);
}

bool tiff_open(struct slice bytes, struct tiff *out)
{
    *out = (struct tiff){.bytes = bytes};
    uint64_t order = tiff_number(out, 0, 2);
    out->little_endian = order == 0x4949;
    if (order != 0x4949 && order != 0x4d4d)
        out->broken = true;
    out->big = tiff_number(out, 2, 2) == 43;
    out->first = out->big ? tiff_number(out, 8, 8) : tiff_number(out, 4, 4);
    if (out->broken)
        out->first = 0;
    return !out->broken;
}

bool tiff_ifd(struct tiff *tiff, uint64_t at, struct tiff_ifd *out)
{
    unsigned head = tiff->big ? 8 : 2, width = tiff->big ? 20 : 12, link = tiff->big ? 8 : 4;

    *out = (struct tiff_ifd){0};
    uint64_t n = tiff_number(tiff, at, head);
    if (at > tiff->bytes.n || head > tiff->bytes.n - at)
        return false;
    uint64_t fit = (tiff->bytes.n - at - head) / width;
    if (fit > MAX_ENTRIES)
        fit = MAX_ENTRIES;
    if (n > fit)
        tiff->broken = true;
    out->at = at + head;
    out->n = n < fit ? n : fit;
    out->end = out->at + out->n * width;
    if (n <= fit && tiff->bytes.n - out->end >= link)
        out->next = tiff_number(tiff, out->end, link);
    return true;
}

struct tiff_entry tiff_entry(struct tiff *tiff, const struct tiff_ifd *ifd, uint64_t i)
{
    unsigned wide = tiff->big ? 8 : 4;
    uint64_t head = ifd->at + i * (tiff->big ? 20 : 12);
    struct tiff_entry entry = {
        .tag = (unsigned)tiff_number(tiff, head, 2),
        .type = (unsigned)tiff_number(tiff, head + 2, 2),
        .count = tiff_number(tiff, head + 4, wide),
    };
    unsigned width = width_of(entry.type);
    uint64_t n = entry.count > UINT64_MAX / width ? UINT64_MAX : entry.count * width;

    entry.at = head + 4 + wide;
    if (n > wide)
        entry.at = tiff_number(tiff, entry.at, wide);
    if (entry.at > tiff->bytes.n)
        entry.at = tiff->bytes.n;
    entry.n = n < tiff->bytes.n - entry.at ? n : tiff->bytes.n - entry.at;
    return entry;
}

bool tiff_find(struct tiff *tiff, const struct tiff_ifd *ifd, unsigned tag, struct tiff_entry *out)
{
    for (uint64_t i = 0; i < ifd->n; i++) {
        *out = tiff_entry(tiff, ifd, i);
        if (out->tag == tag)
            return true;
    }
    return false;
}

static double signed_number(uint64_t number, unsigned width)
{
    unsigned shift = 64 - 8 * width;

    return (double)((int64_t)(number << shift) >> shift);
}

static double ieee754(uint64_t number, unsigned width)
{
    float narrow;
    double wide;
    uint32_t half = (uint32_t)number;

    memcpy(&narrow, &half, sizeof narrow);
    memcpy(&wide, &number, sizeof wide);
    return width == sizeof narrow ? (double)narrow : wide;
}

bool tiff_real(struct tiff *tiff, const struct tiff_entry *entry, uint64_t i, double *out)
{
    unsigned width = width_of(entry->type);
    bool ratio = entry->type == T_RATIONAL || entry->type == T_SRATIONAL;

    if (i >= entry->n / width)
        return false;
    uint64_t at = entry->at + i * width, number = tiff_number(tiff, at, ratio ? 4 : width);
    uint64_t below = ratio ? tiff_number(tiff, at + 4, 4) : 1;
    switch (entry->type) {
    case T_BYTE:
    case T_SHORT:
    case T_LONG:
    case T_LONG8:
        *out = (double)number;
        return true;
    case T_SBYTE:
    case T_SSHORT:
    case T_SLONG:
    case T_SLONG8:
        *out = signed_number(number, width);
        return true;
    case T_RATIONAL:
        *out = (double)number / (double)below;
        return below != 0;
    case T_SRATIONAL:
        *out = signed_number(number, 4) / signed_number(below, 4);
        return below != 0;
    case T_FLOAT:
    case T_DOUBLE:
        *out = ieee754(number, width);
        return isfinite(*out);
    default:
        return false;
    }
}

struct slice tiff_text(const struct tiff *tiff, const struct tiff_entry *entry)
{
    struct slice text = {tiff->bytes.p + entry->at, entry->n};

    if (entry->type != T_ASCII && entry->type != T_UTF8 && entry->type != T_BYTE &&
        entry->type != T_UNDEFINED)
        return SLICE_NONE;
    if (text.n > MAX_TEXT_BYTES)
        text.n = MAX_TEXT_BYTES;
    text.n = text.n ? strnlen(text.p, text.n) : 0;
    return text;
}
