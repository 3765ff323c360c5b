/* GIF, AVI, Matroska and WebM.
 * Sources: the GIF89a specification with XMP part 3, AVI's RIFF with OpenDML 1.02, RFC 8794 and
 * 9559 (EBML, Matroska). */
#include "decode/private_scan.h"

#include <string.h>

/* XMP packets stand in an application extension, in one piece. */
void private_gif(struct scan *scan)
{
    static const struct slice head = SLICE_INIT("<x:xmpmeta"), tail = SLICE_INIT("</x:xmpmeta>");
    struct slice rest = scan->file;
    const char *begin, *end;

    while (scan_step(scan) && (begin = memmem(rest.p, rest.n, head.p, head.n)) != NULL) {
        rest = slice_from_offset(rest, (size_t)(begin - rest.p));
        end = memmem(rest.p, rest.n, tail.p, tail.n);
        size_t n = end ? (size_t)(end - begin) : rest.n;
        private_xmp(scan, (struct span){(uint64_t)(begin - scan->file.p), n});
        rest = slice_from_offset(rest, n);
    }
}

/* -- AVI --------------------------------------------------------------------------------------- */

static bool is_among(const struct scan *scan, uint64_t at, const char *const *types)
{
    for (; *types; types++)
        if (scan_is(scan, at, slice_from(*types)))
            return true;
    return false;
}

/* Chunks within lists that are walked into follow one another as the rest does. */
void private_avi(struct scan *scan)
{
    static const char *const lists[] = {"RIFF", "LIST", NULL};
    static const char *const walked[] = {"AVI ", "AVIX", "hdrl", "strl", "odml", NULL};
    static const char *const kept[] = {"avih", "strh", "strf", "strn", "vprp",
                                       "indx", "idx1", "dmlh", "IDIT", NULL};
    uint64_t at = 0;

    while (scan_holds(scan, at, 8) && scan_step(scan)) {
        struct span data = {at + 8, scan_number(scan, at + 4, 4, true)};
        bool list = is_among(scan, at, lists);

        if (list && is_among(scan, data.at, walked)) {
            at = data.at + 4;
            continue;
        }
        if (scan_is(scan, at, SLICE("_PMX")))
            private_xmp(scan, data);
        else if (list && !scan_is(scan, data.at, SLICE("movi")) && data.n > 4)
            scan_blank(scan, (struct span){data.at + 4, data.n - 4}, 0);
        else if (!list && !is_among(scan, at, kept))
            scan_blank(scan, data, 0);
        at = data.at + ((data.n + 1) & ~UINT64_C(1));
    }
}

/* -- Matroska and WebM ------------------------------------------------------------------------- */

enum { EBML_SEGMENT = 0x18538067, EBML_TAGS = 0x1254c367, EBML_VOID = 0xec };

/* The bytes of a number that tells its own width; 0: it is none. */
static unsigned width_at(struct scan *scan, uint64_t at)
{
    unsigned first = (unsigned)scan_number(scan, at, 1, false), width = 1;

    while (width <= 8 && !(first & 0x100u >> width))
        width++;
    return width <= 8 && scan_holds(scan, at, width) ? width : 0;
}

/* Nothing of `data` but an element that says so and has its size. */
static void put_void(struct scan *scan, struct span data)
{
    enum { SHORT_HEAD = 2, SHORT_MAX = 126, LONG_HEAD = 9 };
    char head[LONG_HEAD] = {(char)EBML_VOID, 1};
    size_t n = SHORT_HEAD;

    if (data.n < SHORT_HEAD)
        return;
    if (data.n - SHORT_HEAD <= SHORT_MAX) {
        head[1] = (char)(0x80 | (data.n - SHORT_HEAD));
    } else {
        n = LONG_HEAD;
        for (unsigned i = 2; i < LONG_HEAD; i++)
            head[i] = (char)((data.n - LONG_HEAD) >> 8 * (LONG_HEAD - 1 - i) & 0xff);
    }
    mask_put(scan->mask, data.at, (struct slice){head, n});
    scan_blank(scan, (struct span){data.at + n, data.n - n}, 0);
}

/* The segment is walked into, and whatever has no size, as what a camera writes while it records:
 * what stands in it follows as the rest does. */
void private_matroska(struct scan *scan)
{
    uint64_t at = 0;
    unsigned id_width, width;

    while (at < scan->file.n && scan_step(scan) && (id_width = width_at(scan, at)) != 0 &&
           at + id_width < scan->file.n && (width = width_at(scan, at + id_width)) != 0) {
        uint64_t id = scan_number(scan, at, id_width, false);
        uint64_t ones = (UINT64_C(1) << 7 * width) - 1;
        struct span data = {at + id_width + width,
                            scan_number(scan, at + id_width, width, false) & ones};

        at = data.at;
        if (id == EBML_SEGMENT || data.n == ones)
            continue;
        data.n = scan_slice(scan, data).n;
        if (id == EBML_TAGS)
            put_void(scan, data);
        else if (id == EBML_VOID)
            scan_blank(scan, data, 0);
        at += data.n;
    }
}
