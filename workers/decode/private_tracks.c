/* Tracks whose samples are no picture and no sound. */
#include "decode/private_box.h"

/* Subtitles of a film are a hundredth of it; what is larger is taken for no text for people. */
enum { TEXT_MAX = 64 << 20 };

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
        sum += box_number(scan, s->sizes_at + 4 * i, 4);
    return sum;
}

typedef void chunk_fn(struct scan *scan, struct span chunk, void *arg);

static void each_chunk(struct scan *scan, const struct samples *s, chunk_fn *fn, void *arg)
{
    uint64_t run = 0, sample = 0;

    for (uint64_t chunk = 0; chunk < s->chunks && scan_step(scan); chunk++) {
        while (run + 1 < s->runs && box_number(scan, s->runs_at + 12 * (run + 1), 4) <= chunk + 1)
            run++;
        uint64_t n = box_number(scan, s->runs_at + 12 * run + 4, 4);
        uint64_t at = box_number(scan, s->chunks_at + s->chunk_width * chunk, s->chunk_width);
        fn(scan, (struct span){at, bytes_of(scan, s, sample, n)}, arg);
        sample += n;
    }
}

static void blank_chunk(struct scan *scan, struct span chunk, void *arg)
{
    scan_blank(scan, chunk, 0);
}

struct text {
    uint64_t bytes; /* so far */
    bool tells;     /* of the place */
};

/* What drones and dash cams write into their subtitles. */
static void look_for_place(struct scan *scan, struct span chunk, void *arg)
{
    static const char *const words[] = {"gps(",      "gps (", "gps:", "latitude",
                                        "longitude", "$gp",   "$gn",  NULL};
    struct text *text = arg;
    struct slice said = scan_slice(scan, chunk);

    text->bytes += said.n;
    text->tells = text->tells || text->bytes > TEXT_MAX || scan_says(said, words);
}

/* False: there are no tables. */
static bool read_tables(struct scan *scan, struct span media, struct samples *out)
{
    struct span table = box_child(scan, box_child(scan, media, "minf").body, "stbl").body;
    struct box sizes = box_child(scan, table, "stsz"), runs = box_child(scan, table, "stsc");
    struct box chunks = box_child(scan, table, "stco");

    *out = (struct samples){.chunk_width = 4};
    if (!chunks.body.at) {
        chunks = box_child(scan, table, "co64");
        out->chunk_width = 8;
    }
    if (!sizes.body.at || !runs.body.at || !chunks.body.at)
        return false;
    out->uniform = box_number(scan, sizes.body.at + 4, 4);
    out->count = box_number(scan, sizes.body.at + 8, 4);
    out->sizes_at = sizes.body.at + 12;
    out->runs = box_number(scan, runs.body.at + 4, 4);
    out->runs_at = runs.body.at + 8;
    out->chunks = box_number(scan, chunks.body.at + 4, 4);
    out->chunks_at = chunks.body.at + 8;
    return true;
}

/* Whether the track's handler (ISO 14496-12 section 8.4.3) is one of these, 4 bytes each. */
static bool handler_is(struct scan *scan, struct span media, const char *types)
{
    struct box handler = box_child(scan, media, "hdlr");

    for (; handler.body.at && *types; types += 4)
        if (scan_is(scan, handler.body.at + 8, (struct slice){types, 4}))
            return true;
    return false;
}

bool private_track(struct scan *scan, struct span media)
{
    bool is_text = handler_is(scan, media, "textsbtlsubtclcp");
    struct text text = {0};
    struct samples samples;

    if (handler_is(scan, media, "videsountmcdpictauxvhintodsmsdsm"))
        return true;
    /* Where the camera was, how it moved, who made it; or a text that may tell it. */
    if (!read_tables(scan, media, &samples)) {
        scan->broken |= !is_text;
        return true;
    }
    if (is_text)
        each_chunk(scan, &samples, look_for_place, &text);
    if (!is_text || text.tells)
        each_chunk(scan, &samples, blank_chunk, NULL);
    return is_text;
}
