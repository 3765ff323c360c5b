#include "decode/private_scan.h"

void scan_blank(struct scan *scan, struct span span, char fill)
{
    mask_add(scan->mask, span.at, scan_slice(scan, span).n, (unsigned char)fill);
}
