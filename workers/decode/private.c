#include "decode/private.h"

#include "base/text.h"
#include "decode/private_scan.h"

#include <string.h>

/* -- JPEG -------------------------------------------------------------------------------------- */

enum {
    JPEG_SOI = 0xd8,
    JPEG_EOI = 0xd9,
    JPEG_SOS = 0xda,
    JPEG_APP1 = 0xe1,
    JPEG_APP13 = 0xed,
};

static const struct slice exif_head = SLICE_INIT("Exif\0");

static void look_at_app(struct scan *scan, unsigned marker, struct span data)
{
    static const struct slice xmp = SLICE_INIT("http://ns.adobe.com/xap/1.0/\0");
    static const struct slice xmp_rest = SLICE_INIT("http://ns.adobe.com/xmp/extension/\0");
    static const struct slice photoshop = SLICE_INIT("Photoshop 3.0\0");

    if (marker == JPEG_APP1 && scan_is(scan, data.at, exif_head))
        private_tiff(scan, (struct span){data.at + 6, data.n > 6 ? data.n - 6 : 0}, false);
    else if (marker == JPEG_APP1 && scan_is(scan, data.at, xmp))
        private_xmp(scan, (struct span){data.at + xmp.n, data.n > xmp.n ? data.n - xmp.n : 0});
    else if (marker == JPEG_APP1 && scan_is(scan, data.at, xmp_rest))
        scan_blank(scan, data, 0); /* one packet over several segments */
    else if (marker == JPEG_APP13 && scan_is(scan, data.at, photoshop) && data.n > photoshop.n)
        private_photoshop(scan, (struct span){data.at + photoshop.n, data.n - photoshop.n});
}

/* The next marker in or behind entropy-coded data; the file's length when there is none. */
static uint64_t next_marker(const struct scan *scan, uint64_t at)
{
    while (at + 1 < scan->file.n) {
        const char *found = memchr(scan->file.p + at, 0xff, scan->file.n - 1 - at);

        if (!found)
            break;
        at = (uint64_t)(found - scan->file.p);
        unsigned char code = (unsigned char)found[1];
        if (code != 0 && code != 0xff && (code < 0xd0 || code > 0xd7))
            return at;
        at += code == 0xff ? 1 : 2;
    }
    return scan->file.n;
}

/* One picture, from its SOI; returns where it ends. */
static uint64_t look_at_jpeg(struct scan *scan, uint64_t at)
{
    at += 2;
    while ((at = next_marker(scan, at)) < scan->file.n && scan_step(scan)) {
        unsigned marker = (unsigned char)scan->file.p[at + 1];

        if (marker == JPEG_EOI)
            return at + 2;
        if (marker == JPEG_SOI || marker == 0x01) {
            at += 2;
            continue;
        }
        if (!scan_holds(scan, at + 2, 2))
            break;
        uint64_t n = scan_number(scan, at + 2, 2, false);
        if (n >= 2)
            look_at_app(scan, marker, (struct span){at + 4, n - 2});
        at += 2 + n;
    }
    return scan->file.n;
}

/* Behind a picture may stand others (MPF) and a clip (motion photos), with metadata of their own.
 */
static void look_at_jpegs(struct scan *scan, uint64_t at)
{
    static const struct slice soi = SLICE_INIT("\xff\xd8\xff"), ftyp = SLICE_INIT("ftyp");

    while (at < scan->file.n && scan_step(scan)) {
        at = look_at_jpeg(scan, at);
        struct slice rest = slice_from_offset(scan->file, at < scan->file.n ? at : scan->file.n);
        const char *clip = memmem(rest.p, rest.n, ftyp.p, ftyp.n);
        const char *next = memmem(rest.p, rest.n, soi.p, soi.n);

        if (clip && clip - rest.p >= 4 && (!next || clip < next)) {
            uint64_t begin = (uint64_t)(clip - scan->file.p) - 4;
            private_boxes(scan, (struct span){begin, scan->file.n - begin});
            return;
        }
        at = next ? (uint64_t)(next - scan->file.p) : scan->file.n;
    }
}

/* -- PNG --------------------------------------------------------------------------------------- */

/* The checksum of a chunk as it will be read, with the ranges that were added since `first`. */
static void put_checksum(struct scan *scan, uint64_t at, uint64_t n, size_t first)
{
    struct mask *mask = scan->mask;
    char *bytes = arena_cstr(mask->arena, scan_slice(scan, (struct span){at + 4, n + 4}));

    for (size_t i = first; i < mask->n; i++) {
        const struct mask_range *range = &mask->ranges[i];
        memset(bytes + (range->offset - at - 4), range->fill, range->length);
    }
    uint32_t crc = text_crc32((struct slice){bytes, n + 4});
    const char sum[] = {(char)(crc >> 24), (char)(crc >> 16), (char)(crc >> 8), (char)crc};
    mask_put(mask, at + 8 + n, (struct slice){sum, sizeof sum});
}

/* A chunk of a type that nobody knows, copied along and not looked at. */
static void blank_chunk(struct scan *scan, uint64_t at, uint64_t n)
{
    mask_put(scan->mask, at + 4, SLICE("blNk"));
    scan_blank(scan, (struct span){at + 8, n}, 0);
}

