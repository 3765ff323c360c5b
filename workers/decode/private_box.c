#include "decode/private_box.h"

void box_blank(struct scan *scan, const struct box *box)
{
    mask_put(scan->mask, box->at + 4, SLICE("free"));
    scan_blank(scan, box->body, 0);
}
