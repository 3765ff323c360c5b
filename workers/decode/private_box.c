#include "decode/private_box.h"

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

void box_blank(struct scan *scan, const struct box *box)
{
    mask_put(scan->mask, box->at + 4, SLICE("free"));
    scan_blank(scan, box->body, 0);
}
