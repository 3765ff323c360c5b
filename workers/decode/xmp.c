#include "decode/xmp.h"

#include "base/utf8.h"
#include "decode/degrees.h"

#include <math.h>
#include <string.h>

enum property {
    P_MAKE,
    P_MODEL,
    P_LENS_MODEL,
    P_LENS,
    P_ORIGINAL,
    P_DIGITIZED,
    P_CREATE,
    P_MODIFY,
    P_CREATED,
    P_LATITUDE,
    P_LONGITUDE,
    P_ALTITUDE,
    P_ALTITUDE_REF,
    P_GPS_TIME,
    P_SENSITIVITY,
    P_SPEED,
    P_EXPOSURE,
    P_F_NUMBER,
    PROPERTIES
};

/* The usual prefixes count where a packet declares none. */
#define NS_EXIF SLICE_INIT("exif"), SLICE_INIT("http://ns.adobe.com/exif/1.0/")
#define NS_EXIF_EX SLICE_INIT("exifEX"), SLICE_INIT("http://cipa.jp/exif/1.0/")
#define NS_TIFF SLICE_INIT("tiff"), SLICE_INIT("http://ns.adobe.com/tiff/1.0/")
#define NS_AUX SLICE_INIT("aux"), SLICE_INIT("http://ns.adobe.com/exif/1.0/aux/")
#define NS_XMP SLICE_INIT("xmp"), SLICE_INIT("http://ns.adobe.com/xap/1.0/")
#define NS_PHOTOSHOP SLICE_INIT("photoshop"), SLICE_INIT("http://ns.adobe.com/photoshop/1.0/")

static const struct row {
    struct slice prefix, uri, name;
} rows[PROPERTIES] = {
    [P_MAKE] = {NS_TIFF, SLICE_INIT("Make")},
    [P_MODEL] = {NS_TIFF, SLICE_INIT("Model")},
    [P_LENS_MODEL] = {NS_EXIF_EX, SLICE_INIT("LensModel")},
    [P_LENS] = {NS_AUX, SLICE_INIT("Lens")},
    [P_ORIGINAL] = {NS_EXIF, SLICE_INIT("DateTimeOriginal")},
    [P_DIGITIZED] = {NS_EXIF, SLICE_INIT("DateTimeDigitized")},
    [P_CREATE] = {NS_XMP, SLICE_INIT("CreateDate")},
    [P_MODIFY] = {NS_XMP, SLICE_INIT("ModifyDate")},
    [P_CREATED] = {NS_PHOTOSHOP, SLICE_INIT("DateCreated")},
    [P_LATITUDE] = {NS_EXIF, SLICE_INIT("GPSLatitude")},
    [P_LONGITUDE] = {NS_EXIF, SLICE_INIT("GPSLongitude")},
    [P_ALTITUDE] = {NS_EXIF, SLICE_INIT("GPSAltitude")},
    [P_ALTITUDE_REF] = {NS_EXIF, SLICE_INIT("GPSAltitudeRef")},
    [P_GPS_TIME] = {NS_EXIF, SLICE_INIT("GPSTimeStamp")},
    [P_SENSITIVITY] = {NS_EXIF_EX, SLICE_INIT("PhotographicSensitivity")},
    [P_SPEED] = {NS_EXIF, SLICE_INIT("ISOSpeedRatings")},
    [P_EXPOSURE] = {NS_EXIF, SLICE_INIT("ExposureTime")},
    [P_F_NUMBER] = {NS_EXIF, SLICE_INIT("FNumber")},
};

enum { MAX_NAMESPACES = 64, MAX_VALUE_BYTES = 512 };

struct packet {
    struct slice text;
    size_t at;
    struct slice prefixes[MAX_NAMESPACES], uris[MAX_NAMESPACES];
    size_t namespaces;
    unsigned depth; /* of the element that we are in */
    unsigned rdf;   /* depth of rdf:RDF; 0: not in it */
    unsigned open;  /* depth of the element of the property below; 0: in none */
    enum property property;
    struct slice values[PROPERTIES]; /* as they stand, with entities */
};

/* -- Text -------------------------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice trim(struct slice s)
{
    while (s.n && is_space(*s.p))
        s = slice_from_offset(s, 1);
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

static struct slice rest(const struct packet *packet)
{
    return slice_from_offset(packet->text, packet->at);
}

/* Goes behind the next `end`, or to the end of all. */
static void skip_past(struct packet *packet, struct slice end)
{
    struct slice left = rest(packet);
    const char *found = memmem(left.p, left.n, end.p, end.n);

    packet->at = found ? (size_t)(found - packet->text.p) + end.n : packet->text.n;
}

/* Up to one of the characters, which stays. */
static struct slice take_until(struct packet *packet, const char *ends)
{
    size_t from = packet->at;

    while (packet->at < packet->text.n && packet->text.p[packet->at] &&
           !strchr(ends, packet->text.p[packet->at]))
        packet->at++;
    return (struct slice){packet->text.p + from, packet->at - from};
}

