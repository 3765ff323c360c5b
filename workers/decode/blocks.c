#include "decode/blocks.h"

#include "base/buf.h"
#include "decode/boxes.h"
#include "decode/profile.h"
#include "decode/tiff.h"

#include <string.h>

enum { MAX_JOINED_BYTES = 4 << 20, MAX_XMP_BYTES = 4 << 20, MAX_DEPTH = 4 };

static const struct slice exif_head = SLICE_INIT("Exif\0");

struct search {
    struct arena *arena;
    struct blocks *blocks;
    struct buf parts; /* of a block in pieces */
    unsigned depth, texts;
};

static void add_exif(struct search *search, struct slice block)
{
    if (block.n && search->blocks->exif_n < BLOCKS_MAX)
        search->blocks->exif[search->blocks->exif_n++] = block;
}

/* Of packets of many megabytes only the front is looked at: items may share their bytes. */
static void add_xmp(struct search *search, struct slice block)
{
    if (block.n > MAX_XMP_BYTES)
        block.n = MAX_XMP_BYTES;
    if (block.n && search->blocks->xmp_n < BLOCKS_MAX)
        search->blocks->xmp[search->blocks->xmp_n++] = block;
}

static struct slice take_parts(struct search *search)
{
    struct slice joined = arena_dup(search->arena, buf_slice(&search->parts));

    buf_clear(&search->parts);
    return joined;
}

/* -- JPEG -------------------------------------------------------------------------------------- */

enum { JPEG_SOS = 0xda, JPEG_EOI = 0xd9, JPEG_APP1 = 0xe1 };

/* The next segment's marker, 0 at the end of the header; *data is what follows its length. */
static unsigned next_segment(struct scan *scan, uint64_t *at, struct span *data)
{
    while (scan_holds(scan, *at, 4) && scan_step(scan)) {
        unsigned mark = (unsigned)scan_number(scan, *at, 1, false);
        unsigned marker = (unsigned)scan_number(scan, *at + 1, 1, false);

        if (mark != 0xff || marker == 0xff || marker == 0) { /* filled up, or damaged */
            ++*at;
            continue;
        }
        if (marker == JPEG_SOS || marker == JPEG_EOI)
            return 0;
        *at += 2;
        if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8))
            continue;
        uint64_t n = scan_number(scan, *at, 2, false);
        *data = (struct span){*at + 2, n > 2 ? n - 2 : 0};
        *at += n > 2 ? n : 2;
        return marker;
    }
    return 0;
}

static bool begins_tiff(struct slice bytes)
{
    return slice_starts_with(bytes, SLICE("II*\0")) || slice_starts_with(bytes, SLICE("MM\0*"));
}

/* A block over 64 KiB goes on in the next segment, which repeats the head alone. */
static void take_exif_segment(struct search *search, struct slice data)
{
    if (search->blocks->exif_n == BLOCKS_MAX)
        return;
    data = slice_from_offset(data, data.n > 6 ? 6 : data.n);
    if (begins_tiff(data))
        add_exif(search, take_parts(search));
    buf_add(&search->parts, data);
}

static void look_at_jpeg(struct scan *scan, struct search *search)
{
    static const struct slice xmp = SLICE_INIT("http://ns.adobe.com/xap/1.0/\0");
    uint64_t at = 2;
    struct span data;
    unsigned marker;

    while ((marker = next_segment(scan, &at, &data))) {
        struct slice bytes = scan_slice(scan, data);

        if (marker != JPEG_APP1)
            continue;
        if (slice_starts_with(bytes, exif_head))
            take_exif_segment(search, bytes);
        else if (slice_starts_with(bytes, xmp))
            add_xmp(search, slice_from_offset(bytes, xmp.n));
    }
    add_exif(search, take_parts(search));
}

/* -- PNG --------------------------------------------------------------------------------------- */

static void look_at_text(struct search *search, struct slice type, struct slice data)
{
    static const struct slice xmp = SLICE_INIT("http://ns.adobe.com/xap/1.0/\0");
    struct slice keyword, text;

    if (search->texts == BLOCKS_MAX || !profile_text(search->arena, type, data, &keyword, &text))
        return;
    search->texts++;
    if (slice_eq(keyword, SLICE("XML:com.adobe.xmp"))) {
        add_xmp(search, text);
        return;
    }
    text = profile_unhex(search->arena, text);
    if (slice_eq(keyword, SLICE("Raw profile type xmp")))
        add_xmp(search, text);
    else if (slice_starts_with(text, xmp))
        add_xmp(search, slice_from_offset(text, xmp.n));
    else
        add_exif(search, text);
}

static void look_at_png(struct scan *scan, struct search *search)
{
    for (uint64_t at = 8; scan_holds(scan, at, 8) && scan_step(scan);) {
        uint64_t n = scan_number(scan, at, 4, false);
        struct slice type = scan_slice(scan, (struct span){at + 4, 4});
        struct slice data = scan_slice(scan, (struct span){at + 8, n});

        if (slice_eq(type, SLICE("eXIf")))
            add_exif(search, data);
        else
            look_at_text(search, type, data);
        at += 12 + n;
    }
}

/* -- WebP -------------------------------------------------------------------------------------- */

