"""EXIF blocks, and the places that pictures have for them, in all the spellings that cameras use and
tools refuse to write."""
import struct
import zlib

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL, DOUBLE = 1, 2, 3, 4, 5, 7, 10, 12
FORMATS = {BYTE: "B", SHORT: "H", LONG: "L", DOUBLE: "d"}
EXIF_IFD, GPS_IFD = 0x8769, 0x8825


def encode(order, kind, value):
    """(count, bytes) of a value: text or bytes, a number or several, (n, d) or several of these."""
    if isinstance(value, str):
        value = value.encode() + b"\0"
    if isinstance(value, bytes):
        return len(value), value
    if not isinstance(value, list):
        value = [value]
    if kind in (RATIONAL, SRATIONAL):
        flat = [number for pair in value for number in pair]
        return len(value), struct.pack(f"{order}{len(flat)}{'l' if kind == SRATIONAL else 'L'}", *flat)
    return len(value), struct.pack(f"{order}{len(value)}{FORMATS[kind]}", *value)


def directory(order, at, entries):
    """An IFD that stands at `at`, its values behind it."""
    values_at, head, values = at + 2 + 12 * len(entries) + 4, b"", b""
    for tag, kind, value in sorted(entries):
        count, data = encode(order, kind, value)
        if len(data) > 4:
            place = struct.pack(f"{order}L", values_at + len(values))
            values += data + b"\0" * (len(data) % 2)
        else:
            place = data.ljust(4, b"\0")
        head += struct.pack(f"{order}HHL", tag, kind, count) + place
    return struct.pack(f"{order}H", len(entries)) + head + b"\0\0\0\0" + values


def block(image=(), camera=(), place=(), order="<"):
    """A TIFF structure with the entries [(tag, type, value)] of three directories."""
    image = list(image)
    links = [(EXIF_IFD, camera), (GPS_IFD, place)]
    first = directory(order, 8, image + [(tag, LONG, 0) for tag, entries in links if entries])
    at, behind = 8 + len(first), b""
    for tag, entries in links:
        if entries:
            image.append((tag, LONG, at + len(behind)))
            behind += directory(order, at + len(behind), entries)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}L", 8)
    return head + directory(order, 8, image) + behind


def segment(data, marker=0xe1):
    return struct.pack(">BBH", 0xff, marker, len(data) + 2) + data


def into_jpeg(jpeg, tiff, before=b""):
    """In as many segments as it takes."""
    pieces = [tiff[i:i + 65000] for i in range(0, len(tiff), 65000)]
    return jpeg[:2] + before + b"".join(segment(b"Exif\0\0" + piece) for piece in pieces) + jpeg[2:]


def chunk(kind, data):
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def into_png(png, added):
    """Behind IHDR."""
    return png[:33] + added + png[33:]


def raw_profile(name, data):
    """As ImageMagick and GIMP write it."""
    digits = data.hex()
    lines = "\n".join(digits[i:i + 72] for i in range(0, len(digits), 72))
    text = f"\n{name}\n{len(data):8}\n{lines}\n".encode()
    return chunk(b"zTXt", f"Raw profile type {name}".encode() + b"\0\0" + zlib.compress(text))


def into_webp(webp, kind, data, size):
    """A simple file becomes an extended one (RFC 9649, section 2.7)."""
    flags = {b"EXIF": 8, b"XMP ": 4}[kind]
    body = webp[12:]
    if body[:4] != b"VP8X":
        extended = bytes([flags, 0, 0, 0]) + struct.pack("<L", size[0] - 1)[:3] + \
            struct.pack("<L", size[1] - 1)[:3]
        body = b"VP8X" + struct.pack("<L", 10) + extended + body
    body += kind + struct.pack("<L", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<L", len(body) + 4) + b"WEBP" + body


def turned_heif(heif, turn):
    """With a property "irot" or "imir" of its one picture, as heif-enc lays files out: items by
    16-bit ids, their places counted from a base."""
    def grow(data, name, count):
        at = data.index(name) - 4
        return data[:at] + struct.pack(">L", struct.unpack(">L", data[at:at + 4])[0] + count) + data[at + 4:]

    ipco, ipma, iloc = (heif.index(name) - 4 for name in (b"ipco", b"ipma", b"iloc"))
    end = ipma + struct.unpack(">L", heif[ipma:ipma + 4])[0]
    assert heif[ipma + 8:ipma + 18] == b"\0\0\0\0\0\0\0\1\0\1" and ipma > ipco
    properties, at = 1, ipco + 8
    while at < ipma:
        properties, at = properties + 1, at + struct.unpack(">L", heif[at:at + 4])[0]
    linked = bytes([heif[ipma + 18] + 1]) + heif[ipma + 19:end] + bytes([0x80 | properties])
    added = len(turn) + 1
    data = bytearray(heif[:ipma] + turn + heif[ipma:ipma + 18] + linked + heif[end:])
    assert heif[iloc + 8:iloc + 14] == b"\0\0\0\0\x44\x40"
    for i in range(struct.unpack(">H", heif[iloc + 14:iloc + 16])[0]):
        at = iloc + 16 + 18 * i + 4
        data[at:at + 4] = struct.pack(">L", struct.unpack(">L", data[at:at + 4])[0] + added)
    data = bytes(data)
    for name, count in ((b"meta", added), (b"iprp", added), (b"ipco", len(turn)), (b"ipma", 1)):
        data = grow(data, name, count)
    return data


def xmp(properties="", elements=""):
    """A packet with attributes and elements of its description."""
    return ('<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
            '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description rdf:about="" xmlns:exif="http://ns.adobe.com/exif/1.0/" '
            'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
            'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
            f'xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" {properties}>{elements}'
            '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>').encode()
