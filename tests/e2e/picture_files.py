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
    """Makes files in a folder: `photo` is 1024 x 960 and busy, `quadrants` four plain colours."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.photo, self.quadrants = self.folder / "photo.ppm", self.folder / "quadrants.ppm"
        convert(CLIPS / "fruits.jpg", "-resize", "200%", self.photo)
        left = [f"xc:rgb{QUADRANTS[i]}" for i in (0, 2)]
        right = [f"xc:rgb{QUADRANTS[i]}" for i in (1, 3)]
        convert("-size", "600x400", "(", *left, "-append", ")", "(", *right, "-append", ")",
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
