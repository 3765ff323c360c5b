/* Boxes of the ISO base media family, and what QuickTime and cameras put into them. */
#include "decode/private_scan.h"

enum { MAX_DEPTH = 12, MAX_ITEMS = 1 << 16, MAX_KEYS = 4096 };

struct box {
    uint64_t at;       /* of its head */
    struct slice type; /* 4 bytes */
    struct span body;
};

typedef void box_fn(struct scan *scan, const struct box *box, void *arg);

static uint64_t be(struct scan *scan, uint64_t at, unsigned width)
{
    return scan_number(scan, at, width, false);
}

static bool is(const struct box *box, const char *type)
{
    return slice_eq(box->type, slice_from(type));
}

static bool read_box(struct scan *scan, uint64_t at, uint64_t end, struct box *out)
{
    if (end - at < 8 || !scan_holds(scan, at, 8))
        return false;
    uint64_t n = be(scan, at, 4), head = 8;

    if (n == 1 && end - at >= 16) {
        n = be(scan, at + 8, 8);
        head = 16;
    } else if (n == 0) {
        n = end - at;
    }
    if (n < head)
        return false;
    if (n > end - at) /* cut off */
        n = end - at;
    *out = (struct box){at, {scan->file.p + at + 4, 4}, {at + head, n - head}};
    return true;
}

static void each_box(struct scan *scan, struct span span, box_fn *fn, void *arg)
{
    uint64_t end = span.at + span.n;
    struct box box;

    if (end > scan->file.n)
        end = scan->file.n;
    for (uint64_t at = span.at; at < end && scan_step(scan) && read_box(scan, at, end, &box);) {
        fn(scan, &box, arg);
        at = box.body.at + box.body.n;
    }
}

/* Space that nobody reads, of the same size. */
static void blank_box(struct scan *scan, const struct box *box)
{
    mask_put(scan->mask, box->at + 4, SLICE("free"));
    scan_blank(scan, box->body, 0);
}

static void find_child(struct scan *scan, const struct box *box, void *arg)
{
    struct box *wanted = arg;

    if (!wanted->body.at && slice_eq(box->type, wanted->type))
        *wanted = *box;
}

/* body.at is 0 where there is none. */
static struct box child(struct scan *scan, struct span span, const char *type)
{
    struct box wanted = {.type = slice_from(type)};

    each_box(scan, span, find_child, &wanted);
    return wanted;
}

static struct span skip(struct span span, uint64_t n)
{
    if (n > span.n)
        n = span.n;
    return (struct span){span.at + n, span.n - n};
}

/* -- meta: items (HEIC, AVIF) ------------------------------------------------------------------ */

/* Which items are metadata, by their ids. */
struct items {
    bool exif[MAX_ITEMS], xmp[MAX_ITEMS];
    uint64_t data_at; /* of idat's body */
};

static void note_item(struct scan *scan, const struct box *box, void *arg)
{
    struct items *items = arg;

    if (!is(box, "infe") || box->body.n < 12)
        return;
    uint64_t at = box->body.at, version = be(scan, at, 1);
    unsigned width = version >= 3 ? 4 : 2;
    uint64_t id = be(scan, at + 4, width);
    uint64_t type = at + 4 + width + 2;

    if (version < 2 || id >= MAX_ITEMS)
        return;
    items->exif[id] = scan_is(scan, type, SLICE("Exif"));
    items->xmp[id] = scan_is(scan, type, SLICE("mime"));
}

static void look_at_item(struct scan *scan, const struct items *items, uint64_t id,
                         struct span data, bool whole)
{
    if (id >= MAX_ITEMS || !scan_holds(scan, data.at, 1))
        return;
    if (items->xmp[id])
        private_xmp(scan, data);
    if (!items->exif[id])
        return;
    uint64_t head = 4 + (data.n >= 4 ? be(scan, data.at, 4) : 0);
    if (whole && head < data.n)
        private_tiff(scan, skip(data, head), false);
    else
        scan_blank(scan, data, 0); /* in pieces */
}

