#include "decode/found.h"

#include "base/charset.h"

#include <math.h>

enum { MAX_TEXT_BYTES = 512, MAX_NAME_BYTES = 120, MAX_ISO = 10000000 };

void found_init(struct found *found, struct arena *arena)
{
    *found = (struct found){.arena = arena, .time = FOUND_TIMES};
}

void found_time(struct found *found, enum found_time what, const struct when *when)
{
    int64_t unix_ms;

    if (what >= found->time || !when_parse(when, &unix_ms))
        return;
    found->time = what;
    found->taken_ms = unix_ms;
}

/* -- Names ------------------------------------------------------------------------------------- */

static bool in_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80;
}

static struct slice next_word(struct slice *rest)
{
    size_t n = 0;

    while (rest->n && !in_word(*rest->p))
        *rest = slice_from_offset(*rest, 1);
    while (n < rest->n && in_word(rest->p[n]))
        n++;
    struct slice word = {rest->p, n};
    *rest = slice_from_offset(*rest, n);
    return word;
}

static bool has_word(struct slice text, struct slice wanted)
{
    struct slice word;

    while ((word = next_word(&text)).n)
        if (slice_eq_nocase(word, wanted))
            return true;
    return false;
}

/* For people; empty where there is no word in it ("----"). */
static struct slice name(struct found *found, struct slice bytes)
{
    if (bytes.n > MAX_TEXT_BYTES)
        bytes.n = MAX_TEXT_BYTES;
    struct slice text = wire_clip(found->arena, charset_guess(found->arena, bytes), MAX_NAME_BYTES);
    struct slice rest = text;

    return next_word(&rest).n ? text : SLICE_NONE;
}

/* "NIKON CORPORATION" and "NIKON D90", "EASTMAN KODAK COMPANY" and "KODAK DC240", "LG Electronics"
 * and "LG-H870". */
static bool says_maker(struct slice make, struct slice model)
{
    struct slice rest = make, maker = next_word(&rest);

    rest = model;
    return has_word(model, maker) || has_word(make, next_word(&rest));
}

/* "NIKON NIKON D90" */
static struct slice without_stutter(struct slice model)
{
    struct slice rest = model, first = next_word(&rest), second = next_word(&rest);

    return first.n && slice_eq_nocase(first, second)
               ? slice_from_offset(model, (size_t)(second.p - model.p))
               : model;
}

void found_camera(struct found *found, struct slice make, struct slice model)
{
    if (found->metadata.camera.n)
        return;
    make = name(found, make);
    model = without_stutter(name(found, model));
    if (!make.n || !model.n)
        found->metadata.camera = make.n ? make : model;
    else if (says_maker(make, model))
        found->metadata.camera = model;
    else
        found->metadata.camera =
            wire_clip(found->arena,
                      arena_printf(found->arena, "%.*s %.*s", SLICE_ARG(make), SLICE_ARG(model)),
                      MAX_NAME_BYTES);
}

void found_lens(struct found *found, struct slice model)
{
    if (!found->metadata.lens.n)
        found->metadata.lens = name(found, model);
}

/* -- Numbers ----------------------------------------------------------------------------------- */

void found_place(struct found *found, double latitude, double longitude)
{
    if (found->metadata.has_location || !(fabs(latitude) <= 90) || !(fabs(longitude) <= 180) ||
        (latitude == 0 && longitude == 0))
        return;
    found->metadata.has_location = true;
    found->metadata.location.latitude = latitude;
    found->metadata.location.longitude = longitude;
}

void found_altitude(struct found *found, double metres)
{
    struct wire_location *location = &found->metadata.location;

    if (location->has_altitude || !(fabs(metres) <= 20000))
        return;
    location->has_altitude = true;
    location->altitude = metres;
}

void found_iso(struct found *found, double iso)
{
    if (found->metadata.has_iso || !(iso >= 1 && iso <= MAX_ISO))
        return;
    found->metadata.has_iso = true;
    found->metadata.iso = (uint64_t)iso;
}

void found_exposure(struct found *found, double seconds)
{
    if (found->metadata.exposure.n || !(seconds > 1e-6 && seconds < 1e5))
        return;
    if (seconds < 0.3)
        found->metadata.exposure = arena_printf(found->arena, "1/%.0f", 1 / seconds);
    else
        found->metadata.exposure =
            arena_printf(found->arena, seconds < 100 ? "%.3g" : "%.0f", seconds);
}

void found_aperture(struct found *found, double f_number)
{
    if (found->metadata.has_aperture || !(f_number >= 0.1 && f_number <= 1000))
        return;
    found->metadata.has_aperture = true;
    found->metadata.aperture = f_number;
}
