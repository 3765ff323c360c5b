#include "decode/exif.h"

#include "decode/degrees.h"
#include "decode/tiff.h"

#include <math.h>
#include <string.h>

enum {
    TAG_MAKE = 0x010f,
    TAG_MODEL = 0x0110,
    TAG_ORIENTATION = 0x0112,
    TAG_DATE_TIME = 0x0132,
    TAG_EXPOSURE_TIME = 0x829a,
    TAG_F_NUMBER = 0x829d,
    TAG_EXIF_IFD = 0x8769,
    TAG_GPS_IFD = 0x8825,
    TAG_ISO = 0x8827,
    TAG_OUTPUT_SENSITIVITY = 0x8831,
    TAG_RECOMMENDED_INDEX = 0x8832,
    TAG_ISO_SPEED = 0x8833,
    TAG_ORIGINAL = 0x9003,
    TAG_DIGITIZED = 0x9004,
    TAG_OFFSET = 0x9010,
    TAG_OFFSET_ORIGINAL = 0x9011,
    TAG_OFFSET_DIGITIZED = 0x9012,
    TAG_SHUTTER_SPEED = 0x9201,
    TAG_APERTURE = 0x9202,
    TAG_FRACTION = 0x9290,
    TAG_FRACTION_ORIGINAL = 0x9291,
    TAG_FRACTION_DIGITIZED = 0x9292,
    TAG_LENS_MODEL = 0xa434,
    GPS_LATITUDE_REF = 1,
    GPS_LATITUDE = 2,
    GPS_LONGITUDE_REF = 3,
    GPS_LONGITUDE = 4,
    GPS_ALTITUDE_REF = 5,
    GPS_ALTITUDE = 6,
    GPS_TIME = 7,
    GPS_DATE = 29,
    ISO_IS_ELSEWHERE = 65535,
};

struct exif {
    struct tiff tiff;
    struct tiff_ifd image, camera, place; /* n is 0 where there is none */
};

static bool find(struct exif *exif, const struct tiff_ifd *ifd, unsigned tag,
                 struct tiff_entry *out)
{
    return tiff_find(&exif->tiff, ifd, tag, out);
}

/* TIFF/EP, and raw files with it, have in the first directory what EXIF has in one of its own. */
static bool find_any(struct exif *exif, unsigned tag, struct tiff_entry *out)
{
    return find(exif, &exif->camera, tag, out) || find(exif, &exif->image, tag, out);
}

static struct slice text(struct exif *exif, unsigned tag)
{
    struct tiff_entry entry;

    return find_any(exif, tag, &entry) ? tiff_text(&exif->tiff, &entry) : SLICE_NONE;
}

static bool real(struct exif *exif, unsigned tag, double *out)
{
    struct tiff_entry entry;

    return find_any(exif, tag, &entry) && tiff_real(&exif->tiff, &entry, 0, out);
}

static void read_orientation(struct exif *exif, struct found *found)
{
    struct tiff_entry entry;
    double value;

    if (find(exif, &exif->image, TAG_ORIENTATION, &entry) &&
        tiff_real(&exif->tiff, &entry, 0, &value) && value >= 1 && value <= 8)
        found->orientation = (unsigned)value;
}

static void read_exposure(struct exif *exif, struct found *found)
{
    static const unsigned sensitivities[] = {TAG_ISO, TAG_RECOMMENDED_INDEX, TAG_OUTPUT_SENSITIVITY,
                                             TAG_ISO_SPEED};
    double value;

    for (size_t i = 0; i < sizeof sensitivities / sizeof *sensitivities; i++)
        if (real(exif, sensitivities[i], &value) && value != ISO_IS_ELSEWHERE)
            found_iso(found, value);
    if (real(exif, TAG_EXPOSURE_TIME, &value))
        found_exposure(found, value);
    if (real(exif, TAG_SHUTTER_SPEED, &value)) /* APEX, as the aperture below */
        found_exposure(found, exp2(-value));
    if (real(exif, TAG_F_NUMBER, &value))
        found_aperture(found, value);
    if (real(exif, TAG_APERTURE, &value) && value > 0)
        found_aperture(found, round(exp2(value / 2) * 10) / 10);
}

/* Without its sign; some write it as a text. */
static bool angle(struct tiff *tiff, const struct tiff_entry *parts, const char *refs, double *out)
{
    static const double units[] = {1, 60, 3600};
    double part;

    if (!tiff_real(tiff, parts, 0, &part)) {
        bool fine = degrees_parse(tiff_text(tiff, parts), refs, out);
        *out = fine ? fabs(*out) : 0;
        return fine;
    }
    *out = 0;
    for (uint64_t i = 0; i < 3 && i < parts->count; i++) {
        if (!tiff_real(tiff, parts, i, &part))
            return false;
        *out += fabs(part) / units[i];
    }
    return true;
}

/* Degrees, mostly with minutes and seconds, and a hemisphere in a tag of its own, of which the
 * first letter tells; without it there is no place. The sign of signed ones tells nothing. */
