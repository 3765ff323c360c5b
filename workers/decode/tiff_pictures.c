#include "decode/tiff_pictures.h"

#include "decode/bytes.h"
#include "decode/tiff.h"

#include <math.h>

enum {
    MAX_PAGES = 64,
    MAX_SUBIFDS = 16,
    MAX_ENTRIES = 1000,
    PREVIEW_MIN_EDGE = 320, /* less is a camera's own thumbnail */
};

enum tag {
    TAG_WIDTH = 256,
    TAG_HEIGHT = 257,
    TAG_COMPRESSION = 259,
    TAG_PHOTOMETRIC = 262,
    TAG_STRIP_OFFSETS = 273,
    TAG_STRIP_BYTES = 279,
    TAG_SUBIFDS = 330,
    TAG_JPEG_OFFSET = 513,
    TAG_JPEG_BYTES = 514,
    TAG_DNG_VERSION = 50706,
};

struct directory {
    double width, height, compression, photometric;
    double strip_at, strip_bytes, strips, jpeg_at, jpeg_bytes;
    bool dng;
    struct tiff_entry subifds;
};

struct search {
    struct tiff tiff;
    struct tiff_pictures *out;
    double first_width, first_height, best_area, preview_area;
};

static void take_entry(struct tiff *tiff, const struct tiff_entry *entry, struct directory *out)
{
    double value = 0;

    if (entry->tag == TAG_DNG_VERSION)
        out->dng = true;
    if (entry->tag == TAG_SUBIFDS)
        out->subifds = *entry;
    if (!tiff_real(tiff, entry, 0, &value) || value < 0)
        return;
    switch (entry->tag) {
    case TAG_WIDTH:
        out->width = value;
        break;
    case TAG_HEIGHT:
        out->height = value;
        break;
    case TAG_COMPRESSION:
        out->compression = value;
        break;
    case TAG_PHOTOMETRIC:
        out->photometric = value;
        break;
    case TAG_STRIP_OFFSETS:
        out->strip_at = value;
        out->strips = (double)entry->count;
        break;
    case TAG_STRIP_BYTES:
        out->strip_bytes = value;
        break;
    case TAG_JPEG_OFFSET:
        out->jpeg_at = value;
        break;
    case TAG_JPEG_BYTES:
        out->jpeg_bytes = value;
        break;
    default:
        break;
    }
}

/* False: there is none, or one that nobody would write. */
static bool read_directory(struct tiff *tiff, uint64_t at, struct directory *out, uint64_t *next)
{
    struct tiff_ifd ifd;

    *out = (struct directory){0};
    if (!tiff_ifd(tiff, at, &ifd) || ifd.n > MAX_ENTRIES)
        return false;
    for (uint64_t i = 0; i < ifd.n; i++) {
        struct tiff_entry entry = tiff_entry(tiff, &ifd, i);

        take_entry(tiff, &entry, out);
    }
    *next = ifd.next;
    return true;
}

/* Colour filter arrays and what was made linear of them; Nikon's and Sony's own compressions. */
static bool is_raw(const struct directory *directory)
{
    return directory->photometric == 32803 || directory->photometric == 34892 ||
           directory->compression == 34713 || directory->compression == 32767 || directory->dng;
}

/* -- JPEG files in it -- */

/* The frame that all can decode: Huffman, 8 bits (ITU-T T.81 section B.2.2). */
static bool frame_size(struct slice file, double *width, double *height)
{
    size_t at = 2;

    if (!slice_starts_with(file, SLICE("\xff\xd8\xff")))
        return false;
    while (at + 9 < file.n && (unsigned char)file.p[at] == 0xff) {
        unsigned marker = (unsigned char)file.p[at + 1];
        uint64_t n = bytes_number(file.p + at + 2, 2, false);

        if (marker >= 0xc0 && marker <= 0xc2) {
            *height = (double)bytes_number(file.p + at + 5, 2, false);
            *width = (double)bytes_number(file.p + at + 7, 2, false);
            return file.p[at + 4] == 8;
        }
        if (marker == 0xda || (marker >= 0xc3 && marker <= 0xcf && marker != 0xc4 &&
                               marker != 0xc8 && marker != 0xcc))
            return false;
        at += 2 + (size_t)n;
    }
    return false;
}

static void take_jpeg(struct search *search, double at, double bytes)
{
    struct slice all = search->tiff.bytes;
    double width, height;

    if (at <= 0 || at >= (double)all.n)
        return;
    struct slice file = slice_from_offset(all, (size_t)at);
    if (bytes < (double)file.n)
        file.n = (size_t)bytes;
    if (!frame_size(file, &width, &height) || fmax(width, height) < PREVIEW_MIN_EDGE ||
        width * height <= search->preview_area)
        return;
    search->preview_area = width * height;
    search->out->preview = file;
}

/* -- All directories -- */

static void look_at(struct search *search, const struct directory *directory, unsigned page,
                    int subifd)
{
    double area = directory->width * directory->height;
    bool first = page == 0 && subifd < 0;

    if (is_raw(directory))
        search->out->raw = true;
    take_jpeg(search, directory->jpeg_at, directory->jpeg_bytes);
    if (directory->strips == 1 && (directory->compression == 6 || directory->compression == 7))
        take_jpeg(search, directory->strip_at, directory->strip_bytes);
    if (first) {
        search->first_width = directory->width;
        search->first_height = directory->height;
    }
    /* Levels of a pyramid are rounded; pages of a document may be of any shape. */
    double skew =
        fabs(directory->width * search->first_height - directory->height * search->first_width);
    double rounded = fmax(search->first_width, search->first_height) +
                     0.01 * directory->width * search->first_height;
    if (!first && (area <= search->best_area || skew > rounded))
        return;
    search->best_area = area;
    search->out->page = page;
    search->out->subifd = subifd;
}

static void look_at_subifds(struct search *search, const struct directory *directory, unsigned page)
{
    struct directory below;
    uint64_t next;
    double at;

    for (int i = 0; i < MAX_SUBIFDS && (uint64_t)i < directory->subifds.count; i++) {
        struct tiff_entry list = directory->subifds;

        /* A field of type IFD is a LONG. */
        if (list.type == 13)
            list.type = 4;
        if (tiff_real(&search->tiff, &list, (uint64_t)i, &at) && at > 0 &&
            read_directory(&search->tiff, (uint64_t)at, &below, &next))
            look_at(search, &below, page, i);
    }
}

bool tiff_pictures(struct slice file, struct tiff_pictures *out)
{
    struct search search = {.out = out};
    struct directory directory;

    *out = (struct tiff_pictures){.subifd = -1};
    if (!slice_starts_with(file, SLICE("II*\0")) && !slice_starts_with(file, SLICE("MM\0*")) &&
        !slice_starts_with(file, SLICE("II+\0")) && !slice_starts_with(file, SLICE("MM\0+")))
        return false;
    tiff_open(file, &search.tiff);
    out->raw = file.n > 10 && file.p[8] == 'C' && file.p[9] == 'R'; /* CR2 */
    uint64_t at = search.tiff.first;
    for (unsigned page = 0; page < MAX_PAGES && at > 0; page++) {
        if (!read_directory(&search.tiff, at, &directory, &at))
            break;
        look_at(&search, &directory, page, -1);
        look_at_subifds(&search, &directory, page);
    }
    return true;
}
