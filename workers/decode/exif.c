#include "decode/exif.h"

#include "decode/when.h"

#include <libexif/exif-data.h>
#include <math.h>
#include <string.h>

/* Not in every release of libexif's table of names. */
enum { TAG_LENS_MODEL = 0xA434, TAG_OFFSET_TIME_ORIGINAL = 0x9011, TAG_SENSITIVITY = 0x8832 };

static const ExifEntry *entry(const ExifData *data, ExifIfd ifd, int tag)
{
    return exif_content_get_entry(data->ifd[ifd], (ExifTag)tag);
}

static struct slice ascii(const ExifData *data, ExifIfd ifd, int tag)
{
    const ExifEntry *e = entry(data, ifd, tag);

    if (!e || e->format != EXIF_FORMAT_ASCII || !e->data)
        return SLICE_NONE;
    return (struct slice){(const char *)e->data, strnlen((const char *)e->data, e->size)};
}

/* The n-th rational of an entry; false for another format or x/0. */
static bool rational(const ExifData *data, ExifIfd ifd, int tag, size_t n, double *out)
{
    const ExifEntry *e = entry(data, ifd, tag);
    unsigned width = exif_format_get_size(EXIF_FORMAT_RATIONAL);

    if (!e || e->format != EXIF_FORMAT_RATIONAL || !e->data || e->size / width <= n)
        return false;
    ExifRational value =
        exif_get_rational(e->data + n * width, exif_data_get_byte_order(e->parent->parent));
    if (value.denominator == 0)
        return false;
    *out = (double)value.numerator / (double)value.denominator;
    return true;
}

static void read_camera(struct arena *arena, const ExifData *data, struct wire_metadata *metadata)
{
    struct slice make = wire_clip(arena, ascii(data, EXIF_IFD_0, EXIF_TAG_MAKE), 60);
    struct slice model = wire_clip(arena, ascii(data, EXIF_IFD_0, EXIF_TAG_MODEL), 60);
    struct slice head = {model.p, make.n < model.n ? make.n : model.n};

    /* Many models begin with their maker's name. */
    if (make.n == 0 || slice_eq_nocase(head, make))
        metadata->camera = model;
    else
        metadata->camera =
            slice_trim(arena_printf(arena, "%.*s %.*s", SLICE_ARG(make), SLICE_ARG(model)));
    metadata->lens = wire_clip(arena, ascii(data, EXIF_IFD_EXIF, TAG_LENS_MODEL), 120);
}

static void read_iso(const ExifData *data, struct wire_metadata *metadata)
{
    const ExifEntry *e = entry(data, EXIF_IFD_EXIF, EXIF_TAG_ISO_SPEED_RATINGS);

    if (!e)
        e = entry(data, EXIF_IFD_EXIF, TAG_SENSITIVITY);
    if (!e || e->format != EXIF_FORMAT_SHORT || e->size < 2 || !e->data)
        return;
    metadata->iso = exif_get_short(e->data, exif_data_get_byte_order(e->parent->parent));
    metadata->has_iso = metadata->iso > 0;
}

static void read_exposure(struct arena *arena, const ExifData *data, struct wire_metadata *metadata)
{
    double seconds, f_number;

    if (rational(data, EXIF_IFD_EXIF, EXIF_TAG_EXPOSURE_TIME, 0, &seconds) && seconds > 1e-6 &&
        seconds < 1e5)
        metadata->exposure = seconds < 0.3 ? arena_printf(arena, "1/%.0f", 1 / seconds)
                                           : arena_printf(arena, "%.3g", seconds);
    if (rational(data, EXIF_IFD_EXIF, EXIF_TAG_FNUMBER, 0, &f_number) && f_number >= 0.1 &&
        f_number <= 1000) {
        metadata->aperture = f_number;
        metadata->has_aperture = true;
    }
}

/* Degrees, minutes, seconds and a hemisphere in a tag of its own; without it there is no place. */
static bool coordinate(const ExifData *data, int tag, int ref_tag, const char *refs, double limit,
                       double *out)
{
    struct slice ref = ascii(data, EXIF_IFD_GPS, ref_tag);
    double degrees, minutes = 0, seconds = 0;

    if (ref.n != 1 || (ref.p[0] != refs[0] && ref.p[0] != refs[1]) ||
        !rational(data, EXIF_IFD_GPS, tag, 0, &degrees) ||
        !rational(data, EXIF_IFD_GPS, tag, 1, &minutes) ||
        !rational(data, EXIF_IFD_GPS, tag, 2, &seconds) || minutes >= 60 || seconds >= 60)
        return false;
    *out = degrees + minutes / 60 + seconds / 3600;
    if (ref.p[0] == refs[1])
        *out = -*out;
    return fabs(*out) <= limit;
}

static void read_location(const ExifData *data, struct wire_metadata *metadata)
{
    struct wire_location *location = &metadata->location;
    const ExifEntry *ref = entry(data, EXIF_IFD_GPS, EXIF_TAG_GPS_ALTITUDE_REF);
    double altitude;

    metadata->has_location = coordinate(data, EXIF_TAG_GPS_LATITUDE, EXIF_TAG_GPS_LATITUDE_REF,
                                        "NS", 90, &location->latitude) &&
                             coordinate(data, EXIF_TAG_GPS_LONGITUDE, EXIF_TAG_GPS_LONGITUDE_REF,
                                        "EW", 180, &location->longitude);
    /* 0/0 means "no fix" in what phones write; nobody takes photos at that buoy. */
    if (location->latitude == 0 && location->longitude == 0)
        metadata->has_location = false;
    if (!rational(data, EXIF_IFD_GPS, EXIF_TAG_GPS_ALTITUDE, 0, &altitude) || altitude > 20000)
        return;
    bool below_sea = ref && ref->format == EXIF_FORMAT_BYTE && ref->size && ref->data[0] == 1;
    location->altitude = below_sea ? -altitude : altitude;
    location->has_altitude = true;
}

static void read_time(const ExifData *data, struct wire_results *results)
{
    struct slice original = ascii(data, EXIF_IFD_EXIF, EXIF_TAG_DATE_TIME_ORIGINAL);
    struct slice offset = ascii(data, EXIF_IFD_EXIF, TAG_OFFSET_TIME_ORIGINAL);

    results->has_taken_ms =
        when_parse(&(struct when){.text = original, .zone = offset}, &results->taken_ms);
}

void exif_read(struct arena *arena, struct slice block, struct wire_results *results)
{
    ExifData *data = exif_data_new();

    if (!data)
        return;
    /* Repairing a block to the standard costs time and invents tags. */
    exif_data_unset_option(data, EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
    exif_data_set_option(data, EXIF_DATA_OPTION_DONT_CHANGE_MAKER_NOTE);
    if (block.n <= UINT16_MAX)
        exif_data_load_data(data, (const unsigned char *)block.p, (unsigned)block.n);
    read_camera(arena, data, &results->metadata);
    read_iso(data, &results->metadata);
    read_exposure(arena, data, &results->metadata);
    read_location(data, &results->metadata);
    read_time(data, results);
    exif_data_unref(data);
}
