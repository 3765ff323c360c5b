/* XMP packets, and the IPTC records of Photoshop's resources. */
#include "decode/private_scan.h"

#include <string.h>

enum { IIM_MARK = 0x1c, IIM_LONG = 0x8000 };

/* Local names of properties; cases are the same. Some are private by what they say, in whatever
 * name: of each maker's own ("GpsLatitude", "DroneSerialNumber"). */
static const char *const words[] = {
    "gps",      "serialnumber", "latitude", "longitude",    "altitude",     "owner", "artist",
    "location", "contact",      "author",   "imagecreator", "photographer", NULL};
static const struct slice names[] = {
    SLICE_INIT("creator"), SLICE_INIT("City"), SLICE_INIT("State"),
    SLICE_INIT("lat"),     SLICE_INIT("long"), SLICE_INIT("CaptionWriter"),
};

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_private(struct slice name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (slice_eq_nocase(name, names[i]))
            return true;
    return scan_says(name, words);
}

struct xmp {
    struct scan *scan;
    struct slice text;
    uint64_t at; /* of text, in the file */
};

static size_t find_char(struct slice text, size_t from, char c)
{
    const char *found = from < text.n ? memchr(text.p + from, c, text.n - from) : NULL;

    return found ? (size_t)(found - text.p) : text.n;
}

static void blank_text(struct xmp *xmp, size_t from, size_t to)
{
    scan_blank(xmp->scan, (struct span){xmp->at + from, to - from}, ' ');
}

/* name = "value": from the sign of equality on. Returns where to go on. */
static size_t blank_attribute(struct xmp *xmp, size_t i)
{
    i++;
    while (i < xmp->text.n && is_space(xmp->text.p[i]))
        i++;
    if (i == xmp->text.n || (xmp->text.p[i] != '"' && xmp->text.p[i] != '\''))
        return i;
    size_t end = find_char(xmp->text, i + 1, xmp->text.p[i]);
    blank_text(xmp, i + 1, end);
    return end < xmp->text.n ? end + 1 : end;
}

/* What makes up the element itself: without it nothing in the packet can be read any more. */
static bool is_structure(struct slice text, size_t sign)
{
    size_t end = sign, begin;

    while (end > 0 && is_space(text.p[end - 1]))
        end--;
    for (begin = end; begin > 0 && (is_name_char(text.p[begin - 1]) || text.p[begin - 1] == ':');)
        begin--;
    struct slice name = {text.p + begin, end - begin};
    return slice_starts_with(name, SLICE("xml")) || slice_starts_with(name, SLICE("rdf:parseType"));
}

static size_t skip_attribute(struct slice text, size_t i)
{
    while (i < text.n && text.p[i] != '"' && text.p[i] != '\'')
        i++;
    return i < text.n ? find_char(text, i + 1, text.p[i]) + 1 : i;
}

/* Does `name` end this closing tag, "</prefix:name"? */
static bool closes(struct slice text, size_t at, struct slice name)
{
    size_t end = at + 2;

    while (end < text.n && (is_name_char(text.p[end]) || text.p[end] == ':'))
        end++;
    struct slice tag = {text.p + at, end - at};
    return slice_ends_with(tag, name) && tag.n > name.n + 1 && tag.p[tag.n - name.n - 1] == ':';
}

/* The values in a tag; returns where it ends. */
static size_t blank_tag(struct xmp *xmp, size_t i)
{
    while (i < xmp->text.n && xmp->text.p[i] != '>')
        if (xmp->text.p[i] != '=')
            i++;
        else
            i = is_structure(xmp->text, i) ? skip_attribute(xmp->text, i) : blank_attribute(xmp, i);
    return i;
}

/* The values in this element's tags and between them, up to its end. */
static size_t blank_element(struct xmp *xmp, size_t i, struct slice name)
{
    struct slice text = xmp->text;
    size_t open = blank_tag(xmp, i);

    if (open == text.n || text.p[open - 1] == '/')
        return open;
    while (open < text.n) {
        size_t tag = find_char(text, open + 1, '<');

        blank_text(xmp, open + 1, tag);
        if (tag + 1 >= text.n || (text.p[tag + 1] == '/' && closes(text, tag, name)))
            return tag;
        open = blank_tag(xmp, tag);
    }
    return text.n;
}

