"""Files that claim, or unfold to, far more than they are. Small, of every kind, made by themselves:
each function yields (name, bytes)."""
import itertools
import struct
import zlib


# -- PNG (W3C PNG, section 5) --

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, *between, rows=b"", depth=8, colour=2, interlaced=0):
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(between) +
            chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def zeros(n):
    """A zlib stream that is a thousand times as large when it is unpacked. It has no end."""
    packer = zlib.compressobj(9, wbits=-15)
    piece = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\xda" + piece * (n >> 20)


def pngs():
    small = bytes(3 * 16 + 1) * 16                           # rows of a 16 x 16 picture
    packed = zeros(48 << 20)
    yield "wide.png", png(60000, 60000)
    yield "held.png", png(16000, 16000, interlaced=1)
    yield "held_deep.png", png(16000, 16000, depth=16, colour=6, interlaced=1)
    yield "profile.png", png(16, 16, chunk(b"iCCP", b"x\0\0" + zeros(400 << 20)), rows=small)
    text = chunk(b"zTXt", b"Comment\0\0" + packed)
    yield "texts.png", png(16, 16, *[text] * 40, rows=small)
    xmp = chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + packed)
    yield "xmp.png", png(16, 16, *[xmp] * 40, rows=small)
    raw = chunk(b"zTXt", b"Raw profile type exif\0\0" + packed)
    yield "raw_exif.png", png(16, 16, *[raw] * 40, rows=small)
    yield "chunks.png", png(16, 16, chunk(b"tEXt", b"a\0b") * 200000, rows=small)
    yield "behind.png", png(16, 16, rows=small + bytes(1 << 27))


# -- GIF89a --

def gif(width, height, frames, size=(1, 1)):
    frame = (b"\x21\xf9\x04\0\x01\0\0\0" + b"," + struct.pack("<HHHHB", 0, 0, *size, 0) +
             b"\x02\x02\x44\x01\0")
    return (b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) +
            frame * frames + b";")


def gifs():
    yield "wide.gif", gif(65535, 65535, 1, (65535, 65535))
    yield "held.gif", gif(16000, 16000, 1, (16000, 16000))
    yield "million.gif", gif(16, 16, 1000000)
    yield "film.gif", gif(8000, 8000, 5000)


# -- TIFF 6.0 and BigTIFF --

def directory(entries, following):
    return struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", tag, kind, count, value) for tag, kind, count, value in entries) + \
        struct.pack("<I", following)


def page(width, height, at, bytes_at=8, n=3, rows=None, compression=1, extra=()):
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression),
            (262, 3, 1, 1), (273, 4, 1, bytes_at), (277, 3, 1, 1), (278, 4, 1, rows or height),
            (279, 4, 1, n), *extra]
    return directory(sorted(tags), at)


