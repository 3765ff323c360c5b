#include "decode/private_scan.h"
#include "decode/tiff.h"

enum {
    TAG_STRIP_AT = 0x0111,
    TAG_STRIP_BYTES = 0x0117,
    TAG_SUB_IFDS = 0x014a,
    TAG_JPEG_AT = 0x0201,
    TAG_JPEG_BYTES = 0x0202,
    TAG_XMP = 0x02bc,
    TAG_IPTC = 0x83bb,
    TAG_PHOTOSHOP = 0x8649,
    TAG_EXIF_IFD = 0x8769,
    TAG_GPS_IFD = 0x8825,
    MAX_DEPTH = 6,
    MAX_IFDS = 4096, /* a scanner's pages */
};

/* Artist, OwnerName, SerialNumber and CameraSerialNumber of raw converters, CameraOwnerName,
 * BodySerialNumber, LensSerialNumber, Photographer, ImageEditor, XPAuthor, MakerNote,
 * DNGPrivateData, OriginalRawFileData, KodakIFD, AFCP's IPTC; where a map lies (GeoTIFF). */
static const uint16_t private_tags[] = {0x013b, 0xfde8, 0xfde9, 0xc62f, 0xa430, 0xa431, 0xa435,
                                        0xa437, 0xa438, 0x9c9d, 0x927c, 0xc634, 0xc68c, 0xfe00,
                                        0x8568, 0x8482, 0x85d8, 0x87b0, 0x87b1};

struct walk {
    struct scan *scan;
    struct span span; /* of the structure, in the file */
    struct tiff tiff;
    unsigned ifds;
};

/* In the file. */
static struct span place_of(const struct walk *walk, const struct tiff_entry *entry)
{
    return (struct span){walk->span.at + entry->at, entry->n};
}

static bool may_go_on(struct walk *walk)
{
    return !walk->tiff.broken && scan_step(walk->scan);
}

static bool is_private(unsigned tag)
{
    for (size_t i = 0; i < sizeof private_tags / sizeof *private_tags; i++)
        if (private_tags[i] == tag)
            return true;
    return false;
}

/* An empty directory, and nothing left of what it listed. */
static void blank_ifd(struct walk *walk, uint64_t at)
{
    struct tiff_ifd ifd;

    if (!tiff_ifd(&walk->tiff, at, &ifd))
        return;
    for (uint64_t i = 0; i < ifd.n && may_go_on(walk); i++) {
        struct tiff_entry entry = tiff_entry(&walk->tiff, &ifd, i);
        scan_blank(walk->scan, place_of(walk, &entry), 0);
    }
    scan_blank(walk->scan, (struct span){walk->span.at + at, ifd.end - at}, 0);
}

/* NOLINTBEGIN(misc-no-recursion): up to MAX_DEPTH */

static void walk_chain(struct walk *walk, uint64_t at, unsigned depth);

static void walk_listed(struct walk *walk, const struct tiff_entry *entry, unsigned depth)
{
    for (uint64_t i = 0; i < entry->count && (i + 1) * 4 <= entry->n; i++)
        walk_chain(walk, tiff_number(&walk->tiff, entry->at + i * 4, 4), depth + 1);
}

static void look_at(struct walk *walk, const struct tiff_entry *entry, unsigned depth)
{
    struct span value = place_of(walk, entry);

    switch (entry->tag) {
    case TAG_GPS_IFD:
        blank_ifd(walk, tiff_number(&walk->tiff, entry->at, 4));
        break;
    case TAG_EXIF_IFD:
    case TAG_SUB_IFDS:
        walk_listed(walk, entry, depth);
        break;
    case TAG_XMP:
        private_xmp(walk->scan, value);
        break;
    case TAG_PHOTOSHOP:
        private_photoshop(walk->scan, value);
        break;
    case TAG_IPTC:
        scan_blank(walk->scan, value, 0);
        break;
    default:
        if (is_private(entry->tag))
            scan_blank(walk->scan, value, 0);
    }
}

/* A picture within: a thumbnail, the preview of a raw file. */
struct preview {
    uint64_t at, n; /* from the structure's first byte */
};

static void note_preview(struct walk *walk, const struct tiff_entry *entry, struct preview *preview)
{
    enum { SHORT = 3 };

    if (entry->count != 1)
        return;
    uint64_t value = tiff_number(&walk->tiff, entry->at, entry->type == SHORT ? 2 : 4);
    if (entry->tag == TAG_JPEG_AT || entry->tag == TAG_STRIP_AT)
        preview->at = value;
    else if (entry->tag == TAG_JPEG_BYTES || entry->tag == TAG_STRIP_BYTES)
        preview->n = value;
}

static void look_at_preview(struct walk *walk, const struct preview *preview)
{
    uint64_t at = walk->span.at + preview->at;

    if (preview->at && preview->at < walk->span.n &&
        scan_is(walk->scan, at, SLICE("\xff\xd8\xff"))) {
        uint64_t left = walk->span.n - preview->at;
        private_jpeg(walk->scan, (struct span){at, preview->n < left ? preview->n : left});
    }
}

/* Those that only repeat themselves end at MAX_IFDS. */
static void walk_chain(struct walk *walk, uint64_t at, unsigned depth)
{
    struct tiff_ifd ifd;

    if (depth > MAX_DEPTH)
        walk->tiff.broken = true;
    while (at && may_go_on(walk) && tiff_ifd(&walk->tiff, at, &ifd)) {
        struct preview preview = {0};

        if (++walk->ifds > MAX_IFDS)
            walk->tiff.broken = true;
        for (uint64_t i = 0; i < ifd.n && may_go_on(walk); i++) {
            struct tiff_entry entry = tiff_entry(&walk->tiff, &ifd, i);
            look_at(walk, &entry, depth);
            note_preview(walk, &entry, &preview);
        }
        look_at_preview(walk, &preview);
        at = ifd.next;
    }
}

/* NOLINTEND(misc-no-recursion) */

bool private_tiff(struct scan *scan, struct span span, bool gps_first)
{
    struct walk walk = {.scan = scan, .span = span};
    bool broken = scan->broken;

    if (!scan_holds(scan, span.at, span.n))
        walk.span.n = span.at < scan->file.n ? scan->file.n - span.at : 0;
    scan->broken = false;
    if (!tiff_open(scan_slice(scan, walk.span), &walk.tiff) || walk.tiff.big)
        walk.tiff.broken = true;
    else if (gps_first && walk.tiff.first)
        blank_ifd(&walk, walk.tiff.first);
    else
        walk_chain(&walk, walk.tiff.first, 0);
    bool followed = !walk.tiff.broken && !scan->broken;
    if (!followed)
        scan_blank(scan, span, 0);
    scan->broken = broken || scan->steps > SCAN_STEPS;
    return followed;
}
