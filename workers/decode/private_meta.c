/* The meta box: items of HEIC and AVIF, keys and values of MP4 and MOV. */
#include "decode/private_box.h"

enum { MAX_KEYS = 4096 };

static void look_at_item(struct scan *scan, const struct item_part *part, void *arg)
{
    struct span data = part->data;
    bool whole = part->n == 1;

    if (part->xmp && whole)
        private_xmp(scan, data);
    else if (part->xmp)
        scan_blank(scan, data, ' ');
    if (!part->exif)
        return;
    struct span tiff = item_exif(scan, data);
    if (whole && tiff.n)
        private_tiff(scan, tiff, false);
    else
        scan_blank(scan, data, 0); /* in pieces */
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
    struct meta meta = {
        .body = meta_children(scan, box),
        .keys = ARENA_NEW(scan->mask->arena, struct keys),
    };
    struct box names = box_child(scan, meta.body, "keys");

    if (names.body.at)
        read_keys(scan, names.body, meta.keys);
    box_each(scan, meta.body, look_at_part, &meta);
    item_each(scan, meta.body, look_at_item, NULL);
}