struct iloc {
    unsigned offset, length, base, index; /* widths */
    uint64_t version;
};

/* One item's extents, from `at` on; returns where the next item stands. */
static uint64_t look_at_extents(struct scan *scan, const struct items *items,
                                const struct iloc *iloc, uint64_t at)
{
    unsigned width = iloc->version < 2 ? 2 : 4;
    uint64_t id = be(scan, at, width), method = 0;

    at += width;
    if (iloc->version > 0) {
        method = be(scan, at, 2) & 0xf;
        at += 2;
    }
    uint64_t base = be(scan, at + 2, iloc->base) + (method == 1 ? items->data_at : 0);
    uint64_t n = be(scan, at + 2 + iloc->base, 2);
    at += 4 + iloc->base;
    for (uint64_t i = 0; i < n && scan_step(scan); i++) {
        at += iloc->index;
        struct span data = {base + be(scan, at, iloc->offset),
                            be(scan, at + iloc->offset, iloc->length)};
        if (data.n == 0 && data.at < scan->file.n)
            data.n = scan->file.n - data.at;
        look_at_item(scan, items, id, data, n == 1);
        at += iloc->offset + iloc->length;
    }
    return at;
}

static void look_at_locations(struct scan *scan, const struct items *items, struct span body)
{
    uint64_t sizes = be(scan, body.at + 4, 2);
    struct iloc iloc = {
        .version = be(scan, body.at, 1),
        .offset = (unsigned)(sizes >> 12 & 0xf),
        .length = (unsigned)(sizes >> 8 & 0xf),
        .base = (unsigned)(sizes >> 4 & 0xf),
    };

    if (iloc.version > 0)
        iloc.index = (unsigned)(sizes & 0xf);
    if (iloc.version > 2 || iloc.offset > 8 || iloc.length > 8 || iloc.base > 8 || iloc.index > 8) {
        scan->broken = true;
        return;
    }
    unsigned width = iloc.version < 2 ? 2 : 4;
    uint64_t n = be(scan, body.at + 6, width), at = body.at + 6 + width;
    for (uint64_t i = 0; i < n && scan_step(scan); i++)
        at = look_at_extents(scan, items, &iloc, at);
}

static void look_at_items(struct scan *scan, struct span meta)
{
    struct box info = child(scan, meta, "iinf"), locations = child(scan, meta, "iloc");

    if (!info.body.at || !locations.body.at)
        return;
    struct items *items = ARENA_NEW(scan->mask->arena, struct items);
    unsigned width = be(scan, info.body.at, 1) == 0 ? 2 : 4;
    items->data_at = child(scan, meta, "idat").body.at;
    each_box(scan, skip(info.body, 4 + width), note_item, items);
    look_at_locations(scan, items, locations.body);
}

/* -- meta: keys and their values (MP4, MOV) ---------------------------------------------------- */

struct keys {
    bool private[MAX_KEYS]; /* by index, from 1 */
};

static bool contains(struct slice text, const char *word)
{
    struct slice w = slice_from(word);

    for (size_t i = 0; i + w.n <= text.n; i++)
        if (slice_eq_nocase((struct slice){text.p + i, w.n}, w))
            return true;
    return false;
}