static bool coordinate(struct exif *exif, unsigned tag, const char *refs, double *out)
{
    struct tiff_entry ref, parts;

    if (!find(exif, &exif->place, tag - 1, &ref) || !find(exif, &exif->place, tag, &parts) ||
        parts.count == 0)
        return false;
    struct slice letter = slice_trim(tiff_text(&exif->tiff, &ref));
    if (letter.n == 0)
        return false;
    letter.n = 1;
    bool negative = slice_eq_nocase(letter, (struct slice){refs + 1, 1});
    if (!negative && !slice_eq_nocase(letter, (struct slice){refs, 1}))
        return false;
    if (!angle(&exif->tiff, &parts, refs, out))
        return false;
    if (negative)
        *out = -*out;
    return true;
}

/* Of the references 1 is below the sea, 3 below the ellipsoid (Exif 3.0). */
static void read_altitude(struct exif *exif, struct found *found)
{
    struct tiff_entry entry;
    double altitude, reference = 0;

    if (!find(exif, &exif->place, GPS_ALTITUDE, &entry) ||
        !tiff_real(&exif->tiff, &entry, 0, &altitude))
        return;
    if (find(exif, &exif->place, GPS_ALTITUDE_REF, &entry) &&
        !tiff_real(&exif->tiff, &entry, 0, &reference) &&
        slice_starts_with(tiff_text(&exif->tiff, &entry), SLICE("1")))
        reference = 1;
    found_altitude(found, reference == 1 || reference == 3 ? -fabs(altitude) : altitude);
}

static void read_place(struct exif *exif, struct found *found)
{
    double latitude, longitude;

    if (coordinate(exif, GPS_LATITUDE, "NS", &latitude) &&
        coordinate(exif, GPS_LONGITUDE, "EW", &longitude))
        found_place(found, latitude, longitude);
    read_altitude(exif, found);
}

/* UTC, in two tags. */
static void read_satellite_time(struct exif *exif, struct found *found)
{
    struct tiff_entry date, time;
    double part[3];

    if (!find(exif, &exif->place, GPS_DATE, &date) || !find(exif, &exif->place, GPS_TIME, &time))
        return;
    for (uint64_t i = 0; i < 3; i++)
        if (!tiff_real(&exif->tiff, &time, i, &part[i]) || part[i] < 0 || part[i] >= 61)
            return;
    struct slice day = tiff_text(&exif->tiff, &date);
    found_time(found, FOUND_POSITIONED,
               &(struct when){.text = arena_printf(found->arena, "%.*s %02.0f:%02.0f:%06.3f",
                                                   SLICE_ARG(slice_trim(day)), floor(part[0]),
                                                   floor(part[1]), part[2])});
}

static void read_times(struct exif *exif, struct found *found)
{
    static const struct {
        enum found_time what;
        unsigned text, fraction, zone;
    } tags[] = {
        {FOUND_ORIGINAL, TAG_ORIGINAL, TAG_FRACTION_ORIGINAL, TAG_OFFSET_ORIGINAL},
        {FOUND_DIGITIZED, TAG_DIGITIZED, TAG_FRACTION_DIGITIZED, TAG_OFFSET_DIGITIZED},
        {FOUND_CHANGED, TAG_DATE_TIME, TAG_FRACTION, TAG_OFFSET},
    };

    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        found_time(found, tags[i].what,
                   &(struct when){.text = text(exif, tags[i].text),
                                  .fraction = text(exif, tags[i].fraction),
                                  .zone = text(exif, tags[i].zone)});
    read_satellite_time(exif, found);
}

/* A directory that another one points to. */
static void open_ifd(struct exif *exif, unsigned tag, struct tiff_ifd *out)
{
    struct tiff_entry entry;
    unsigned width = exif->tiff.big ? 8 : 4;

    if (find(exif, &exif->image, tag, &entry) && entry.n >= 4)
        tiff_ifd(&exif->tiff, tiff_number(&exif->tiff, entry.at, entry.n >= width ? width : 4),
                 out);
}

/* "Exif\0\0" is JPEG's; some take the start of the segment along as well. */
static struct slice without_head(struct slice block)
{
    static const struct slice head = SLICE_INIT("Exif\0");
    enum { LOOK = 16 };
    const char *found = block.n > LOOK ? memmem(block.p, LOOK, head.p, head.n) : NULL;

    return found ? slice_from_offset(block, (size_t)(found - block.p) + head.n + 1) : block;
}

void exif_read(struct found *found, struct slice block)
{
    struct exif exif = {0};

    block = without_head(block);
    if (!tiff_open(block, &exif.tiff) || !tiff_ifd(&exif.tiff, exif.tiff.first, &exif.image))
        return;
    open_ifd(&exif, TAG_EXIF_IFD, &exif.camera);
    open_ifd(&exif, TAG_GPS_IFD, &exif.place);
    found_camera(found, text(&exif, TAG_MAKE), text(&exif, TAG_MODEL));
    found_lens(found, text(&exif, TAG_LENS_MODEL));
    read_orientation(&exif, found);
    read_exposure(&exif, found);
    read_place(&exif, found);
    read_times(&exif, found);
}
