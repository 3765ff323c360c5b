#include "decode/boxes.h"

#include "base/arena.h"

enum { MAX_ITEMS = 1 << 16 };

bool box_is(const struct box *box, const char *type)
{
    return slice_eq(box->type, slice_from(type));
}

bool box_is_among(const struct box *box, const char *const *types)
{
    for (; *types; types++)
        if (box_is(box, *types))
            return true;
    return false;
}

static bool read_box(struct scan *scan, uint64_t at, uint64_t end, struct box *out)
{
    if (end - at < 8 || !scan_holds(scan, at, 8))
        return false;
    uint64_t n = box_number(scan, at, 4), head = 8;

    if (n == 1 && end - at >= 16) {
        n = box_number(scan, at + 8, 8);
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

uint64_t box_each(struct scan *scan, struct span span, box_fn *fn, void *arg)
{
    uint64_t end = span.at + span.n, at = span.at;
    struct box box;

    if (end > scan->file.n)
        end = scan->file.n;
    while (at < end && scan_step(scan) && read_box(scan, at, end, &box)) {
        fn(scan, &box, arg);
        at = box.body.at + box.body.n;
    }
    return at;
}

static void find_child(struct scan *scan, const struct box *box, void *arg)
{
    struct box *wanted = arg;

    if (!wanted->body.at && slice_eq(box->type, wanted->type))
        *wanted = *box;
}

struct box box_child(struct scan *scan, struct span span, const char *type)
{
    struct box wanted = {.type = slice_from(type)};

    box_each(scan, span, find_child, &wanted);
    return wanted;
}

/* -- meta: items (HEIC, AVIF) ------------------------------------------------------------------ */

/* Which items are metadata, by their ids. */
struct items {
    bool exif[MAX_ITEMS], xmp[MAX_ITEMS];
    uint64_t data_at; /* of idat's body */
    item_fn *fn;
    void *arg;
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

struct iloc {
    unsigned offset, length, base, index; /* widths */
    uint64_t version;
};

/* One item's extents, from `at` on; returns where the next item stands. */
static uint64_t locate_item(struct scan *scan, const struct items *items, const struct iloc *iloc,
                            uint64_t at)
{
    unsigned width = iloc->version < 2 ? 2 : 4;
    uint64_t id = box_number(scan, at, width), method = 0;

    at += width;
    if (iloc->version > 0) {
        method = box_number(scan, at, 2) & 0xf;
        at += 2;
    }
    bool is_wanted = id < MAX_ITEMS && (items->exif[id] || items->xmp[id]);
    if (is_wanted && (method > 1 || (method == 1 && !items->data_at)))
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
        if (is_wanted && scan_holds(scan, data.at, 1)) {
            struct item_part part = {items->exif[id], items->xmp[id], data, i, n};
            items->fn(scan, &part, items->arg);
        }
        at += iloc->offset + iloc->length;
    }
    return at;
}

static void locate_items(struct scan *scan, const struct items *items, struct span body)
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
        at = locate_item(scan, items, &iloc, at);
}

void item_each(struct scan *scan, struct span meta, item_fn *fn, void *arg)
{
    struct box info = box_child(scan, meta, "iinf"), locations = box_child(scan, meta, "iloc");

    if (!info.body.at || !locations.body.at)
        return;
    /* Of its own: a file may have as many of them as it likes, one after the other. */
    struct arena *arena = arena_new();
    struct items *items = ARENA_NEW(arena, struct items);
    unsigned width = box_number(scan, info.body.at, 1) == 0 ? 2 : 4;
    items->fn = fn;
    items->arg = arg;
    items->data_at = box_child(scan, meta, "idat").body.at;
    box_each(scan, span_behind(info.body, 4 + width), note_item, items);
    locate_items(scan, items, locations.body);
    arena_free(arena);
}

struct span meta_children(struct scan *scan, const struct box *meta)
{
    bool quicktime = scan_is(scan, meta->body.at + 4, SLICE("hdlr"));

    return quicktime ? meta->body : span_behind(meta->body, 4);
}

struct span item_exif(struct scan *scan, struct span data)
{
    return span_behind(data, 4 + (data.n >= 4 ? box_number(scan, data.at, 4) : 0));
}
