"""Small files of every format that is taken, and what chance makes of them."""
import random
import subprocess
import sys
import zlib

sys.path.insert(0, __file__.rpartition("/")[0] + "/../e2e")
from exif import ASCII, RATIONAL, SHORT, block, into_jpeg, into_png, into_webp, chunk   # noqa: E402
from picture_files import Pictures, convert, rgb_profile, run, sensor, tiff             # noqa: E402

WIDTH, HEIGHT = 96, 72
HEAD_BYTES = 400          # where most of what a decoder believes stands
TELLING = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff]
TELLING_WORDS = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f",
                 b"\0\0\0\1", b"\1\0\0\0", b"\x80\0\0\0", b"\0\0\xff\xff", b"\0\1\0\0"]
EXIF = block([(0x10f, ASCII, "Maker"), (0x112, SHORT, 6)],
             [(0x9003, ASCII, "2021:05:06 07:08:09"), (0x829a, RATIONAL, (1, 60))],
             [(1, ASCII, "N"), (2, RATIONAL, [(50, 1), (30, 1), (0, 1)]),
              (3, ASCII, "E"), (4, RATIONAL, [(8, 1), (15, 1), (0, 1)])])
CLIP = ["-f", "lavfi", "-i", f"testsrc2=s={WIDTH}x{HEIGHT}:r=10:d=1",
        "-f", "lavfi", "-i", "sine=440:r=22050:d=1", "-pix_fmt", "yuv420p"]
