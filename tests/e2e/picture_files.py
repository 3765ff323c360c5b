"""Picture files of many kinds, made by the tools that people use, and what their pixels are."""
import pathlib
import struct
import subprocess

from harness import CLIPS

QUADRANTS = ((255, 0, 0), (0, 200, 0), (0, 0, 255), (255, 255, 0))   # left to right, top to bottom


def run(*words, **options):
    return subprocess.run(list(map(str, words)), check=True, capture_output=True, **options).stdout


def convert(*words):
    """ImageMagick itself, whatever else is called so on the PATH."""
    return run("/usr/bin/convert", *words)


class Pictures:
    """Makes files in a folder: `photo` is 1024 x 960 and busy, `quadrants`
    600 x 400 of four plain colours."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.photo, self.quadrants = self.folder / "photo.ppm", self.folder / "quadrants.ppm"
        convert(CLIPS / "fruits.jpg", "-resize", "200%", self.photo)
        left = [f"xc:rgb{QUADRANTS[i]}" for i in (0, 2)]
        right = [f"xc:rgb{QUADRANTS[i]}" for i in (1, 3)]
        convert("-size", "300x200", "(", *left, "-append", ")", "(", *right, "-append", ")",
                "+append", "-depth", "8", self.quadrants)

    def path(self, name):
        return self.folder / name

    def cjpeg(self, name, *options, of=None):
        path = self.path(name)
        run("cjpeg", "-quality", "92", *options, "-outfile", path, of or self.photo)
        return path

    def convert(self, name, *words, of=None):
        path = self.path(name)
        convert(of or self.photo, *words, path)
        return path

    def heic(self, name):
        path, png = self.path(name), self.convert(name + ".png", "-depth", "8", "-define",
                                                  "png:color-type=2", of=self.quadrants)
        run("heif-enc", "-q", "90", "-o", path, png)
        return path

    def avif(self, name, *words, frames=1, of=None):
        """`words` come behind ffmpeg's own, as -color_trc does."""
        path = self.path(name)
        run("ffmpeg", "-v", "error", "-y", "-loop", "1", "-i", of or self.quadrants, "-frames:v",
            frames, "-c:v", "libaom-av1", "-cpu-used", "8", "-crf", "10", "-pix_fmt", "yuv420p",
            *(["-still-picture", "1"] if frames == 1 else []), *words, "-f", "avif", path)
        return path

    def written(self, name, data):
        path = self.path(name)
        path.write_bytes(data)
        return path

    def with_profile(self, name, source, profile):
        """The JPEG file with an APP2 segment behind its SOI (ICC.1, section B.4)."""
        body = b"ICC_PROFILE\0\x01\x01" + profile
        data = source.read_bytes()
        return self.written(name, data[:2] + b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body
                            + data[2:])


class Image:
    """An encoded picture, decoded by ImageMagick to 8 bits of RGB. Its numbers stay as they are."""

    def __init__(self, data, *words):
        out = subprocess.run(["/usr/bin/convert", "-", "+set", "comment", *words, "-depth", "8", "-type", "TrueColor",
                              "ppm:-"], input=data, check=True, capture_output=True).stdout
        head, _, rest = out.partition(b"\n255\n")
        self.width, self.height = map(int, head.split()[1:])
        self.pixels = rest

    def at(self, x, y):
        """The pixel at these fractions of width and height."""
        place = 3 * (int(self.height * y) * self.width + int(self.width * x))
        return tuple(self.pixels[place:place + 3])

    def distance(self, other):
        """Mean difference of a channel, of 255."""
        assert (self.width, self.height) == (other.width, other.height)
        return sum(abs(a - b) for a, b in zip(self.pixels, other.pixels)) / len(self.pixels)

    def cost_of_jpeg(self):
        """The distance that quality 80 in 4:2:0 alone makes."""
        plain = f"P6 {self.width} {self.height} 255\n".encode() + self.pixels
        return self.distance(Image(run("cjpeg", "-quality", "80", input=plain)))


# -- ICC.1 profiles of a matrix or a curve, as small as they may be --

def s15(value):
    return struct.pack(">i", round(value * 65536))


def profile(space, tags, device=b"mntr"):
    head = struct.pack(">I4sI4s4s4s", 0, b"none", 0x02400000, device, space, b"XYZ ")
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += s15(0.9642) + s15(1) + s15(0.8249) + bytes(48)
    table, data = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += struct.pack(">4sII", name, 128 + 4 + 12 * len(tags) + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    whole = head + table + data
    return struct.pack(">I", len(whole)) + whole[4:]


def xyz(*values):
    return b"XYZ \0\0\0\0" + b"".join(map(s15, values))


def gamma(value):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256)) + b"\0\0"


# sRGB's primaries, adapted to D50.
RED, GREEN, BLUE = (0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141)


def rgb_profile(red=RED, green=GREEN, blue=BLUE, device=b"mntr"):
    return profile(b"RGB ", {b"rXYZ": xyz(*red), b"gXYZ": xyz(*green), b"bXYZ": xyz(*blue),
                             b"rTRC": gamma(2.2), b"gTRC": gamma(2.2), b"bTRC": gamma(2.2),
                             b"wtpt": xyz(0.9642, 1, 0.8249)}, device)


def grey_profile(value):
    return profile(b"GRAY", {b"kTRC": gamma(value), b"wtpt": xyz(0.9642, 1, 0.8249)})


# -- TIFF, as raw files are made --

def tiff(*chain):
    """A file of directories, each {tag: value} with a number, a list of numbers (LONG), or bytes;
    strips under 273 are bytes, directories under 330 a list of such. 279 follows by itself."""
    out = bytearray(b"II*\0" + struct.pack("<I", 0))

    def put(data):
        at = len(out)
        out.extend(data + bytes(len(data) % 2))
        return at

    def directory(tags):
        tags, rows = dict(tags), []
        for tag in (273, 513):
            if tag in tags:
                data = tags[tag]
                tags[tag], tags[279 if tag == 273 else 514] = put(data), len(data)
        if 330 in tags:
            tags[330] = [directory(below) for below in tags[330]]
        for tag, value in sorted(tags.items()):
            if isinstance(value, bytes):
                kind, count, data = 1, len(value), value
            else:
                value = value if isinstance(value, list) else [value]
                kind, count, data = 4, len(value), struct.pack(f"<{len(value)}I", *value)
            cell = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack("<I", put(data))
            rows.append(struct.pack("<HHI", tag, kind, count) + cell)
        return put(struct.pack("<H", len(rows)) + b"".join(rows) + bytes(4))

    last = None
    for tags in chain:
        at = directory(tags)
        where = 4 if last is None else last
        out[where:where + 4] = struct.pack("<I", at)
        last = at + 2 + 12 * int.from_bytes(out[at:at + 2], "little")
    return bytes(out)


def pixels_of(width, height, colour):
    """Tags of an uncompressed RGB picture of one colour."""
    return {256: width, 257: height, 258: [8, 8, 8], 259: 1, 262: 2, 277: 3, 278: height,
            273: bytes(colour) * (width * height)}


def sensor(width, height):
    return {254: 0, 256: width, 257: height, 258: 16, 259: 1, 262: 32803, 277: 1, 278: height,
            273: bytes(2 * width * height)}
