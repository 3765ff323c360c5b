/* The meta box: items of HEIC and AVIF, keys and values of MP4 and MOV. */
#include "decode/private_box.h"

enum { MAX_ITEMS = 1 << 16, MAX_KEYS = 4096 };

/* -- meta: items (HEIC, AVIF) ------------------------------------------------------------------ */

/* Which items are metadata, by their ids. */
struct items {
    bool exif[MAX_ITEMS], xmp[MAX_ITEMS];
    uint64_t data_at; /* of idat's body */
};

static void note_item(struct scan *scan, const struct box *box, void *arg)
{
    static const char *const xml[] = {"xml", NULL};
    struct items *items = arg;

    if (!box_is(box, "infe") || box->body.n < 12)
        return;
    uint64_t at = box->body.at, version = box_number(scan, at, 1);
    unsigned width = version >= 3 ? 4 : 2;
    uint64_t id = box_number(scan, at + 4, width);
    uint64_t type = at + 4 + width + 2;

    if (id >= MAX_ITEMS) {
        scan->broken = true;
        return;
    }
    items->exif[id] = version >= 2 && scan_is(scan, type, SLICE("Exif"));
    /* Before version 2 an item has its content type alone. */
    items->xmp[id] = version >= 2 ? scan_is(scan, type, SLICE("mime"))
                                  : scan_says(scan_slice(scan, box->body), xml);
}

static void look_at_item(struct scan *scan, const struct items *items, uint64_t id,
                         struct span data, bool whole)
{
    if (id >= MAX_ITEMS || !scan_holds(scan, data.at, 1))
        return;
    if (items->xmp[id] && whole)
        private_xmp(scan, data);
    else if (items->xmp[id])
        scan_blank(scan, data, ' ');
    if (!items->exif[id])
        return;
    uint64_t head = 4 + (data.n >= 4 ? box_number(scan, data.at, 4) : 0);
    if (whole && head < data.n)
        private_tiff(scan, span_behind(data, head), false);
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
    uint64_t id = box_number(scan, at, width), method = 0;

    at += width;
    if (iloc->version > 0) {
        method = box_number(scan, at, 2) & 0xf;
        at += 2;
    }
    bool is_private = id < MAX_ITEMS && (items->exif[id] || items->xmp[id]);
    if (is_private && (method > 1 || (method == 1 && !items->data_at)))
        scan->broken = true; /* it stands within another item */
    uint64_t base = box_number(scan, at + 2, iloc->base) + (method == 1 ? items->data_at : 0);
    uint64_t n = box_number(scan, at + 2 + iloc->base, 2);
    at += 4 + iloc->base;
    for (uint64_t i = 0; i < n && scan_step(scan); i++) {
        at += iloc->index;
        struct span data = {base + box_number(scan, at, iloc->offset),
                            box_number(scan, at + iloc->offset, iloc->length)};
        if (data.n == 0 && data.at < scan->file.n)
            data.n = scan->file.n - data.at;
        look_at_item(scan, items, id, data, n == 1);
        at += iloc->offset + iloc->length;
    }
    return at;
}

