"""Honest pictures of hundreds of megapixels, put together from a piece that is repeated: made in a
moment, decoded like any other."""
import struct
import zlib

from bomb_files import box, chunk, page
from picture_files import convert, run


def strip_pixels(pictures, width):
    """16 rows of so many pixels, which ImageMagick's policies would not let be."""
    data = pictures.convert("strip_part.ppm", "-resize", "1000x16!").read_bytes()[-3 * 16 * 1000:]
    return b"".join((data[3000 * y:3000 * (y + 1)] * (width // 1000 + 1))[:3 * width] for y in range(16))


# -- JPEG: a row of blocks ends at a restart mark, and may come again --

def scans_of(data):
    """The bytes up to the first scan, then (what stands before it, its rows) of each."""
    parts, at, begin = [], 2, 0
    while data[at:at + 2] != b"\xff\xd9":
        marker, n = data[at + 1], int.from_bytes(data[at + 2:at + 4], "big")
        at += 2 + n
        if marker != 0xda:
            continue
        head, rows, row = data[begin:at], [], at
        while True:
            at = data.index(b"\xff", at)
            if 0xd0 <= data[at + 1] <= 0xd7:
                rows.append(data[row:at])
                row = at = at + 2
            elif data[at + 1] == 0:
                at += 2
            else:
                break
        rows.append(data[row:at])
        parts.append((head, rows))
        begin = at
    return parts


def jpeg(pictures, name, width, times, *options):
    """A strip of `width` x 16 pixels, `times` over. `options` are cjpeg's."""
    strip = pictures.written("strip.ppm", f"P6 {width} 16 255\n".encode() + strip_pixels(pictures, width))
    data = pictures.cjpeg("strip.jpg", "-restart", "1", *options, of=strip).read_bytes()
    out = []
    for head, rows in scans_of(data):
        for frame in (b"\xff\xc0\x00", b"\xff\xc2\x00"):
            at = head.find(frame)
            if at >= 0:
                head = head[:at + 5] + struct.pack(">H", 16 * times) + head[at + 7:]
        marks = [row + bytes((0xff, 0xd0 + i % 8)) for i, row in enumerate(rows * times)]
        out += [head, *marks[:-1], marks[-1][:-2]]
    return pictures.written(name, b"".join(out) + b"\xff\xd9")


# -- PNG: a piece of a deflate stream that ends at a byte may come again as well --

def png(pictures, name, width, times):
    """16 rows of `width` pixels, `times` over."""
    pixels = strip_pixels(pictures, width)
    rows = b"".join(b"\0" + pixels[3 * width * y:3 * width * (y + 1)] for y in range(16))
    packer = zlib.compressobj(1, wbits=-15)
    piece = packer.compress(rows) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 1
    for _ in range(times):
        checksum = zlib.adler32(rows, checksum)
    data = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", struct.pack(">IIBBBBB", width, 16 * times, 8, 2, 0, 0, 0)),
            chunk(b"IDAT", b"\x78\x01")]
    return pictures.written(name, b"".join(data + [chunk(b"IDAT", piece)] * times + [
        chunk(b"IDAT", b"\x03\x00" + struct.pack(">I", checksum)), chunk(b"IEND", b"")]))


def tiff(pictures, name, width, times):
    """Grey; all of its strips are the same bytes."""
    pixels = strip_pixels(pictures, width)[::3]
    at = 8 + len(pixels)
    lists = struct.pack(f"<{2 * times}I", *[8] * times, *[len(pixels)] * times)
    whole = [(256, 4, 1, width), (257, 4, 1, 16 * times), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
             (273, 4, times, at), (277, 3, 1, 1), (278, 4, 1, 16), (279, 4, times, at + 4 * times)]
    rows = b"".join(struct.pack("<HHII", *row) for row in whole)
    return pictures.written(name, b"II*\0" + struct.pack("<I", at + len(lists)) + pixels + lists +
                            struct.pack("<H", len(whole)) + rows + bytes(4))


# -- HEIC: a grid of tiles (ISO 23008-12, section 6.6.2.3), whose items share their bytes --

def children(data, at, end):
    while at < end:
        n = int.from_bytes(data[at:at + 4], "big")
        yield data[at + 4:at + 8], data[at + 8:at + n]
        at += n


def heic(pictures, name, across, down, tile=512):
    source = pictures.convert("tile.png", "-resize", f"{tile}x{tile}!", "-depth", "8", "-define",
                              "png:color-type=2")
    run("heif-enc", "-q", "60", "-o", pictures.path("tile.heic"), source)
    data = pictures.path("tile.heic").read_bytes()
    top = dict(children(data, 0, len(data)))
    meta = dict(children(top[b"meta"], 4, len(top[b"meta"])))
    properties = dict(children(meta[b"iprp"], 0, len(meta[b"iprp"])))[b"ipco"]
    hvcc = next(body for kind, body in children(properties, 0, len(properties)) if kind == b"hvcC")
    n, width, height = across * down, across * tile, down * tile
    coded = top[b"mdat"]
    grid = struct.pack(">BBBBII", 0, 1, down - 1, across - 1, width, height)
    entries = [box(b"infe", struct.pack(">HH4s", i + 1, 0, b"grid" if i == 0 else b"hvc1"), b"\0",
                   version=2) for i in range(n + 1)]
    rows = [struct.pack(">HBB", 1, 1, 2)] + [struct.pack(">HBBB", i + 2, 2, 0x81, 3) for i in range(n)]

    def meta_with(at):
        places = [(1, at, len(grid))] + [(i + 2, at + len(grid), len(coded)) for i in range(n)]
        return box(
            b"meta",
            box(b"hdlr", bytes(4), b"pict", bytes(13), version=0),
            box(b"pitm", struct.pack(">H", 1), version=0),
            box(b"iinf", struct.pack(">H", n + 1), *entries, version=0),
            box(b"iref", box(b"dimg", struct.pack(">HH", 1, n),
                             *[struct.pack(">H", i + 2) for i in range(n)]), version=0),
            box(b"iprp",
                box(b"ipco", box(b"hvcC", hvcc), box(b"ispe", struct.pack(">II", width, height), version=0),
                    box(b"ispe", struct.pack(">II", tile, tile), version=0)),
                box(b"ipma", struct.pack(">I", n + 1), *rows, version=0)),
            box(b"iloc", struct.pack(">BBH", 0x44, 0, n + 1),
                *[struct.pack(">HHHII", item, 0, 1, place, size) for item, place, size in places],
                version=0),
            version=0)

    head = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    at = len(head) + len(meta_with(0)) + 8
    return pictures.written(name, head + meta_with(at) + box(b"mdat", grid, coded))
