#include "decode/iso6709.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NUMBER_CHARS = 20 };

/* A sign, at least one digit, perhaps a fraction; stands at the head of *s. */
static bool number(struct slice *s, double *out)
{
    char text[MAX_NUMBER_CHARS + 1];
    size_t n = 1;

    if (s->n < 2 || (s->p[0] != '+' && s->p[0] != '-'))
        return false;
    while (n < s->n && n < MAX_NUMBER_CHARS && strchr("0123456789.", s->p[n]) && s->p[n])
        n++;
    if (n < 2 || s->p[1] == '.')
        return false;
    memcpy(text, s->p, n);
    text[n] = '\0';
    char *end;
    *out = strtod(text, &end);
    *s = slice_from_offset(*s, n);
    return *end == '\0';
}

bool iso6709_parse(struct slice text, struct wire_location *out)
{
    *out = (struct wire_location){0};
    if (!number(&text, &out->latitude) || !number(&text, &out->longitude) ||
        fabs(out->latitude) > 90 || fabs(out->longitude) > 180 ||
        (out->latitude == 0 && out->longitude == 0))
        return false;
    out->has_altitude = number(&text, &out->altitude) && fabs(out->altitude) < 20000;
    return true;
}