static char peek(const struct packet *packet)
{
    return packet->at < packet->text.n ? packet->text.p[packet->at] : '\0';
}

static void skip_spaces(struct packet *packet)
{
    while (packet->at < packet->text.n && is_space(packet->text.p[packet->at]))
        packet->at++;
}

/* -- Names ------------------------------------------------------------------------------------- */

static void note_namespaces(struct packet *packet)
{
    static const struct slice mark = SLICE_INIT("xmlns:");

    for (skip_past(packet, mark); packet->at < packet->text.n; skip_past(packet, mark)) {
        struct slice prefix = take_until(packet, "= \t\r\n'\"<>");

        take_until(packet, "'\"<>");
        char quote[] = {peek(packet), '\0'};
        if ((*quote != '"' && *quote != '\'') || packet->namespaces == MAX_NAMESPACES)
            continue;
        packet->at++;
        packet->prefixes[packet->namespaces] = prefix;
        packet->uris[packet->namespaces++] = take_until(packet, quote);
    }
    packet->at = 0;
}

static struct slice uri_of(const struct packet *packet, struct slice prefix)
{
    for (size_t i = packet->namespaces; i-- > 0;)
        if (slice_eq(packet->prefixes[i], prefix))
            return packet->uris[i];
    return SLICE_NONE;
}

static bool find_property(const struct packet *packet, struct slice name, enum property *out)
{
    struct slice prefix, local;

    if (!slice_split(name, ':', &prefix, &local))
        return false;
    for (enum property i = 0; i < PROPERTIES; i++) {
        if (!slice_eq(rows[i].name, local))
            continue;
        struct slice uri = uri_of(packet, prefix);
        if (uri.n ? slice_eq(uri, rows[i].uri) : slice_eq(prefix, rows[i].prefix)) {
            *out = i;
            return true;
        }
    }
    return false;
}

static void note_value(struct packet *packet, enum property property, struct slice value)
{
    value = trim(value);
    if (!packet->values[property].n && value.n <= MAX_VALUE_BYTES)
        packet->values[property] = value;
}

/* -- Tags -------------------------------------------------------------------------------------- */

static void close_element(struct packet *packet)
{
    if (packet->depth == packet->rdf)
        packet->rdf = 0;
    if (packet->depth == packet->open)
        packet->open = 0;
    if (packet->depth)
        packet->depth--;
}

/* Properties are attributes of rdf:Description, or elements in it; those of other pictures, which
 * lie deeper (ingredients, histories), are not ours. */
static void take_attribute(struct packet *packet)
{
    enum property property;
    struct slice name = take_until(packet, "= \t\r\n/><");

    skip_spaces(packet);
    if (peek(packet) != '=') {
        if (name.n == 0)
            packet->at++; /* nothing that makes sense */
        return;
    }
    packet->at++;
    skip_spaces(packet);
    char quote[] = {peek(packet), '\0'};
    if (*quote != '"' && *quote != '\'')
        return;
    packet->at++;
    struct slice value = take_until(packet, quote);
    if (peek(packet))
        packet->at++;
    if (packet->rdf && packet->depth == packet->rdf + 1 && find_property(packet, name, &property))
        note_value(packet, property, value);
}

static void open_element(struct packet *packet)
{
    struct slice name = take_until(packet, " \t\r\n/><");

    packet->depth++;
    if (!packet->rdf && slice_ends_with(name, SLICE(":RDF")))
        packet->rdf = packet->depth;
    if (packet->rdf && packet->depth == packet->rdf + 2 &&
        find_property(packet, name, &packet->property))
        packet->open = packet->depth;
    for (;;) {
        skip_spaces(packet);
        char c = peek(packet);
        if (c == '/' && packet->at + 1 < packet->text.n && packet->text.p[packet->at + 1] == '>')
            close_element(packet);
        if (c == '\0' || c == '>' || c == '<')
            break;
        if (c == '/')
            packet->at++;
        else
            take_attribute(packet);
    }
    if (peek(packet) == '>')
        packet->at++;
}

/* From '<' on. False: there is nothing more that may be looked at. */
static bool take_tag(struct packet *packet)
{
    static const struct slice cdata = SLICE_INIT("<![CDATA[");
    struct slice left = rest(packet);

    if (slice_starts_with(left, SLICE("<!--"))) {
        skip_past(packet, SLICE("-->"));
    } else if (slice_starts_with(left, cdata)) {
        size_t from = packet->at + cdata.n;
        skip_past(packet, SLICE("]]>"));
        if (packet->open && packet->at >= from + 3)
            note_value(packet, packet->property,
                       (struct slice){packet->text.p + from, packet->at - from - 3});
    } else if (slice_starts_with(left, SLICE("<!"))) {
        return false;
    } else if (slice_starts_with(left, SLICE("<?"))) {
        skip_past(packet, SLICE("?>"));
    } else if (slice_starts_with(left, SLICE("</"))) {
        close_element(packet);
        skip_past(packet, SLICE(">"));
    } else {
        packet->at++;
        open_element(packet);
    }
    return true;
}

