/* Boxes of the ISO base media family, and what QuickTime and cameras put into them. */
#include "decode/private_box.h"

enum { MAX_DEPTH = 12 };

struct tree {
    unsigned depth;
    bool fragments; /* samples stand in moof boxes too */
    bool hidden;    /* of a track that is not for everybody */
};

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
                                       "tagc",
                                       NULL};

    if (box_is(box, "meta"))
        private_meta(scan, box);
    else if (box_is(box, "XMP_"))
        private_xmp(scan, box->body);
    else if (!box_is_among(box, kept))
        box_blank(scan, box);
}

/* -- boxes of cameras -------------------------------------------------------------------------- */

static void look_at_raw(struct scan *scan, const struct box *box, void *arg)
{
    if (box_is(box, "CMT1") || box_is(box, "CMT2"))
        private_tiff(scan, box->body, false);
    else if (box_is(box, "CMT4"))
        private_tiff(scan, box->body, true);
    else if (box_is(box, "CMT3"))
        box_blank(scan, box);
}

/* Spherical video, Canon's preview, and the fragments and keys of Smooth Streaming. */
static bool is_of_the_picture(const struct scan *scan, const struct box *box)
{
    static const struct slice kept[] = {
        SLICE_INIT("\xff\xcc\x82\x63\xf8\x55\x4a\x93\x88\x14\x58\x7a\x02\x52\x1f\xdd"),
        SLICE_INIT("\xea\xf4\x2b\x5e\x1c\x98\x4b\x88\xb9\xfb\xb7\xdc\x40\x6e\x4d\x16"),
        SLICE_INIT("\x6d\x1d\x9b\x05\x42\xd5\x44\xe6\x80\xe2\x14\x1d\xaf\xf7\x57\xb2"),
        SLICE_INIT("\xd4\x80\x7e\xf2\xca\x39\x46\x95\x8e\x54\x26\xcb\x9e\x46\xa7\x9f"),
        SLICE_INIT("\xa2\x39\x4f\x52\x5a\x9b\x4f\x14\xa2\x44\x6c\x42\x7c\x64\x8d\xf4"),
    };

    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (scan_is(scan, box->body.at, kept[i]))
            return true;
    return false;
}

static void look_at_uuid(struct scan *scan, const struct box *box, struct tree *tree)
{
    static const struct slice xmp =
        SLICE_INIT("\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac");
    static const struct slice canon =
        SLICE_INIT("\x85\xc0\xb6\x87\x82\x0f\x11\xe0\x81\x11\xf4\xce\x46\x2b\x6a\x48");

    if (scan_is(scan, box->body.at, xmp))
        private_xmp(scan, span_behind(box->body, xmp.n));
    else if (scan_is(scan, box->body.at, canon))
        box_each(scan, span_behind(box->body, canon.n), look_at_raw, NULL);
    else if (!is_of_the_picture(scan, box))
        box_blank(scan, box);
}

/* A dash cam's list of its blocks: each has its offset and size in the file. */
static void blank_places(struct scan *scan, const struct box *box, struct tree *tree)
{
    enum { HEAD = 8, ENTRY = 8 };
    uint64_t end = box->body.at + box->body.n;

    for (uint64_t at = box->body.at + HEAD; at + ENTRY <= end && scan_step(scan); at += ENTRY) {
        struct span block = {box_number(scan, at, 4), box_number(scan, at + 4, 4)};

        if (scan_is(scan, block.at + 4, SLICE("freeGPS ")))
            scan_blank(scan, span_behind(block, 8), 0);
    }
    box_blank(scan, box);
}

/* -- the tree ---------------------------------------------------------------------------------- */

static void look_deeper(struct scan *scan, const struct box *box, struct tree *tree);

static void look_at_fragment(struct scan *scan, const struct box *box, struct tree *tree)
{
    tree->fragments = true;
    look_deeper(scan, box, tree);
}

static void look_at_media(struct scan *scan, const struct box *box, struct tree *tree)
{
    tree->hidden |= !private_track(scan, box->body);
    look_deeper(scan, box, tree);
}

static void look_at_meta(struct scan *scan, const struct box *box, struct tree *tree)
{
    private_meta(scan, box);
}

static void look_at_udta(struct scan *scan, const struct box *box, struct tree *tree)
{
    box_each(scan, box->body, look_at_user_data, NULL);
}

/* Where dash cams hide their track. */
static void blank_space(struct scan *scan, const struct box *box, struct tree *tree)
{
    scan_blank(scan, box->body, 0);
}

static void give_up(struct scan *scan, const struct box *box, struct tree *tree)
{
    scan->broken = true;
}

static void look_at_box(struct scan *scan, const struct box *box, void *arg)
{
    static const struct {
        const char *type;
        void (*look)(struct scan *scan, const struct box *box, struct tree *tree);
    } rows[] = {
        {"moov", look_deeper},      {"trak", look_deeper},   {"traf", look_deeper},
        {"meco", look_deeper},      {"mpvd", look_deeper}, /* the clip of a motion photo */
        {"moof", look_at_fragment}, {"mdia", look_at_media}, {"udta", look_at_udta},
        {"meta", look_at_meta},     {"uuid", look_at_uuid},  {"gps ", blank_places},
        {"free", blank_space},      {"skip", blank_space},   {"cmov", give_up}, /* compressed */
    };
    /* They tell of the picture and the sound alone. */
    static const char *const kept[] = {
        "ftyp", "styp", "mdat", "wide", "pdin", "sidx", "ssix", "prft", "emsg",
        "mfra", "mvhd", "iods", "pssh", "ctab", "mvex", "clip", "rmra", "tkhd",
        "tref", "edts", "load", "matt", "trgr", "txas", "msrc", "imap", "mdhd",
        "hdlr", "elng", "minf", "mfhd", "tfhd", "tfdt", "trun", "sbgp", "sgpd",
        "saiz", "saio", "senc", "subs", "sdtp", "mere", "PICT", "pnot", NULL};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (box_is(box, rows[i].type)) {
            rows[i].look(scan, box, arg);
            return;
        }
    if (!box_is_among(box, kept))
        box_blank(scan, box);
}

static void look_deeper(struct scan *scan, const struct box *box, struct tree *tree)
{
    if (++tree->depth > MAX_DEPTH)
        scan->broken = true;
    else
        box_each(scan, box->body, look_at_box, tree);
    tree->depth--;
}

void private_boxes(struct scan *scan, struct span boxes)
{
    struct tree tree = {0};
    uint64_t end = box_each(scan, boxes, look_at_box, &tree);

    /* What cameras and telephones hang behind a clip. */
    if (end < boxes.at + boxes.n)
        scan_blank(scan, (struct span){end, boxes.at + boxes.n - end}, 0);
    if (scan->broken || (tree.fragments && tree.hidden))
        scan->mask->overflow = true; /* a structure that cannot be followed has no mask */
}
