#include "decode/degrees.h"

#include <math.h>

bool degrees_number(struct slice *s, double *out)
{
    double unit = 1;

    while (s->n && (*s->p < '0' || *s->p > '9') && *s->p != '-')
        *s = slice_from_offset(*s, 1);
    bool negative = s->n && *s->p == '-', any = false;
    *out = 0;
    if (negative)
        *s = slice_from_offset(*s, 1);
    for (; s->n; *s = slice_from_offset(*s, 1)) {
        if (*s->p == '.' && unit == 1) {
            unit = 0.1;
            continue;
        }
        if (*s->p < '0' || *s->p > '9')
            break;
        any = true;
        *out = unit == 1 ? *out * 10 + (*s->p - '0') : *out + (*s->p - '0') * unit;
        unit = unit == 1 ? 1 : unit / 10;
    }
    if (negative)
        *out = -*out;
    return any;
}

bool degrees_parse(struct slice value, const char *refs, double *out)
{
    double part;
    size_t letter = value.n;
    bool negative = value.n && *value.p == '-';

    while (letter > 0 && (value.p[letter - 1] | 0x20) >= 'a' && (value.p[letter - 1] | 0x20) <= 'z')
        letter--;
    if (letter < value.n && (value.p[letter] | 0x20) != (refs[0] | 0x20)) {
        if ((value.p[letter] | 0x20) != (refs[1] | 0x20))
            return false;
        negative = true;
    }
    struct slice left = {value.p, letter};
    if (!degrees_number(&left, out))
        return false;
    *out = fabs(*out);
    for (double unit = 60; unit <= 3600 && degrees_number(&left, &part); unit *= 60)
        *out += fabs(part) / unit;
    if (negative)
        *out = -*out;
    return true;
}