SOUND = ["-f", "lavfi", "-i", "sine=440:r=22050:d=1"]
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "5"]
# name of the file -> what ffmpeg is told
FILMS = {
    "mp4.mp4": [*CLIP, *X264, "-c:a", "aac"],
    "mp4.hevc.mp4": [*CLIP, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
                     "log-level=none", "-tag:v", "hvc1", "-an"],
    "mp4.fragments.mp4": [*CLIP, *X264, "-movflags", "frag_keyframe+empty_moov", "-an"],
    "mov.mov": [*CLIP, "-c:v", "mjpeg", "-c:a", "pcm_s16be"],
    "3gp.3gp": [*CLIP, "-c:v", "mpeg4", "-an"],
    "mkv.mkv": [*CLIP, *X264, "-c:a", "flac"],
    "webm.webm": [*CLIP, "-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"],
    "webm.vp9.webm": [*CLIP, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-an"],
    "avi.avi": [*CLIP, "-c:v", "mpeg4", "-c:a", "mp3"],
    "mpeg.mpg": [*CLIP, "-r", "25", "-c:v", "mpeg1video", "-c:a", "mp2"],
    "ts.ts": [*CLIP, *X264, "-c:a", "aac"],
    "ogg.ogv": [*CLIP, "-c:v", "libtheora", "-c:a", "libvorbis"],
    "mp3.mp3": [*SOUND, "-c:a", "mp3", "-metadata", "title=tone"],
    "flac.flac": [*SOUND, "-c:a", "flac"],
    "m4a.m4a": [*SOUND, "-c:a", "aac"],
    "wav.wav": [*SOUND, "-c:a", "pcm_s16le"],
    "oga.oga": [*SOUND, "-c:a", "libvorbis"],
    "oga.opus": [*SOUND, "-c:a", "libopus"],
}
PICTURES = ["jpeg", "png", "webp", "gif", "tiff", "heic", "avif", "raw"]
FORMATS = PICTURES + sorted({name.partition(".")[0] for name in FILMS})


def made_pictures(folder):
    """{format: [files]}"""
    make = Pictures(folder)
    small = make.convert("small.ppm", "-resize", f"{WIDTH}x{HEIGHT}!")
    jpeg = make.cjpeg("plain.jpg", of=small).read_bytes()
    png = make.convert("plain.png", of=small)
    webp = make.convert("plain.webp", "-quality", "70", of=small)
    run("heif-enc", "-q", "60", "-o", make.path("plain.heic"), png)
    frames = [of for turn in (0, 90, 180) for of in ("(", small, "-rotate", turn, ")")]
    convert(*frames, make.path("moving.gif"))
    convert(*frames, make.path("moving.webp"))
    preview = {254: 1, 513: make.cjpeg("preview.jpg", "-quality", "40").read_bytes()}

    def written(name, data):
        return make.written(name, data)
    return {
        "jpeg": [written("exif.jpg", into_jpeg(jpeg, EXIF)),
                 make.cjpeg("progressive.jpg", "-progressive", of=small),
                 make.cjpeg("restart.jpg", "-restart", "1", "-sample", "1x1", of=small),
                 make.convert("inks.jpg", "-colorspace", "CMYK", of=small),
                 make.with_profile("profile.jpg", make.path("plain.jpg"), rgb_profile())],
        "png": [written("exif.png", into_png(png.read_bytes(), chunk(b"eXIf", EXIF))),
                make.convert("laced.png", "-interlace", "PNG", "-depth", "16", of=small),
                make.convert("palette.png", "-colors", "16", of=small)],
        "webp": [written("exif.webp", into_webp(webp.read_bytes(), b"EXIF", EXIF, (WIDTH, HEIGHT))),
                 make.convert("lossless.webp", "-define", "webp:lossless=true", of=small),
                 make.path("moving.webp")],
        "gif": [make.path("moving.gif"), make.convert("still.gif", "-interlace", "GIF", of=small)],
        "tiff": [make.convert("lzw.tif", "-compress", "LZW", of=small),
                 make.convert("tiled.tif", "-compress", "Zip", "-define", "tiff:tile-geometry=32x32",
                              of=small),
                 make.convert("jpeg.tif", "-compress", "JPEG", of=small),
                 make.convert("fax.tif", "-monochrome", "-compress", "Group4", of=small)],
        "heic": [make.path("plain.heic")],
        "avif": [make.avif("plain.avif", of=small), make.avif("moving.avif", frames=3, of=small)],
        "raw": [written("preview.nef", tiff({**preview, 330: [sensor(WIDTH, HEIGHT)]})),
                written("preview.dng", tiff({**preview, 50706: b"\1\4\0\0",
                                             330: [sensor(WIDTH, HEIGHT)]}))],
    }


def made_films(folder):
    made = {}
    for name, words in FILMS.items():
        run("ffmpeg", "-v", "error", "-y", *words, "-shortest", folder / name)
        made.setdefault(name.partition(".")[0], []).append(folder / name)
    return made


def seeds(folder):
    """{format: [contents]}"""
    return {name: [path.read_bytes() for path in paths]
            for name, paths in {**made_pictures(folder), **made_films(folder)}.items()}


# What chance does, each to a bytearray in place

def place(chance, data):
    """Mostly where the file tells what it is."""
    return chance.randrange(min(len(data), HEAD_BYTES) if chance.random() < 0.6 else len(data))


def flip_bits(chance, data):
    for _ in range(chance.choice([1, 1, 2, 4, 16])):
        data[place(chance, data)] ^= 1 << chance.randrange(8)


def put_telling(chance, data):
    for _ in range(chance.choice([1, 1, 2, 4])):
        data[place(chance, data)] = chance.choice(TELLING)


def put_word(chance, data):
    at = place(chance, data)
    word = chance.choice(TELLING_WORDS)[:chance.choice([2, 4, 4])]
    data[at:at + len(word)] = word


def cut_end(chance, data):
    del data[max(1, place(chance, data)):]


def leave_out(chance, data):
    at = place(chance, data)
    del data[at:at + chance.choice([1, 4, 16, 200])]


def double(chance, data):
    at = place(chance, data)
    data[at:at] = data[at:at + chance.choice([1, 4, 16, 200])] * chance.choice([1, 2, 50])


def scramble(chance, data):
    at = place(chance, data)
    n = min(chance.choice([2, 8, 64]), len(data) - at)
    data[at:at + n] = chance.randbytes(n)


def copy_within(chance, data):
    a, b = place(chance, data), chance.randrange(len(data))
    n = chance.choice([4, 16, 64])
    data[a:a + n] = data[b:b + n]


CHANGES = [flip_bits, put_telling, put_word, cut_end, leave_out, double, scramble, copy_within]


def with_sums_right(png):
    """PNG's checks would end most mutants at their first chunk."""
    out, at = bytearray(png[:8]), 8
    while at + 12 <= len(png):
        n = int.from_bytes(png[at:at + 4], "big")
        body = png[at + 4:at + 8 + n]
        out += png[at:at + 4] + body + zlib.crc32(body).to_bytes(4, "big")
        at += 12 + n
    return bytes(out + png[at:])


def mutant(sources, seed):
    """The same for the same sources and seed."""
    chance = random.Random(seed)
    data = bytearray(chance.choice(sources))
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        if data:
            chance.choice(CHANGES)(chance, data)
    if chance.random() < 0.1:
        other = chance.choice(sources)
        data[len(data) // 2:] = other[len(other) // 2:]
    if data[1:4] == b"PNG" and chance.random() < 0.8:
        return with_sums_right(bytes(data))
    return bytes(data) or b"\0"