static void look_at_locations(struct scan *scan, const struct items *items, struct span body)
{
    uint64_t sizes = box_number(scan, body.at + 4, 2);
    struct iloc iloc = {
        .version = box_number(scan, body.at, 1),
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
    uint64_t n = box_number(scan, body.at + 6, width), at = body.at + 6 + width;
    for (uint64_t i = 0; i < n && scan_step(scan); i++)
        at = look_at_extents(scan, items, &iloc, at);
}

static void look_at_items(struct scan *scan, struct span meta)
{
    struct box info = box_child(scan, meta, "iinf"), locations = box_child(scan, meta, "iloc");

    if (!info.body.at || !locations.body.at)
        return;
    struct items *items = ARENA_NEW(scan->mask->arena, struct items);
    unsigned width = box_number(scan, info.body.at, 1) == 0 ? 2 : 4;
    items->data_at = box_child(scan, meta, "idat").body.at;
    box_each(scan, span_behind(info.body, 4 + width), note_item, items);
    look_at_locations(scan, items, locations.body);
}

/* -- meta: keys and their values (MP4, MOV) ---------------------------------------------------- */

struct keys {
    bool plain[MAX_KEYS]; /* by index, from 1 */
};

/* Names of values that tell of the clip and of the kind of camera; a name that also says one of the
 * others is not plain. */
static bool is_plain_key(struct slice name)
{
    static const char *const plain[] = {
        "make",        "model",    "software",  "creation", "title",   "comment",
        "description", "encoder",  "copyright", "fps",      "version", "manufact",
        "brand",       "rating",   "keyword",   "genre",    "album",   "date",
        "year",        "duration", "playback",  "iTun",     NULL};
    static const char *const others[] = {"location",   "gps",    "serial",    "owner",     "author",
                                         "artist",     "geo",    "place",     "xyz",       "lat",
                                         "identifier", "person", "device.id", "longitude", NULL};

    return scan_says(name, plain) && !scan_says(name, others);
}

static void read_keys(struct scan *scan, struct span body, struct keys *keys)
{
    uint64_t n = box_number(scan, body.at + 4, 4), at = body.at + 8, end = body.at + body.n;

    for (uint64_t i = 1; i <= n && i < MAX_KEYS && at + 8 <= end && scan_step(scan); i++) {
        uint64_t size = box_number(scan, at, 4);

        if (size < 8 || size > end - at)
            break;
        keys->plain[i] = is_plain_key(scan_slice(scan, (struct span){at + 8, size - 8}));
        at += size;
    }
}

/* Values of iTunes have a type instead of a key's index, or, in its free form, a name. */
static bool is_plain_value(struct scan *scan, const struct box *box, const struct keys *keys)
{
    static const char *const kept[] = {"\xa9nam",
                                       "\xa9"
                                       "alb",
                                       "\xa9"
                                       "day",
                                       "\xa9"
                                       "cmt",
                                       "\xa9too",
                                       "\xa9gen",
                                       "\xa9lyr",
                                       "\xa9grp",
                                       "\xa9"
                                       "cpy",
                                       "\xa9swr",
                                       "\xa9mak",
                                       "\xa9mod",
                                       "desc",
                                       "ldes",
                                       "cprt",
                                       "covr",
                                       "trkn",
                                       "disk",
                                       "cpil",
                                       "tmpo",
                                       "stik",
                                       "hdvd",
                                       "pgap",
                                       "gnre",
                                       "rtng",
                                       "sonm",
                                       "tvsh",
                                       "tven",
                                       "tvsn",
                                       "tves",
                                       "pcst",
                                       NULL};
    uint64_t index = box_number(scan, box->at + 4, 4);

    if (box_is_among(box, kept))
        return true;
    if (!box_is(box, "----"))
        return index < MAX_KEYS && keys->plain[index];
    struct box name = box_child(scan, box->body, "name");
    return name.body.at && is_plain_key(scan_slice(scan, span_behind(name.body, 4)));
}

static void look_at_value(struct scan *scan, const struct box *box, void *arg)
{
    if (!is_plain_value(scan, box, arg))
        box_blank(scan, box);
}

struct meta {
    struct span body;
    struct keys *keys;
};

static void look_at_part(struct scan *scan, const struct box *box, void *arg)
{
    static const char *const kept[] = {"hdlr", "keys", "iinf", "iloc", "idat",
                                       "iref", "iprp", "pitm", "grpl", "dinf",
                                       "ipro", "mhdr", "ctry", "lang", NULL};
    const struct meta *meta = arg;

    if (box_is(box, "ilst"))
        box_each(scan, box->body, look_at_value, meta->keys);
    else if (!box_is_among(box, kept)) /* camcorders' XML has their number and place */
        box_blank(scan, box);
}

void private_meta(struct scan *scan, const struct box *box)
{
    /* QuickTime's has no version and flags before its children. */
    bool quicktime = scan_is(scan, box->body.at + 4, SLICE("hdlr"));
    struct meta meta = {
        .body = quicktime ? box->body : span_behind(box->body, 4),
        .keys = ARENA_NEW(scan->mask->arena, struct keys),
    };
    struct box names = box_child(scan, meta.body, "keys");

    if (names.body.at)
        read_keys(scan, names.body, meta.keys);
    box_each(scan, meta.body, look_at_part, &meta);
    look_at_items(scan, meta.body);
}