/* The first text in a property's element is its value: that of an array, its first item. */
static void scan(struct packet *packet)
{
    note_namespaces(packet);
    while (packet->at < packet->text.n) {
        struct slice text = take_until(packet, "<");

        if (packet->open)
            note_value(packet, packet->property, text);
        if (peek(packet) != '<' || !take_tag(packet))
            return;
    }
}

/* -- Values ------------------------------------------------------------------------------------ */

/* The character of "&...;" at the front; 0 where there is none. */
static uint32_t entity(struct slice *s)
{
    static const struct {
        struct slice name;
        char c;
    } named[] = {{SLICE_INIT("&amp;"), '&'},
                 {SLICE_INIT("&lt;"), '<'},
                 {SLICE_INIT("&gt;"), '>'},
                 {SLICE_INIT("&quot;"), '"'},
                 {SLICE_INIT("&apos;"), '\''}};
    bool hex = slice_starts_with(*s, SLICE("&#x"));
    uint32_t code = 0;

    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (slice_starts_with(*s, named[i].name)) {
            *s = slice_from_offset(*s, named[i].name.n);
            return (unsigned char)named[i].c;
        }
    if (!slice_starts_with(*s, SLICE("&#")))
        return 0;
    for (size_t i = hex ? 3 : 2; i < s->n && i < 10; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = s->p[i] ? strchr(digits, s->p[i] | 0x20) : NULL;

        if (s->p[i] == ';') {
            *s = slice_from_offset(*s, i + 1);
            return code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? UTF8_REPLACEMENT : code;
        }
        if (!digit || (!hex && digit - digits > 9))
            return 0;
        code = code * (hex ? 16 : 10) + (uint32_t)(digit - digits);
    }
    return 0;
}

static struct slice plain(struct arena *arena, struct slice value)
{
    char *out = arena_alloc(arena, value.n + UTF8_MAX_BYTES);
    size_t n = 0;

    while (value.n) {
        uint32_t code = *value.p == '&' ? entity(&value) : 0;

        if (code) { /* shorter than what it was spelled with */
            n += utf8_put(out + n, code);
            continue;
        }
        out[n++] = *value.p;
        value = slice_from_offset(value, 1);
    }
    return (struct slice){out, n};
}

/* "28/10" or "2.8" */
static bool ratio(struct slice value, double *out)
{
    double below;

    if (!degrees_number(&value, out))
        return false;
    if (value.n == 0 || *value.p != '/')
        return true;
    value = slice_from_offset(value, 1);
    if (!degrees_number(&value, &below) || below == 0)
        return false;
    *out /= below;
    return true;
}

static void read_place(struct found *found, const struct slice *values)
{
    double latitude, longitude, altitude;

    if (degrees_parse(values[P_LATITUDE], "NS", &latitude) &&
        degrees_parse(values[P_LONGITUDE], "EW", &longitude))
        found_place(found, latitude, longitude);
    if (ratio(values[P_ALTITUDE], &altitude))
        found_altitude(found,
                       slice_eq(values[P_ALTITUDE_REF], SLICE("1")) ? -fabs(altitude) : altitude);
}

static void read_times(struct found *found, const struct slice *values)
{
    static const struct {
        enum found_time what;
        enum property property;
    } times[] = {
        {FOUND_XMP_ORIGINAL, P_ORIGINAL},   {FOUND_XMP_CREATED, P_CREATED},
        {FOUND_XMP_DIGITIZED, P_DIGITIZED}, {FOUND_XMP_DIGITIZED, P_CREATE},
        {FOUND_XMP_POSITIONED, P_GPS_TIME}, {FOUND_XMP_CHANGED, P_MODIFY},
    };

    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        found_time(found, times[i].what, &(struct when){.text = values[times[i].property]});
}

static void read_exposure(struct found *found, const struct slice *values)
{
    double value;

    if (ratio(values[P_SENSITIVITY], &value) || ratio(values[P_SPEED], &value))
        found_iso(found, value);
    if (ratio(values[P_EXPOSURE], &value))
        found_exposure(found, value);
    if (ratio(values[P_F_NUMBER], &value))
        found_aperture(found, value);
}

void xmp_read(struct found *found, struct slice packet)
{
    struct packet read = {.text = packet};
    struct slice *values = read.values;

    scan(&read);
    for (enum property i = 0; i < PROPERTIES; i++)
        values[i] = plain(found->arena, values[i]);
    found_camera(found, values[P_MAKE], values[P_MODEL]);
    found_lens(found, values[P_LENS_MODEL].n ? values[P_LENS_MODEL] : values[P_LENS]);
    read_place(found, values);
    read_times(found, values);
    read_exposure(found, values);
}
