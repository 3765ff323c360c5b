#include "decode/private.h"

#include "base/text.h"
#include "decode/private_scan.h"

#include <string.h>

/* Behind the end of what the format knows. */
static void blank_rest(struct scan *scan, uint64_t at)
{
    if (at < scan->file.n)
        scan_blank(scan, (struct span){at, scan->file.n - at}, 0);
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

/* Chunks that tell of the picture alone: of the standard, of its extensions, of animations. */
static bool is_of_the_picture(const struct scan *scan, uint64_t at)
{
    static const struct slice kept[] = {
        SLICE_INIT("IHDR"), SLICE_INIT("PLTE"), SLICE_INIT("IDAT"), SLICE_INIT("IEND"),
        SLICE_INIT("tRNS"), SLICE_INIT("cHRM"), SLICE_INIT("gAMA"), SLICE_INIT("iCCP"),
        SLICE_INIT("sBIT"), SLICE_INIT("sRGB"), SLICE_INIT("cICP"), SLICE_INIT("mDCV"),
        SLICE_INIT("cLLI"), SLICE_INIT("mDCv"), SLICE_INIT("cLLi"), SLICE_INIT("bKGD"),
        SLICE_INIT("hIST"), SLICE_INIT("pHYs"), SLICE_INIT("sPLT"), SLICE_INIT("tIME"),
        SLICE_INIT("acTL"), SLICE_INIT("fcTL"), SLICE_INIT("fdAT"), SLICE_INIT("oFFs"),
        SLICE_INIT("pCAL"), SLICE_INIT("sCAL"), SLICE_INIT("sTER"), SLICE_INIT("gIFg"),
        SLICE_INIT("CgBI"), SLICE_INIT("iDOT"),
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

    bool text = is_text(scan, at + 4);

    if (is_of_the_picture(scan, at + 4) || (text && is_plain_text(scan, at + 8)))
        return;
    if (scan_is(scan, at + 4, SLICE("eXIf")))
        private_tiff(scan, (struct span){at + 8, n}, false);
    else if (text && scan_is(scan, at + 8, xmp) && n >= xmp.n)
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
        bool last = scan_is(scan, at + 4, SLICE("IEND"));
        look_at_chunk(scan, at, n);
        at += 12 + n;
        if (last)
            break;
    }
    blank_rest(scan, at);
}

/* -- WebP -------------------------------------------------------------------------------------- */

static bool is_webp_picture(const struct scan *scan, uint64_t at)
{
    static const struct slice kept[] = {SLICE_INIT("VP8 "), SLICE_INIT("VP8L"), SLICE_INIT("VP8X"),
                                        SLICE_INIT("ALPH"), SLICE_INIT("ANIM"), SLICE_INIT("ANMF"),
                                        SLICE_INIT("ICCP")};

    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (scan_is(scan, at, kept[i]))
            return true;
    return false;
}

static void look_at_webp(struct scan *scan)
{
    static const struct slice exif_head = SLICE_INIT("Exif\0");
    uint64_t at = 12;

    while (scan_holds(scan, at, 8) && scan_step(scan)) {
        struct span data = {at + 8, scan_number(scan, at + 4, 4, true)};
        uint64_t head = scan_is(scan, data.at, exif_head) && data.n >= 6 ? 6 : 0;

        if (scan_is(scan, at, SLICE("EXIF")))
            private_tiff(scan, (struct span){data.at + head, data.n - head}, false);
        else if (scan_is(scan, at, SLICE("XMP ")))
            private_xmp(scan, data);
        else if (!is_webp_picture(scan, at))
            scan_blank(scan, data, 0);
        at = data.at + ((data.n + 1) & ~UINT64_C(1));
    }
    blank_rest(scan, at);
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
        private_jpeg(&scan, (struct span){0, file.n});
    else if (scan_is(&scan, 0, SLICE("\x89PNG\r\n\x1a\n")))
        look_at_png(&scan);
    else if (scan_is(&scan, 0, SLICE("RIFF")) && scan_is(&scan, 8, SLICE("WEBP")))
        look_at_webp(&scan);
    else if (is_tiff(&scan))
        mask->overflow |= !private_tiff(&scan, (struct span){0, file.n}, false);
    else if (scan_is(&scan, 0, SLICE("II+\0")) || scan_is(&scan, 0, SLICE("MM\0+")))
        return false; /* BigTIFF: nothing here follows 64-bit directories */
    else if (is_iso(&scan))
        private_boxes(&scan, (struct span){0, file.n});
    else if (scan_is(&scan, 0, SLICE("GIF8")))
        private_gif(&scan);
    else if (scan_is(&scan, 0, SLICE("RIFF")) && scan_is(&scan, 8, SLICE("AVI ")))
        private_avi(&scan);
    else if (scan_is(&scan, 0, SLICE("\x1a\x45\xdf\xa3")))
        private_matroska(&scan);
    mask_finish(mask);
    return !mask->overflow && scan.steps <= SCAN_STEPS;
}
