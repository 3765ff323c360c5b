/* JPEG: segments of programs, and what follows the end of the picture. */
#include "decode/private_scan.h"

#include <string.h>

enum {
    JPEG_SOI = 0xd8,
    JPEG_EOI = 0xd9,
    JPEG_APP0 = 0xe0,
    JPEG_APP1 = 0xe1,
    JPEG_APP2 = 0xe2,
    JPEG_APP13 = 0xed,
    JPEG_APP14 = 0xee,
    JPEG_APP15 = 0xef,
    MAX_DEPTH = 4, /* of pictures within pictures' metadata */
};

/* Segments that tell of the picture alone, by how they begin. */
static bool is_of_the_picture(const struct scan *scan, unsigned marker, struct span data)
{
    static const struct {
        unsigned marker;
        struct slice head;
    } kept[] = {
        {JPEG_APP0, SLICE_INIT("JFIF\0")},
        {JPEG_APP0, SLICE_INIT("JFXX\0")},
        {JPEG_APP0, SLICE_INIT("AVI1")},
        {JPEG_APP2, SLICE_INIT("ICC_PROFILE\0")},
        {JPEG_APP2, SLICE_INIT("MPF\0")},
        {JPEG_APP2, SLICE_INIT("urn:iso:std:iso:ts:21496:-1\0")}, /* gain map */
        {JPEG_APP14, SLICE_INIT("Adobe")},
    };

    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (marker == kept[i].marker && data.n >= kept[i].head.n &&
            scan_is(scan, data.at, kept[i].head))
            return true;
    return false;
}

static struct span behind(struct span data, size_t head)
{
    return (struct span){data.at + head, data.n > head ? data.n - head : 0};
}

/* Cameras write their numbers and places into segments of their own kind too (GoPro, DJI, Ricoh,
 * FLIR, C2PA): what is not known to tell of the picture alone does not stay. */
static void look_at_app(struct scan *scan, unsigned marker, struct span data)
{
    static const struct slice exif = SLICE_INIT("Exif\0");
    static const struct slice xmp = SLICE_INIT("http://ns.adobe.com/xap/1.0/\0");
    static const struct slice photoshop = SLICE_INIT("Photoshop 3.0\0");

    if (marker < JPEG_APP0 || marker > JPEG_APP15 || is_of_the_picture(scan, marker, data))
        return;
    if (marker == JPEG_APP1 && scan_is(scan, data.at, exif))
        private_tiff(scan, behind(data, exif.n + 1), false);
    else if (marker == JPEG_APP1 && scan_is(scan, data.at, xmp))
        private_xmp(scan, behind(data, xmp.n));
    else if (marker == JPEG_APP13 && scan_is(scan, data.at, photoshop))
        private_photoshop(scan, behind(data, photoshop.n));
    else
        scan_blank(scan, data, 0);
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
static uint64_t look_at_picture(struct scan *scan, uint64_t at)
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
 * What else stands there are the notes of some telephone or program. */
static void look_at_pictures(struct scan *scan, uint64_t at)
{
    static const struct slice soi = SLICE_INIT("\xff\xd8\xff"), ftyp = SLICE_INIT("ftyp");

    while (at < scan->file.n && scan_step(scan)) {
        uint64_t end = look_at_picture(scan, at);
        struct slice rest = scan_slice(scan, (struct span){end, scan->file.n});
        const char *clip = memmem(rest.p, rest.n, ftyp.p, ftyp.n);
        const char *next = memmem(rest.p, rest.n, soi.p, soi.n);

        if (clip && (clip - rest.p < 4 || (next && next < clip)))
            clip = NULL;
        at = scan->file.n;
        if (clip)
            at = (uint64_t)(clip - scan->file.p) - 4;
        else if (next)
            at = (uint64_t)(next - scan->file.p);
        if (at > end)
            scan_blank(scan, (struct span){end, at - end}, 0);
        if (clip) {
            private_boxes(scan, (struct span){at, scan->file.n - at});
            return;
        }
    }
}

void private_jpeg(struct scan *scan, struct span jpeg)
{
    struct scan within = *scan;

    if (++within.depth > MAX_DEPTH) {
        scan_blank(scan, jpeg, 0);
        return;
    }
    struct slice bytes = scan_slice(scan, jpeg);
    within.file.n = jpeg.at + bytes.n;
    if (bytes.n)
        look_at_pictures(&within, jpeg.at);
    scan->steps = within.steps;
    scan->broken |= within.broken;
}
