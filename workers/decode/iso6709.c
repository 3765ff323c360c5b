#include "decode/iso6709.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NUMBER_CHARS = 20 };

/* A sign, at least one digit, perhaps a fraction; stands at the head of *s. *digits: how many there
 * are before the fraction. */
static bool number(struct slice *s, double *out, size_t *digits)
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
    *digits = strcspn(text + 1, ".");
    *s = slice_from_offset(*s, n);
    return *end == '\0';
}

/* Degrees have `width` digits at most; two more are minutes, and then seconds: +DDMM.M, +DDMMSS.S.
 */
static bool angle(struct slice *s, size_t width, double *out)
{
    size_t digits;
    double value;

    if (!number(s, &value, &digits))
        return false;
    double rest = fabs(value), seconds = 0, minutes = 0;
    if (digits == width + 4) {
        seconds = fmod(rest, 100);
        rest = floor(rest / 100);
    }
    if (digits == width + 4 || digits == width + 2) {
        minutes = fmod(rest, 100);
        rest = floor(rest / 100);
    }
    *out = copysign(rest + minutes / 60 + seconds / 3600, value);
    return minutes <= 60 && seconds <= 60;
}

bool iso6709_parse(struct slice text, struct wire_location *out)
{
    *out = (struct wire_location){0};
    size_t digits;

    if (!angle(&text, 2, &out->latitude) || !angle(&text, 3, &out->longitude) ||
        fabs(out->latitude) > 90 || fabs(out->longitude) > 180 ||
        (out->latitude == 0 && out->longitude == 0))
        return false;
    out->has_altitude = number(&text, &out->altitude, &digits) && fabs(out->altitude) < 20000;
    return true;
}
