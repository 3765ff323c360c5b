#include "decode/excess.h"

#include "decode/boxes.h"
#include "decode/scan.h"
#include "decode/tiff.h"

#include <zlib.h>

enum {
    MAX_DIRECTORIES = 5000, /* libtiff takes 90 us for each */
    MAX_FRAMES = 5000,      /* libwebp walks to each from the first */
    MAX_BOXES = 500000,     /* a day in fragments of half a second has fewer; 3 us each */
    MAX_TEXTS = 10000,      /* libpng keeps each */
    MAX_UNPACKED_BYTES = 64 << 20,
    PIECE_BYTES = 64 << 10,
};

/* -- TIFF -- */

/* A chain that comes back to itself has no end either. */
static bool has_many_directories(struct slice file)
{
    struct tiff tiff;
    struct tiff_ifd directory;

    if (!tiff_open(file, &tiff))
        return false;
    uint64_t at = tiff.first;
    for (unsigned n = 0; at > 0; n++) {
        if (n == MAX_DIRECTORIES)
            return true;
        at = tiff_ifd(&tiff, at, &directory) ? directory.next : 0;
    }
    return false;
}

/* -- WebP -- */

static bool has_many_frames(struct slice file)
{
    struct scan scan = {.file = file};
    unsigned frames = 0;

    for (uint64_t at = 12; scan_holds(&scan, at, 8) && frames <= MAX_FRAMES;) {
        uint64_t n = scan_number(&scan, at + 4, 4, true);

        frames += scan_is(&scan, at, SLICE("ANMF"));
        at += 8 + ((n + 1) & ~UINT64_C(1));
    }
    return frames > MAX_FRAMES;
}

/* -- PNG -- */

/* Where the zlib stream of a chunk begins; empty: it has none. */
static struct slice packed_part(struct slice type, struct slice data)
{
    bool international = slice_eq(type, SLICE("iTXt"));
    size_t at, fields = international ? 2 : 0;

    if ((!international && !slice_eq(type, SLICE("zTXt")) && !slice_eq(type, SLICE("iCCP"))) ||
        !slice_find(data, '\0', &at))
        return SLICE_NONE;
    data = slice_from_offset(data, at + 1);
    if (data.n < 2 || (international && data.p[0] == 0))
        return SLICE_NONE;
    data = slice_from_offset(data, international ? 2 : 1);
    while (fields-- && slice_find(data, '\0', &at))
        data = slice_from_offset(data, at + 1);
    return data;
}

/* How long it is unpacked, up to `most`. */
static size_t unpacked_bytes(struct slice packed, size_t most)
{
    static unsigned char piece[PIECE_BYTES];
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed.p, .avail_in = (uInt)packed.n};
    int status = inflateInit(&stream);

    if (status != Z_OK)
        return 0;
    while (status == Z_OK && stream.total_out < most) {
        stream.next_out = piece;
        stream.avail_out = sizeof piece;
        status = inflate(&stream, Z_NO_FLUSH);
    }
    inflateEnd(&stream);
    return stream.total_out;
}

static bool has_much_text(struct slice file)
{
    struct scan scan = {.file = file};
    size_t left = MAX_UNPACKED_BYTES;
    unsigned texts = 0;

    for (uint64_t at = 8; scan_holds(&scan, at, 8);) {
        uint64_t n = scan_number(&scan, at, 4, false);
        struct slice type = scan_slice(&scan, (struct span){at + 4, 4});
        struct slice packed = packed_part(type, scan_slice(&scan, (struct span){at + 8, n}));
        size_t unpacked = packed.n ? unpacked_bytes(packed, left) : 0;

        texts += !slice_eq(type, SLICE("IDAT"));
        if (unpacked >= left || texts > MAX_TEXTS)
            return true;
        left -= unpacked;
        at += 12 + n;
    }
    return false;
}

/* -- MP4, MOV, HEIC, AVIF -- */

static void count_box(struct scan *scan, const struct box *box, void *count)
{
    if (++*(unsigned *)count > MAX_BOXES)
        scan->broken = true; /* enough */
}

static bool has_many_boxes(struct slice file)
{
    struct scan scan = {.file = file};
    unsigned count = 0;

    box_each(&scan, (struct span){0, file.n}, count_box, &count);
    return count > MAX_BOXES;
}

bool excess_found(struct decoding *decoding, struct slice file)
{
    static const struct {
        size_t at;
        struct slice head;
        bool (*look)(struct slice file);
        const char *message;
    } kinds[] = {
        {0, SLICE_INIT("II"), has_many_directories, "The file has too many directories."},
        {0, SLICE_INIT("MM"), has_many_directories, "The file has too many directories."},
        {0, SLICE_INIT("RIFF"), has_many_frames, "The picture has too many frames."},
        {0, SLICE_INIT("\x89PNG"), has_much_text, "The text beside the picture is too long."},
        {4, SLICE_INIT("ftyp"), has_many_boxes, "The file has too many parts."},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (file.n > kinds[i].at &&
            slice_starts_with(slice_from_offset(file, kinds[i].at), kinds[i].head) &&
            kinds[i].look(file))
            return !decoding_fail(decoding, WIRE_REASON_DAMAGED, kinds[i].message);
    return false;
}