static void look_at_webp(struct scan *scan, struct search *search)
{
    for (uint64_t at = 12; scan_holds(scan, at, 8) && scan_step(scan);) {
        struct slice type = scan_slice(scan, (struct span){at, 4});
        struct span data = {at + 8, scan_number(scan, at + 4, 4, true)};

        if (slice_eq(type, SLICE("EXIF")))
            add_exif(search, scan_slice(scan, data));
        else if (slice_eq(type, SLICE("XMP ")))
            add_xmp(search, scan_slice(scan, data));
        at = data.at + ((data.n + 1) & ~UINT64_C(1));
    }
}

/* -- GIF --------------------------------------------------------------------------------------- */

/* Not in blocks, as GIF has all else, but as it is, with a trailer behind it that no text has. */
static void look_at_gif(struct slice file, struct search *search)
{
    static const struct slice mark = SLICE_INIT("\x21\xff\x0bXMP DataXMP");
    const char *found = memmem(file.p, file.n, mark.p, mark.n);

    if (found)
        add_xmp(search, slice_from_offset(file, (size_t)(found - file.p) + mark.n));
}

/* -- TIFF -------------------------------------------------------------------------------------- */

static void look_at_tiff(struct slice file, struct search *search)
{
    enum { TAG_XMP = 0x02bc };
    struct tiff tiff;
    struct tiff_ifd ifd;
    struct tiff_entry entry;

    add_exif(search, file);
    if (tiff_open(file, &tiff) && tiff_ifd(&tiff, tiff.first, &ifd) &&
        tiff_find(&tiff, &ifd, TAG_XMP, &entry))
        add_xmp(search, (struct slice){file.p + entry.at, entry.n});
}

/* -- HEIC, AVIF, MP4, MOV ---------------------------------------------------------------------- */

static void add_exif_item(struct search *search, struct slice data)
{
    struct scan item = {.file = data};
    struct slice tiff = scan_slice(&item, item_exif(&item, (struct span){0, data.n}));

    /* Some count from elsewhere. */
    add_exif(search, tiff.n || data.n < 4 ? tiff : slice_from_offset(data, 4));
}

static void take_item(struct scan *scan, const struct item_part *part, void *arg)
{
    struct search *search = arg;
    struct slice data = scan_slice(scan, part->data);

    if (search->blocks->exif_n == BLOCKS_MAX || search->blocks->xmp_n == BLOCKS_MAX)
        return;
    if (part->n > 1) {
        if (part->i == 0)
            buf_clear(&search->parts);
        buf_add(&search->parts, data);
        if (part->i + 1 < part->n)
            return;
        data = take_parts(search);
    }
    if (part->xmp)
        add_xmp(search, data);
    else
        add_exif_item(search, data);
}

static void look_at_meta(struct scan *scan, const struct box *box, struct search *search)
{
    struct span children = meta_children(scan, box);
    struct span properties = box_child(scan, box_child(scan, children, "iprp").body, "ipco").body;

    item_each(scan, children, take_item, search);
    if (box_child(scan, properties, "irot").body.at || box_child(scan, properties, "imir").body.at)
        search->blocks->upright = true;
}

static void look_at_box(struct scan *scan, const struct box *box, void *arg)
{
    static const struct slice xmp =
        SLICE_INIT("\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac");
    struct search *search = arg;

    if (box_is(box, "meta")) {
        look_at_meta(scan, box, search);
    } else if (box_is(box, "XMP_")) {
        add_xmp(search, scan_slice(scan, box->body));
    } else if (box_is(box, "uuid") && scan_is(scan, box->body.at, xmp)) {
        add_xmp(search, scan_slice(scan, span_behind(box->body, xmp.n)));
    } else if ((box_is(box, "moov") || box_is(box, "udta")) && search->depth < MAX_DEPTH) {
        search->depth++;
        box_each(scan, box->body, look_at_box, search);
        search->depth--;
    }
}

/* -- Which of them ----------------------------------------------------------------------------- */

static bool is_tiff(struct slice file)
{
    static const struct slice heads[] = {
        SLICE_INIT("II*\0"), SLICE_INIT("MM\0*"), SLICE_INIT("II+\0"), SLICE_INIT("MM\0+"),
        SLICE_INIT("IIRO"),  SLICE_INIT("IIRS"),  SLICE_INIT("MMOR"),  SLICE_INIT("IIU\0")};

    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (slice_starts_with(file, heads[i]))
            return true;
    return false;
}

void blocks_find(struct arena *arena, struct slice file, struct blocks *out)
{
    struct scan scan = {.file = file};
    struct search search = {.arena = arena, .blocks = out};

    *out = (struct blocks){0};
    buf_init(&search.parts, MAX_JOINED_BYTES);
    if (scan_is(&scan, 0, SLICE("\xff\xd8")))
        look_at_jpeg(&scan, &search);
    else if (scan_is(&scan, 0, SLICE("\x89PNG\r\n\x1a\n")))
        look_at_png(&scan, &search);
    else if (scan_is(&scan, 0, SLICE("RIFF")) && scan_is(&scan, 8, SLICE("WEBP")))
        look_at_webp(&scan, &search);
    else if (scan_is(&scan, 0, SLICE("GIF8")))
        look_at_gif(file, &search);
    else if (is_tiff(file))
        look_at_tiff(file, &search);
    else if (scan_is(&scan, 4, SLICE("ftyp")) || scan_is(&scan, 4, SLICE("moov")) ||
             scan_is(&scan, 4, SLICE("mdat")) || scan_is(&scan, 4, SLICE("wide")))
        box_each(&scan, (struct span){0, file.n}, look_at_box, &search);
    buf_fini(&search.parts);
}