def tiffs():
    head = b"II*\0" + struct.pack("<I", 8)
    each = len(page(1, 1, 0))
    yield "pages.tif", head + b"".join(
        page(1, 1, 8 + each * (i + 1) if i < 299999 else 0) for i in range(300000))
    yield "loop.tif", head + page(1, 1, 8 + each) + page(1, 1, 8)
    yield "self.tif", head + page(1, 1, 8)
    yield "wide.tif", head + page(60000, 60000, 0)
    yield "strip.tif", head + page(16000, 16000, 0)
    yield "packed.tif", head + page(16000, 16000, 0, 8 + each, 300000, compression=8) + zeros(256 << 20)
    yield "tile.tif", head + directory(
        [(256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
         (277, 3, 1, 1), (322, 4, 1, 60000), (323, 4, 1, 60000), (324, 4, 1, 8), (325, 4, 1, 8)], 0)
    yield "samples.tif", head + page(4000, 4000, 0, extra=()).replace(
        struct.pack("<HHII", 277, 3, 1, 1), struct.pack("<HHII", 277, 3, 1, 60000))
    yield "below.tif", head + page(1, 1, 0, extra=((330, 4, 300000, 8),))
    yield "entries.tif", head + directory([(1000, 2, 0xffffffff, 8)] * 65535, 0)


# -- JPEG (ITU-T T.81, annex B) --

def segment(marker, data):
    return bytes((0xff, marker)) + struct.pack(">H", len(data) + 2) + data


def jpeg_head(width, height, frame=0xc0, components=3, sampling=0x11):
    parts = b"".join(bytes((i + 1, sampling, 0)) for i in range(components))
    return (b"\xff\xd8" + segment(0xdb, b"\0" + b"\1" * 64) +
            segment(frame, struct.pack(">BHHB", 8, height, width, components) + parts) +
            # One code of one bit: nothing follows.
            segment(0xc4, b"\x00" + b"\1" + bytes(15) + b"\0") +
            segment(0xc4, b"\x10" + b"\0\2" + bytes(14) + b"\x00\xe0"))


def scan(first, last, high, low, components=(1,), data=b""):
    which = bytes((len(components),)) + b"".join(bytes((c, 0)) for c in components)
    return segment(0xda, which + bytes((first, last, high << 4 | low))) + data


def jpegs():
    yield "wide.jpg", jpeg_head(65500, 65500) + scan(0, 63, 0, 0, (1, 2, 3)) + b"\xff\xd9"
    yield "wide_progressive.jpg", jpeg_head(65500, 65500, 0xc2) + scan(0, 0, 0, 0, (1, 2, 3)) + b"\xff\xd9"
    yield "held.jpg", jpeg_head(16000, 16000, 0xc2) + scan(0, 0, 0, 0, (1, 2, 3)) + b"\xff\xd9"
    yield "held_arithmetic.jpg", jpeg_head(16000, 16000, 0xca) + scan(0, 0, 0, 0, (1, 2, 3)) + b"\xff\xd9"
    yield "held_scans.jpg", jpeg_head(16000, 16000) + scan(0, 63, 0, 0, (1,)) + scan(0, 63, 0, 0, (2,)) + b"\xff\xd9"
    blocks = 500 * 500
    dc = scan(0, 0, 0, 1, data=bytes(blocks // 8 + 1))
    # Again and again the same coefficients, which are never any (two bits: a run of 16384 blocks).
    again = scan(1, 63, 0, 0, data=b"\x40\x00\x00" * 20)
    yield "scans.jpg", jpeg_head(4000, 4000, 0xc2, 1) + dc + again * 20000 + b"\xff\xd9"
    exif = segment(0xe1, b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 4000) +
                   struct.pack("<HHII", 0x8769, 4, 1, 8) * 4000 + bytes(4))
    body = b"".join(itertools.islice((exif,), 1))
    yield "exif.jpg", b"\xff\xd8" + body * 100 + jpeg_head(16, 16)[2:] + scan(0, 63, 0, 0, (1, 2, 3)) + b"\xff\xd9"
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + b"<a:b xmlns:a='c'>" * 3800
    yield "xmp.jpg", b"\xff\xd8" + segment(0xe1, xmp) * 120 + jpeg_head(16, 16)[2:] + \
        scan(0, 63, 0, 0, (1, 2, 3)) + b"\xff\xd9"
    yield "segments.jpg", b"\xff\xd8" + segment(0xfe, b"") * 1000000 + jpeg_head(16, 16)[2:] + \
        scan(0, 63, 0, 0, (1, 2, 3)) + b"\xff\xd9"
    profile = segment(0xe2, b"ICC_PROFILE\0\x01\xff" + bytes(65000))
    yield "profile.jpg", b"\xff\xd8" + profile * 150 + jpeg_head(16, 16)[2:] + \
        scan(0, 63, 0, 0, (1, 2, 3)) + b"\xff\xd9"


# -- WebP (RFC 9649) --

def riff(kind, data):
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) & 1)