static bool is_private_key(struct slice name)
{
    static const char *const words[] = {"location", "gps",        "serial", "owner",
                                        "author",   "artist",     "geo",    "place",
                                        "xyz",      "identifier", "person", "device.id"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (contains(name, words[i]))
            return true;
    return false;
}

static void read_keys(struct scan *scan, struct span body, struct keys *keys)
{
    uint64_t n = be(scan, body.at + 4, 4), at = body.at + 8, end = body.at + body.n;

    for (uint64_t i = 1; i <= n && i < MAX_KEYS && at + 8 <= end && scan_step(scan); i++) {
        uint64_t size = be(scan, at, 4);

        if (size < 8 || size > end - at)
            break;
        keys->private[i] = is_private_key(scan_slice(scan, (struct span){at + 8, size - 8}));
        at += size;
    }
}

static void look_at_value(struct scan *scan, const struct box *box, void *arg)
{
    static const char *const names[] = {"\xa9xyz",
                                        "\xa9"
                                        "aut",
                                        "\xa9"
                                        "ART",
                                        "aART", "loci"};
    const struct keys *keys = arg;
    uint64_t index = be(scan, box->at + 4, 4);
    bool private = index < MAX_KEYS && keys->private[index];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    private |= is(box, names[i]);
    /* iTunes' free form: mean, name, data. */
    struct box name = is(box, "----") ? child(scan, box->body, "name") : (struct box){0};
    if (name.body.at)
    private |= is_private_key(scan_slice(scan, skip(name.body, 4)));
    if (private)
        blank_box(scan, box);
}

static void look_at_meta(struct scan *scan, const struct box *box)
{
    /* QuickTime's has no version and flags before its children. */
    bool quicktime = scan_is(scan, box->body.at + 4, SLICE("hdlr"));
    struct span body = quicktime ? box->body : skip(box->body, 4);
    struct keys *keys = ARENA_NEW(scan->mask->arena, struct keys);
    struct box names = child(scan, body, "keys"), values = child(scan, body, "ilst");
    struct box xml = child(scan, body, "xml ");

    if (names.body.at)
        read_keys(scan, names.body, keys);
    if (values.body.at)
        each_box(scan, values.body, look_at_value, keys);
    if (xml.body.at)
        blank_box(scan, &xml); /* of camcorders: their make, number and place */
    look_at_items(scan, body);
}

/* -- udta -------------------------------------------------------------------------------------- */

static void look_at_user_data(struct scan *scan, const struct box *box, void *arg)
{
    static const char *const kept[] = {"name",
                                       "chpl",
                                       "cprt",
                                       "kind",
                                       "titl",
                                       "\xa9nam",
                                       "\xa9"
                                       "cmt",
                                       "\xa9"
                                       "day",
                                       "\xa9swr",
                                       "\xa9too",
                                       "\xa9mak",
                                       "\xa9mod",
                                       "\xa9"
                                       "cpy",
                                       "hnti",
                                       "tagc"};

    if (is(box, "meta")) {
        look_at_meta(scan, box);
        return;
    }
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (is(box, kept[i]))
            return;
    blank_box(scan, box);
}

/* -- tracks of measurements ---------------------------------------------------------------------
 */

struct samples {
    uint64_t uniform, count, sizes_at; /* stsz: one size for all, or a table of 4 bytes each */
    uint64_t runs, runs_at;            /* stsc: first chunk, samples per chunk, description */
    uint64_t chunks, chunks_at;        /* stco or co64 */
    unsigned chunk_width;
};

static uint64_t bytes_of(struct scan *scan, const struct samples *s, uint64_t from, uint64_t n)
{
    uint64_t sum = 0;

    if (s->uniform)
        return s->uniform * n;
    for (uint64_t i = from; i < from + n && i < s->count && scan_step(scan); i++)
        sum += be(scan, s->sizes_at + 4 * i, 4);
    return sum;
}

static void blank_samples(struct scan *scan, const struct samples *s)
{
    uint64_t run = 0, sample = 0;

    for (uint64_t chunk = 0; chunk < s->chunks && scan_step(scan); chunk++) {
        while (run + 1 < s->runs && be(scan, s->runs_at + 12 * (run + 1), 4) <= chunk + 1)
            run++;
        uint64_t n = be(scan, s->runs_at + 12 * run + 4, 4);
        uint64_t at = be(scan, s->chunks_at + s->chunk_width * chunk, s->chunk_width);
        scan_blank(scan, (struct span){at, bytes_of(scan, s, sample, n)}, 0);
        sample += n;
    }
}

/* Neither picture, sound, text nor time code: where the camera was, how it moved, who made it. */
static bool is_measurement(struct scan *scan, struct span media)
{
    static const struct slice handlers[] = {
        SLICE_INIT("vide"), SLICE_INIT("soun"), SLICE_INIT("text"),
        SLICE_INIT("sbtl"), SLICE_INIT("subt"), SLICE_INIT("clcp"),
        SLICE_INIT("tmcd"), SLICE_INIT("pict"), SLICE_INIT("auxv")};
    struct box handler = child(scan, media, "hdlr");

    if (!handler.body.at)
        return true;
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
        if (scan_is(scan, handler.body.at + 8, handlers[i]))
            return false;
    return true;
}

static void look_at_media(struct scan *scan, struct span media)
{
    if (!is_measurement(scan, media))
        return;
    struct span table = child(scan, child(scan, media, "minf").body, "stbl").body;
    struct box sizes = child(scan, table, "stsz"), runs = child(scan, table, "stsc");
    struct box chunks = child(scan, table, "stco");
    struct samples samples = {.chunk_width = 4};

    if (!chunks.body.at) {
        chunks = child(scan, table, "co64");
        samples.chunk_width = 8;
    }
    if (!sizes.body.at || !runs.body.at || !chunks.body.at)
        return;
    samples.uniform = be(scan, sizes.body.at + 4, 4);
    samples.count = be(scan, sizes.body.at + 8, 4);
    samples.sizes_at = sizes.body.at + 12;
    samples.runs = be(scan, runs.body.at + 4, 4);
    samples.runs_at = runs.body.at + 8;
    samples.chunks = be(scan, chunks.body.at + 4, 4);
    samples.chunks_at = chunks.body.at + 8;
    blank_samples(scan, &samples);
}

/* -- the tree ---------------------------------------------------------------------------------- */

static void look_at_raw(struct scan *scan, const struct box *box, void *arg)
{
    if (is(box, "CMT1") || is(box, "CMT2"))
        private_tiff(scan, box->body, false);
    else if (is(box, "CMT4"))
        private_tiff(scan, box->body, true);
    else if (is(box, "CMT3"))
        blank_box(scan, box);
}

static void look_at_uuid(struct scan *scan, const struct box *box)
{
    static const struct slice xmp =
        SLICE_INIT("\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac");
    static const struct slice canon =
        SLICE_INIT("\x85\xc0\xb6\x87\x82\x0f\x11\xe0\x81\x11\xf4\xce\x46\x2b\x6a\x48");

    if (scan_is(scan, box->body.at, xmp))
        private_xmp(scan, skip(box->body, xmp.n));
    else if (scan_is(scan, box->body.at, canon))
        each_box(scan, skip(box->body, canon.n), look_at_raw, NULL);
}

static void look_at_box(struct scan *scan, const struct box *box, void *arg)
{
    unsigned depth = *(const unsigned *)arg + 1;

    if (depth > MAX_DEPTH) {
        scan->broken = true;
        return;
    }
    if (is(box, "moov") || is(box, "trak") || is(box, "moof") || is(box, "traf"))
        each_box(scan, box->body, look_at_box, &depth);
    else if (is(box, "mdia"))
        look_at_media(scan, box->body);
    else if (is(box, "udta"))
        each_box(scan, box->body, look_at_user_data, NULL);
    else if (is(box, "meta"))
        look_at_meta(scan, box);
    else if (is(box, "uuid"))
        look_at_uuid(scan, box);
    else if (is(box, "gps ") || is(box, "GPS "))
        blank_box(scan, box);
    else if (is(box, "free") || is(box, "skip"))
        scan_blank(scan, box->body, 0); /* where dash cams hide their track */
}

void private_boxes(struct scan *scan, struct span boxes)
{
    unsigned depth = 0;

    each_box(scan, boxes, look_at_box, &depth);
    if (scan->broken)
        scan->mask->overflow = true; /* a structure that cannot be followed has no mask */
}