static size_t blank_property(struct xmp *xmp, size_t begin, size_t end)
{
    struct slice name = {xmp->text.p + begin, end - begin};
    size_t before = begin - 1, i = end;

    while (before > 0 && is_name_char(xmp->text.p[before - 1]))
        before--;
    if (slice_eq((struct slice){xmp->text.p + before, begin - 1 - before}, SLICE("xmlns")))
        return end; /* the name of a prefix */
    if (before > 0 && xmp->text.p[before - 1] == '<')
        return blank_element(xmp, end, name);
    while (i < xmp->text.n && is_space(xmp->text.p[i]))
        i++;
    return i < xmp->text.n && xmp->text.p[i] == '=' ? blank_attribute(xmp, i) : i;
}

void private_xmp(struct scan *scan, struct span span)
{
    struct xmp xmp = {scan, scan_slice(scan, span), span.at};

    /* UTF-16 and UTF-32 are allowed, and not written by anybody. */
    if (xmp.text.n && memchr(xmp.text.p, '\0', xmp.text.n - 1)) {
        scan_blank(scan, span, ' ');
        return;
    }
    for (size_t i = 0; i < xmp.text.n;) {
        size_t begin = find_char(xmp.text, i, ':') + 1, end = begin;

        while (end < xmp.text.n && is_name_char(xmp.text.p[end]))
            end++;
        i = end;
        if (begin < end && is_private((struct slice){xmp.text.p + begin, end - begin}))
            i = blank_property(&xmp, begin, end);
    }
}

/* -- Photoshop's image resources ------------------------------------------------------------- */

/* The content's location, by-line, city, sublocation, state, country code and name, contact,
 * writer. */
static bool is_private_record(unsigned record, unsigned dataset)
{
    static const unsigned char datasets[] = {26, 27, 80, 90, 92, 95, 100, 101, 118, 122};

    for (size_t i = 0; i < sizeof datasets; i++)
        if (record == 2 && datasets[i] == dataset)
            return true;
    return false;
}

static void look_at_iptc(struct scan *scan, struct span iptc)
{
    uint64_t end = iptc.at + iptc.n;

    for (uint64_t at = iptc.at; at + 5 <= end && scan_step(scan);) {
        unsigned record = (unsigned)scan_number(scan, at + 1, 1, false);
        unsigned dataset = (unsigned)scan_number(scan, at + 2, 1, false);
        uint64_t n = scan_number(scan, at + 3, 2, false);

        if (scan_number(scan, at, 1, false) != IIM_MARK || n >= IIM_LONG || n > end - at - 5) {
            scan_blank(scan, (struct span){at, end - at}, 0);
            return;
        }
        if (is_private_record(record, dataset))
            scan_blank(scan, (struct span){at + 5, n}, ' ');
        at += 5 + n;
    }
}

void private_photoshop(struct scan *scan, struct span resources)
{
    enum { IPTC = 0x0404, EXIF = 0x0422, EXIF_3 = 0x0423, XMP = 0x0424 };
    uint64_t end = resources.at + resources.n;

    for (uint64_t at = resources.at; at + 12 <= end && scan_step(scan);) {
        uint64_t id = scan_number(scan, at + 4, 2, false);
        uint64_t name = (scan_number(scan, at + 6, 1, false) + 2) & ~UINT64_C(1);
        struct span data = {at + 6 + name + 4, scan_number(scan, at + 6 + name, 4, false)};

        if (!scan_is(scan, at, SLICE("8BIM")) || data.at > end || data.n > end - data.at) {
            scan_blank(scan, (struct span){at, end - at}, 0);
            return;
        }
        if (id == IPTC)
            look_at_iptc(scan, data);
        else if (id == EXIF || id == EXIF_3)
            private_tiff(scan, data, false);
        else if (id == XMP)
            private_xmp(scan, data);
        at = data.at + ((data.n + 1) & ~UINT64_C(1));
    }
}
