#include "decode/private_scan.h"

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
    ENTRY_BYTES = 12,
};

/* Artist, OwnerName, SerialNumber and CameraSerialNumber of raw converters, CameraOwnerName,
 * BodySerialNumber, LensSerialNumber, Photographer, ImageEditor, XPAuthor, MakerNote,
 * DNGPrivateData, OriginalRawFileData, KodakIFD, AFCP's IPTC; where a map lies (GeoTIFF). */
static const uint16_t private_tags[] = {0x013b, 0xfde8, 0xfde9, 0xc62f, 0xa430, 0xa431, 0xa435,
                                        0xa437, 0xa438, 0x9c9d, 0x927c, 0xc634, 0xc68c, 0xfe00,
                                        0x8568, 0x8482, 0x85d8, 0x87b0, 0x87b1};

struct tiff {
    struct scan *scan;
    struct span span;
    bool little_endian;
    unsigned ifds;
};

struct entry {
    unsigned tag, type;
    uint64_t count;
    struct span value; /* in the file */
};

static uint64_t number(struct tiff *tiff, uint64_t offset, unsigned width)
{
    if (offset > tiff->span.n || width > tiff->span.n - offset) {
        tiff->scan->broken = true;
        return 0;
    }
    return scan_number(tiff->scan, tiff->span.at + offset, width, tiff->little_endian);
}

static struct entry entry_at(struct tiff *tiff, uint64_t offset)
{
    static const unsigned char widths[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4};
    struct entry entry = {
        .tag = (unsigned)number(tiff, offset, 2),
        .type = (unsigned)number(tiff, offset + 2, 2),
        .count = number(tiff, offset + 4, 4),
    };
    uint64_t n = entry.count * (entry.type < sizeof widths ? widths[entry.type] : 1);
    uint64_t at = n <= 4 ? offset + 8 : number(tiff, offset + 8, 4);

    if (at > tiff->span.n)
        at = tiff->span.n;
    entry.value = (struct span){tiff->span.at + at, n};
    if (n > tiff->span.n - at)
        entry.value.n = tiff->span.n - at;
    return entry;
}

static bool is_private(unsigned tag)
{
    for (size_t i = 0; i < sizeof private_tags / sizeof *private_tags; i++)
        if (private_tags[i] == tag)
            return true;
    return false;
}

/* An empty directory, and nothing left of what it listed. */
static void blank_ifd(struct tiff *tiff, uint64_t offset)
{
    uint64_t n = number(tiff, offset, 2);

    for (uint64_t i = 0; i < n && scan_step(tiff->scan); i++)
        scan_blank(tiff->scan, entry_at(tiff, offset + 2 + i * ENTRY_BYTES).value, 0);
    uint64_t bytes = 2 + n * ENTRY_BYTES, left = tiff->span.n > offset ? tiff->span.n - offset : 0;
    scan_blank(tiff->scan, (struct span){tiff->span.at + offset, bytes < left ? bytes : left}, 0);
}

static void walk(struct tiff *tiff, uint64_t offset, unsigned depth);

static void walk_listed(struct tiff *tiff, const struct entry *entry, unsigned depth)
{
    for (uint64_t i = 0; i < entry->count && (i + 1) * 4 <= entry->value.n; i++)
        walk(tiff, number(tiff, entry->value.at - tiff->span.at + i * 4, 4), depth + 1);
}

static void look_at(struct tiff *tiff, const struct entry *entry, unsigned depth)
{
    switch (entry->tag) {
    case TAG_GPS_IFD:
        blank_ifd(tiff, number(tiff, entry->value.at - tiff->span.at, 4));
        break;
    case TAG_EXIF_IFD:
    case TAG_SUB_IFDS:
        walk_listed(tiff, entry, depth);
        break;
    case TAG_XMP:
        private_xmp(tiff->scan, entry->value);
        break;
    case TAG_PHOTOSHOP:
        private_photoshop(tiff->scan, entry->value);
        break;
    case TAG_IPTC:
        scan_blank(tiff->scan, entry->value, 0);
        break;
    default:
        if (is_private(entry->tag))
            scan_blank(tiff->scan, entry->value, 0);
    }
}

/* A picture within: a thumbnail, the preview of a raw file. */
struct preview {
    uint64_t at, n; /* from the structure's first byte */
};

static void note_preview(struct tiff *tiff, const struct entry *entry, struct preview *preview)
{
    enum { SHORT = 3 };

    if (entry->count != 1)
        return;
    uint64_t value = number(tiff, entry->value.at - tiff->span.at, entry->type == SHORT ? 2 : 4);
    if (entry->tag == TAG_JPEG_AT || entry->tag == TAG_STRIP_AT)
        preview->at = value;
    else if (entry->tag == TAG_JPEG_BYTES || entry->tag == TAG_STRIP_BYTES)
        preview->n = value;
}

static void look_at_preview(struct tiff *tiff, const struct preview *preview)
{
    uint64_t at = tiff->span.at + preview->at;

    if (preview->at && preview->at < tiff->span.n &&
        scan_is(tiff->scan, at, SLICE("\xff\xd8\xff"))) {
        uint64_t left = tiff->span.n - preview->at;
        private_jpeg(tiff->scan, (struct span){at, preview->n < left ? preview->n : left});
    }
}

/* A chain of directories; those that only repeat themselves end at MAX_IFDS. */
static void walk(struct tiff *tiff, uint64_t offset, unsigned depth)
{
    if (depth > MAX_DEPTH)
        tiff->scan->broken = true;
    while (offset && !tiff->scan->broken) {
        uint64_t n = number(tiff, offset, 2);
        struct preview preview = {0};

        if (++tiff->ifds > MAX_IFDS)
            tiff->scan->broken = true;
        for (uint64_t i = 0; i < n && scan_step(tiff->scan); i++) {
            struct entry entry = entry_at(tiff, offset + 2 + i * ENTRY_BYTES);
            look_at(tiff, &entry, depth);
            note_preview(tiff, &entry, &preview);
        }
        look_at_preview(tiff, &preview);
        uint64_t next = offset + 2 + n * ENTRY_BYTES;
        /* Cameras leave the end of the chain out when a directory is the last thing of all. */
        offset = next + 4 <= tiff->span.n ? number(tiff, next, 4) : 0;
    }
}

bool private_tiff(struct scan *scan, struct span span, bool gps_first)
{
    struct tiff tiff = {.scan = scan, .span = span};
    bool broken = scan->broken;

    if (!scan_holds(scan, span.at, span.n))
        tiff.span.n = span.at < scan->file.n ? scan->file.n - span.at : 0;
    scan->broken = false;
    tiff.little_endian = number(&tiff, 0, 2) == 0x4949;
    uint64_t first = number(&tiff, 4, 4);
    if (!tiff.little_endian && number(&tiff, 0, 2) != 0x4d4d)
        scan->broken = true;
    if (scan->broken)
        first = 0;
    if (gps_first && first)
        blank_ifd(&tiff, first);
    else
        walk(&tiff, first, 0);
    bool followed = !scan->broken;
    if (!followed)
        scan_blank(scan, span, 0);
    scan->broken = broken || scan->steps > PRIVATE_STEPS;
    return followed;
}