def webp(*chunks):
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def lossless(width, height):
    """Of one colour: five codes of one symbol each, and not a bit more for a pixel."""
    bits, n = 0, 0

    def put(value, count):
        nonlocal bits, n
        bits |= value << n
        n += count
    put(width - 1, 14), put(height - 1, 14), put(0, 1), put(0, 3)      # no alpha, version 0
    put(0, 3)                                                           # no transform, cache, groups
    for _ in range(5):
        put(1, 1), put(0, 1), put(0, 1), put(0, 1)                      # simple, one symbol, a bit: 0
    return b"\x2f" + bits.to_bytes((n + 7) // 8 + 8, "little")


def u24(value):
    return struct.pack("<I", value)[:3]


def webps():
    yield "held.webp", webp(riff(b"VP8L", lossless(16383, 16383)))
    head = riff(b"VP8X", b"\x02\0\0\0" + u24(9999) + u24(9999))
    frame = riff(b"ANMF", u24(0) + u24(0) + u24(15) + u24(15) + u24(40) + b"\0" +
                 riff(b"VP8L", lossless(16, 16)))
    yield "film.webp", webp(head, riff(b"ANIM", bytes(6)), frame * 50000)
    wide = riff(b"VP8X", b"\x02\0\0\0" + u24((1 << 24) - 1) + u24(255))
    yield "wide.webp", webp(wide, riff(b"ANIM", bytes(6)), frame)


# -- ISO base media (ISO 14496-12, 23008-12) --

def box(kind, *parts, version=None):
    body = b"".join(parts)
    if version is not None:
        body = struct.pack(">I", version << 24) + body
    return struct.pack(">I4s", len(body) + 8, kind) + body


def full(kind, *fields):
    """A box with version and flags, both 0."""
    return box(kind, *fields, version=0)


def u32(*values):
    return struct.pack(f">{len(values)}I", *values)


def mp4(tables, duration=1000, edits=b"", width=64, height=64):
    """One MJPEG track whose sample tables are given."""
    matrix = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    entry = box(b"jpeg", bytes(6), struct.pack(">H", 1), bytes(16), struct.pack(">HH", width, height),
                u32(0x480000, 0x480000, 0), struct.pack(">H", 1), bytes(32), struct.pack(">Hh", 24, -1))
    table = box(b"stbl", full(b"stsd", u32(1), entry), *tables)
    media = box(b"mdia", full(b"mdhd", u32(0, 0, 1000, duration, 0)),
                full(b"hdlr", bytes(4), b"vide", bytes(13)),
                box(b"minf", full(b"vmhd", bytes(8)), box(b"dinf", full(
                    b"dref", u32(1), box(b"url ", u32(1)))), table))
    track = box(b"trak", box(b"tkhd", u32(7, 0, 0, 1, 0, duration), bytes(16), matrix,
                             u32(width << 16, height << 16)), edits, media)
    return box(b"ftyp", b"isom", bytes(4), b"isom") + box(
        b"moov", full(b"mvhd", u32(0, 0, 1000, duration, 0x10000), bytes(12), matrix, bytes(24), u32(2)),
        track) + box(b"mdat", bytes(64))


def tables(samples=1, each=10, chunk=1, chunks=1, ticks=((1, 1000),), at=0):
    return (full(b"stts", u32(len(ticks), *itertools.chain(*ticks))),
            full(b"stsc", u32(1, 1, chunk, 1)), full(b"stsz", u32(each, samples)),
            full(b"stco", u32(chunks, *[at] * min(chunks, 1 << 16))))


def mp4s():
    most = 0xffffffff
    yield "samples.mp4", mp4(tables(samples=most, chunk=most))
    yield "samples_small.mp4", mp4(tables(samples=50000000, chunk=50000000, ticks=((50000000, 1),)))
    yield "sizes.mp4", mp4((*tables()[:2], full(b"stsz", u32(0, most)), tables()[3]))
    yield "places.mp4", mp4((*tables()[:3], full(b"stco", u32(most))))
    yield "ticks.mp4", mp4(tables(ticks=((most, most),) * 60000))
    yield "chunks.mp4", mp4((tables()[0], full(b"stsc", u32(60000), *[u32(i + 1, most, 1) for i in range(60000)]),
                             full(b"stsz", u32(1, most)), full(b"stco", u32(60000, *[40] * 60000))))
    edits = box(b"edts", full(b"elst", u32(60000), u32(1, 0, 0x10000) * 60000))
    yield "edits.mp4", mp4(tables(samples=60000, chunk=60000, ticks=((60000, 1),)), edits=edits)
    yield "edits_claimed.mp4", mp4(tables(), edits=box(b"edts", full(b"elst", u32(most))))
    yield "wide.mp4", mp4(tables(), width=60000, height=60000)
    nested = b""
    for _ in range(20000):
        nested = box(b"moov", nested) if len(nested) < 1 << 20 else nested
    yield "nested.mp4", box(b"ftyp", b"isom", bytes(4), b"isom") + nested
    yield "boxes.mp4", box(b"ftyp", b"isom", bytes(4), b"isom") + box(b"free") * 1000000
    yield "tracks.mp4", box(b"ftyp", b"isom", bytes(4), b"isom") + box(b"moov", *[
        box(b"trak", box(b"mdia", full(b"hdlr", bytes(4), b"vide", bytes(13))))] * 60000)
    yield "fragments.mp4", mp4(tables()) + box(b"moof", box(b"traf", box(b"tfhd", u32(0x20, 1, 0)), box(
        b"trun", u32(0x0, most)))) * 30000


# -- Matroska (RFC 9559), EBML (RFC 8794) --

def element(kind, *parts, size=None):
    body = b"".join(parts)
    return kind + struct.pack(">Q", 1 << 56 | (len(body) if size is None else size)) + body


ENDLESS = (1 << 56) - 1


def mkvs():
    head = element(b"\x1a\x45\xdf\xa3", element(b"\x42\x82", b"matroska"))
    segment_id, cluster, tracks = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75", b"\x16\x54\xae\x6b"
    track = element(b"\xae", element(b"\xd7", b"\1"), element(b"\x73\xc5", b"\1"), element(b"\x83", b"\1"),
                    element(b"\x86", b"V_MJPEG"), element(b"\xe0", element(b"\xb0", b"\x40"),
                                                          element(b"\xba", b"\x40")))
    begin = head + segment_id + struct.pack(">Q", 1 << 56 | ENDLESS) + element(tracks, track)
    yield "clusters.mkv", begin + element(cluster, element(b"\xe7", b"\0")) * 200000
    yield "void.mkv", begin + element(b"\xec", size=ENDLESS - 1) + bytes(64)
    yield "voids.mkv", begin + element(b"\xec") * 1000000
    deep = b""
    for _ in range(60000):
        deep += b"\xae" + struct.pack(">Q", 1 << 56 | ENDLESS)
    yield "deep.mkv", head + segment_id + struct.pack(">Q", 1 << 56 | ENDLESS) + tracks + \
        struct.pack(">Q", 1 << 56 | ENDLESS) + deep
    yield "heads.mkv", head * 100000
    tags = element(b"\x12\x54\xc3\x67", element(b"\x73\x73", element(
        b"\x67\xc8", element(b"\x45\xa3", b"A"), element(b"\x44\x87", b"b"))) * 200000)
    yield "tags.mkv", begin + tags
    yield "tracks.mkv", head + segment_id + struct.pack(">Q", 1 << 56 | ENDLESS) + \
        element(tracks, track * 60000)
    yield "block.mkv", begin + element(cluster, element(b"\xe7", b"\0"), element(
        b"\xa3", b"\x81\0\0\x80", size=1 << 40))