/* Keywords of texts that stay: what programs say of the picture itself. */
static bool is_plain_text(const struct scan *scan, uint64_t at)
{
    static const struct slice kept[] = {
        SLICE_INIT("Title\0"),       SLICE_INIT("Software\0"),   SLICE_INIT("Description\0"),
        SLICE_INIT("Comment\0"),     SLICE_INIT("Copyright\0"),  SLICE_INIT("Creation Time\0"),
        SLICE_INIT("Warning\0"),     SLICE_INIT("Disclaimer\0"), SLICE_INIT("date:create\0"),
        SLICE_INIT("date:modify\0"),
    };

    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (scan_is(scan, at, kept[i]))
            return true;
    return false;
}

static bool is_text(const struct scan *scan, uint64_t at)
{
    return scan_is(scan, at, SLICE("tEXt")) || scan_is(scan, at, SLICE("zTXt")) ||
           scan_is(scan, at, SLICE("iTXt"));
}

static void look_at_chunk(struct scan *scan, uint64_t at, uint64_t n)
{
    /* Neither compressed, nor with a language or a translated keyword. */
    static const struct slice xmp = SLICE_INIT("XML:com.adobe.xmp\0\0\0\0\0");
    enum { CHUNK_MAX = 64 << 20 };
    size_t first = scan->mask->n;

    if (scan_is(scan, at + 4, SLICE("eXIf")))
        private_tiff(scan, (struct span){at + 8, n}, false);
    else if (!is_text(scan, at + 4) || is_plain_text(scan, at + 8))
        return;
    else if (scan_is(scan, at + 8, xmp) && n >= xmp.n)
        private_xmp(scan, (struct span){at + 8 + xmp.n, n - xmp.n});
    else
        blank_chunk(scan, at, n);
    if (n > CHUNK_MAX)
        scan->mask->overflow = true;
    if (scan->mask->n > first && !scan->mask->overflow)
        put_checksum(scan, at, n, first);
}

static void look_at_png(struct scan *scan)
{
    uint64_t at = 8;

    while (scan_holds(scan, at, 12) && scan_step(scan)) {
        uint64_t n = scan_number(scan, at, 4, false);

        if (!scan_holds(scan, at + 12, n)) /* cut off: what is left may be anything */
            n = scan->file.n - at - 12;
        look_at_chunk(scan, at, n);
        at += 12 + n;
    }
}

/* -- WebP -------------------------------------------------------------------------------------- */

static void look_at_webp(struct scan *scan)
{
    uint64_t at = 12;

    while (scan_holds(scan, at, 8) && scan_step(scan)) {
        struct span data = {at + 8, scan_number(scan, at + 4, 4, true)};
        uint64_t head = scan_is(scan, data.at, exif_head) && data.n >= 6 ? 6 : 0;

        if (scan_is(scan, at, SLICE("EXIF")))
            private_tiff(scan, (struct span){data.at + head, data.n - head}, false);
        else if (scan_is(scan, at, SLICE("XMP ")))
            private_xmp(scan, data);
        at = data.at + ((data.n + 1) & ~UINT64_C(1));
    }
}

/* -- Which of them ----------------------------------------------------------------------------- */

static bool is_tiff(const struct scan *scan)
{
    static const struct slice heads[] = {SLICE_INIT("II*\0"), SLICE_INIT("MM\0*"),
                                         SLICE_INIT("IIRO"),  SLICE_INIT("IIRS"),
                                         SLICE_INIT("MMOR"),  SLICE_INIT("IIU\0")};

    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (scan_is(scan, 0, heads[i]))
            return true;
    return false;
}

static bool is_iso(const struct scan *scan)
{
    static const struct slice types[] = {SLICE_INIT("ftyp"), SLICE_INIT("moov"), SLICE_INIT("mdat"),
                                         SLICE_INIT("wide"), SLICE_INIT("free"), SLICE_INIT("skip"),
                                         SLICE_INIT("pnot"), SLICE_INIT("uuid")};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (scan_is(scan, 4, types[i]))
            return true;
    return false;
}

bool private_find(struct slice file, struct mask *mask)
{
    struct scan scan = {.file = file, .mask = mask};

    if (scan_is(&scan, 0, SLICE("\xff\xd8")))
        look_at_jpegs(&scan, 0);
    else if (scan_is(&scan, 0, SLICE("\x89PNG\r\n\x1a\n")))
        look_at_png(&scan);
    else if (scan_is(&scan, 0, SLICE("RIFF")) && scan_is(&scan, 8, SLICE("WEBP")))
        look_at_webp(&scan);
    else if (is_tiff(&scan))
        private_tiff(&scan, (struct span){0, file.n}, false);
    else if (scan_is(&scan, 0, SLICE("II+\0")) || scan_is(&scan, 0, SLICE("MM\0+")))
        return false; /* BigTIFF: nothing here follows 64-bit directories */
    else if (is_iso(&scan))
        private_boxes(&scan, (struct span){0, file.n});
    mask_finish(mask);
    return !mask->overflow && scan.steps <= PRIVATE_STEPS;
}
