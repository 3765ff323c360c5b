"""Pictures of every kind: right thumbnails, or a clear word. One hub gets all files at once; the
pixels are compared with those that ImageMagick sees."""
import pytest
from harness import PATIENCE_S
from picture_files import (BLUE, GREEN, RED, Image, Pictures, grey_profile, pixels_of, rgb_profile, run,
                           sensor, tiff)

# JPEG: the picture, and what cjpeg makes of it.
SAMPLINGS = {"420": "2x2", "422": "2x1", "440": "1x2", "444": "1x1", "411": "4x1", "410": "4x2",
             "fat_colour": "1x1,2x2,1x1", "odd": "2x2,1x2,2x1"}
WAYS = {"grey": ["-grayscale"], "progressive": ["-progressive"], "arithmetic": ["-arithmetic"],
        "arithmetic_progressive": ["-arithmetic", "-progressive"], "restarts": ["-restart", "1"],
        "rgb": ["-rgb"], "coarse": ["-quality", "20"], "grey_progressive": ["-grayscale", "-progressive"]}
CLOSELY = {"sampled_420", "sampled_odd", "grey", "progressive", "rgb", "cmyk"}   # in 800 pixels too
SIZES = ["1x1", "2x1", "1x3", "7x5", "17x33", "801x601", "1599x3", "3x1601", "1x900", "799x800"]


def jpegs(pictures):
    for name, sampling in SAMPLINGS.items():
        yield pictures.cjpeg(f"sampled_{name}.jpg", "-sample", sampling)
    for name, options in WAYS.items():
        yield pictures.cjpeg(f"{name}.jpg", *options)
    scans = pictures.written("scans", b"0;\n1;\n2;\n")
    yield pictures.cjpeg("scan_per_component.jpg", "-scans", scans)
    yield pictures.convert("cmyk.jpg", "-colorspace", "CMYK")
    for size in SIZES:
        small = pictures.convert(f"{size}.ppm", "-resize", f"{size}!")
        yield pictures.cjpeg(f"size_{size}.jpg", of=small)


def cut(pictures):
    """(file, whether all of its picture is there)"""
    for way in ("sampled_420", "progressive", "scan_per_component", "grey", "restarts"):
        data = pictures.path(way + ".jpg").read_bytes()
        for less, whole in ((1, True), (2, True), (60, False), (len(data) // 2, False)):
            yield pictures.written(f"cut_{way}_{less}.jpg", data[:-less]), whole
    # Up to where a scan begins: what came before is whole, and is not the picture.
    for way in ("progressive", "scan_per_component"):
        data = pictures.path(way + ".jpg").read_bytes()
        yield pictures.written(f"cut_{way}_last_scan.jpg", data[:data.rindex(b"\xff\xda")]), False
    data = pictures.path("sampled_420.jpg").read_bytes()
    yield pictures.written("more_behind.jpg", data + b"behind its end"), True
    for name, change in (("12_bits", (b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c")),
                         ("lossless", (b"\xff\xc0\x00\x11\x08", b"\xff\xc3\x00\x11\x08"))):
        assert change[0] in data
        yield pictures.written(name + ".jpg", data.replace(*change)), False


def turned(pictures):
    for orientation in range(1, 9):
        path = pictures.cjpeg(f"turned_{orientation}.jpg", of=pictures.quadrants)
        run("exiftool", "-q", "-overwrite_original", "-n", f"-Orientation={orientation}", path)
        yield path


def profiled(pictures):
    """(file, what its lower left, blue, looks like, or None: as it is)"""
    plain = pictures.cjpeg("plain.jpg", "-sample", "1x1", of=pictures.quadrants)
    grey = pictures.cjpeg("plain_grey.jpg", "-grayscale", of=pictures.quadrants)
    rgb = pictures.cjpeg("plain_rgb.jpg", "-rgb", of=pictures.quadrants)
    swapped = rgb_profile(red=RED, green=BLUE, blue=GREEN)       # its blue is our green
    for name, source in (("rgb", plain), ("stored_rgb", rgb)):
        yield pictures.with_profile(f"profile_swapped_{name}.jpg", source, swapped), (0, 255, 0)
        yield pictures.with_profile(f"profile_grey_on_{name}.jpg", source, grey_profile(1.0)), None
        yield pictures.with_profile(f"profile_link_on_{name}.jpg", source,
                                    rgb_profile(GREEN, RED, BLUE, device=b"link")), None
        yield pictures.with_profile(f"profile_cut_on_{name}.jpg", source, swapped[:150]), None
    yield pictures.with_profile("profile_rgb_on_grey.jpg", grey, swapped), None
    # 29 of 255 in linear light is 94 of sRGB's.
    yield pictures.with_profile("profile_linear_on_grey.jpg", grey, grey_profile(1.0)), (94, 94, 94)


def kinds(pictures):
    """(file, size, what its lower left is)"""
    corner, grey = (0, 0, 255), (24, 24, 24)
    whole = (600, 400)
    for name, words in (("plain.png", []), ("deep.png", ["-depth", "16"]), ("interlaced.png", ["-interlace", "PNG"]),
                        ("palette.gif", []), ("plain.tif", []), ("deep.tif", ["-depth", "16"]),
                        ("lossless.webp", ["-define", "webp:lossless=true"]),
                        ("palette.png", ["-type", "Palette"])):
        yield pictures.convert(name, *words, of=pictures.quadrants), whole, corner
    for suffix in ("jpg", "png", "tif", "webp"):
        yield pictures.convert(f"grey_24.{suffix}", "-fill", "rgb(24,24,24)", "-colorize", "100",
                               of=pictures.quadrants), whole, grey
    yield pictures.convert("grey_24_alone.png", "-fill", "rgb(24,24,24)", "-colorize", "100",
                           "-colorspace", "Gray", of=pictures.quadrants), whole, grey
    yield pictures.convert("bits.png", "-threshold", "50%", "-type", "Bilevel",
                           of=pictures.quadrants), whole, (0, 0, 0)
    # What is transparent is white.
    clear = ["-alpha", "set", "-channel", "A", "-evaluate", "set", "0"]
    for suffix in ("png", "webp", "gif", "tif"):
        yield pictures.convert(f"clear.{suffix}", *clear, of=pictures.quadrants), whole, (255,) * 3
    yield pictures.convert("half_clear.png", "-alpha", "set", "-channel", "A", "-evaluate", "set",
                           "50%", of=pictures.quadrants), whole, (127, 127, 255)
    # The first frame.
    for suffix in ("gif", "webp"):
        yield pictures.convert(f"moves.{suffix}", "(", pictures.quadrants, "-negate", ")", "-loop",
                               "0", "-delay", "20", of=pictures.quadrants), whole, corner
    inks = pictures.convert("inks.tif", "-colorspace", "CMYK", of=pictures.quadrants)
    yield inks, whole, (27, 39, 123)         # of ordinary print, which libvips takes it for
    yield pictures.heic("still.heic"), whole, corner
    yield pictures.avif("still.avif"), whole, corner


def tiffs(pictures):
    """(file, size or the failure, the colour of its thumbnails)"""
    red, green, small = pixels_of(900, 600, (255, 0, 0)), pixels_of(450, 300, (0, 255, 0)), {
        254: 1, **pixels_of(160, 107, (0, 0, 255))}
    preview = pictures.cjpeg("preview.jpg", of=pictures.quadrants).read_bytes()
    tiny = pictures.convert("tiny.jpg", "-resize", "160x107!", of=pictures.quadrants).read_bytes()
    yellow = (255, 255, 0)
    for name, data, size, colour in (
            ("pages.tif", tiff(red, green, small), (900, 600), (255, 0, 0)),
            ("pages_upwards.tif", tiff(small, green, red), (900, 600), (255, 0, 0)),
            ("below.tif", tiff({**red, 330: [green, small]}), (900, 600), (255, 0, 0)),
            ("above.tif", tiff({**small, 330: [green, red]}), (900, 600), (255, 0, 0)),
            ("document.tif", tiff(green, pixels_of(300, 600, (255, 0, 0))), (450, 300), (0, 255, 0)),
            ("none.nef", tiff({**small, 330: [sensor(400, 300)]}), "unsupported", None),
            ("tiny.nef", tiff({**small, 513: tiny, 330: [sensor(400, 300)]}), "unsupported", None),
            ("preview.nef", tiff({**small, 330: [{254: 1, 513: preview}, sensor(400, 300)]}),
             (600, 400), yellow),
            ("strip.dng", tiff({**small, 50706: b"\1\4\0\0", 330: [
                sensor(400, 300), {254: 1, 256: 600, 257: 400, 259: 7, 262: 6, 273: preview}]}),
             (600, 400), yellow),
            ("second.arw", tiff({**sensor(400, 300), 513: tiny}, {513: preview}), (600, 400), yellow)):
        yield pictures.written(name, data), size, colour


class Gallery:
    def __init__(self, hub):
        self.hub, self.session, self.ids = hub, hub.session(), {}

    def add(self, path):
        answer = self.hub.upload(self.session, path)
        assert answer.status_code == 201, (path, answer.text)
        self.ids[path.name] = answer.json()["data"]["id"]

    def done(self, path):
        return self.hub.wait_status(self.session, self.ids[path.name], "ready", "failed")

    def thumbnail(self, path, size="large"):
        media = self.done(path)
        assert media["status"] == "ready", (path.name, media["failure"])
        answer = self.session.get(f"{self.hub.api}/media/{media['id']}/thumbnail?size={size}",
                                  timeout=PATIENCE_S)
        assert answer.headers["Content-Type"] == "image/jpeg"
        return answer.content


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return Pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def gallery(make_shared_hub):
    return Gallery(make_shared_hub())


def add_all(gallery, files):
    """All at once, so that the worker is never idle."""
    files = list(files)
    for entry in files:
        gallery.add(entry[0] if isinstance(entry, tuple) else entry)
    return files


def fits(width, height, square):
    longest = max(width, height)
    if longest <= square:
        return width, height
    return tuple(max(1, (side * square * 2 + longest) // (2 * longest)) for side in (width, height))


def near(one, other, by=6):
    return all(abs(a - b) <= by for a, b in zip(one, other))


@pytest.fixture(scope="module")
def photos(gallery, pictures):
    return add_all(gallery, jpegs(pictures))


def test_every_kind_of_jpeg(gallery, photos):
    for path in photos:
        whole = Image(path.read_bytes())
        media = gallery.done(path)
        assert (media["width"], media["height"]) == (whole.width, whole.height), path.name
        for size, square in (("small", 200), ("medium", 400), ("large", 800)):
            got = Image(gallery.thumbnail(path, size))
            width, height = fits(whole.width, whole.height, square)
            assert (got.width, got.height) == (width, height), (path.name, size)
            if size == "medium" or size == "large" and path.stem not in CLOSELY:
                continue
            wanted = Image(path.read_bytes(), "-resize", f"{width}x{height}!")
            thin = min(whole.width, whole.height) < 8        # a pixel more or less is much of it
            assert got.distance(wanted) < 1.2 * wanted.cost_of_jpeg() + (4 if thin else 0.6), (
                path.name, size)


@pytest.mark.usefixtures("photos")
def test_cut_files_are_ready_when_their_picture_is_whole(gallery, pictures):
    for path, whole in add_all(gallery, cut(pictures)):
        media = gallery.done(path)
        assert media["status"] == ("ready" if whole else "failed"), path.name
        if not whole:
            wanted = "damaged" if path.name.startswith("cut") else "unsupported"
            assert media["failure"]["code"] == wanted, (path.name, media["failure"])
        elif path.name.startswith("cut"):
            source = pictures.path("_".join(path.stem.split("_")[1:-1]) + ".jpg")
            assert gallery.thumbnail(path) == gallery.thumbnail(source), path.name


def test_pictures_are_upright(gallery, pictures):
    for orientation, path in enumerate(add_all(gallery, turned(pictures)), 1):
        got, wanted = Image(gallery.thumbnail(path)), Image(path.read_bytes(), "-auto-orient")
        assert (got.width > got.height) == (orientation < 5)
        for x, y in ((.2, .2), (.8, .2), (.2, .8), (.8, .8)):
            assert near(got.at(x, y), wanted.at(x, y)), (path.name, x, y)


def test_profiles_count_where_they_fit(gallery, pictures):
    for path, looks in add_all(gallery, profiled(pictures)):
        got = Image(gallery.thumbnail(path)).at(.2, .8)
        wanted = looks or Image(path.read_bytes(), "+profile", "*").at(.2, .8)
        assert near(got, wanted), (path.name, got, wanted)


def test_other_kinds(gallery, pictures):
    for path, size, corner in add_all(gallery, kinds(pictures)):
        media, got = gallery.done(path), Image(gallery.thumbnail(path))
        assert (media["width"], media["height"]) == size == (got.width, got.height), path.name
        assert near(got.at(.2, .8), corner), (path.name, got.at(.2, .8))


def test_the_picture_of_a_tiff(gallery, pictures):
    for path, wanted, colour in add_all(gallery, tiffs(pictures)):
        media = gallery.done(path)
        if isinstance(wanted, str):
            assert media["status"] == "failed" and media["failure"]["code"] == wanted, path.name
            continue
        assert (media["width"], media["height"]) == wanted, path.name
        assert near(Image(gallery.thumbnail(path)).at(.8, .8), colour), path.name


def test_families_and_sequences(gallery, pictures):
    """HEIC and AVIF whose first brand is not that of a picture."""
    files = [pictures.avif("frames.avif", frames=5)]
    for still, brands in ((pictures.heic("family.heic"), (b"miaf", b"msf1")),
                          (pictures.avif("family.avif"), (b"avis", b"miaf"))):
        data = still.read_bytes()
        for brand in brands:
            files.append(pictures.written(brand.decode() + still.name, data[:8] + brand + data[12:]))
    for path in add_all(gallery, files):
        media, got = gallery.done(path), Image(gallery.thumbnail(path))
        assert media["type"] == "image" and media["duration"] is None, path.name
        assert (media["width"], media["height"]) == (600, 400), path.name
        assert near(got.at(.2, .8), (0, 0, 255), 12), (path.name, got.at(.2, .8))


def linear(colour):
    return [(v / 255 / 12.92 if v < 11 else ((v / 255 + 0.055) / 1.055) ** 2.4) for v in colour]


def shown(matrix, colour):
    """8 bits of sRGB of a colour with its curve and other primaries."""
    light = [min(1, max(0, sum(a * b for a, b in zip(row, linear(colour))))) for row in matrix]
    return tuple(round(255 * (12.92 * v if v < 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055))
                 for v in light)


P3 = ((1.2249, -0.2247, 0), (-0.0420, 1.0419, 0), (-0.0197, -0.0786, 1.0979))
BT2020 = ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187))


def test_code_points_of_avif(gallery, pictures):
    """Without a profile `colr` says what the numbers mean: wide primaries, and brightness beyond white."""
    def plain(name, level, *words, primaries="bt2020", matrix="bt2020nc"):
        source = pictures.convert(name + ".ppm", "-fill", f"rgb{level}", "-colorize", "100",
                                  of=pictures.quadrants)
        return pictures.avif(name + ".avif", "-color_primaries", primaries, "-colorspace", matrix,
                             "-vf", f"scale=out_color_matrix={matrix.removesuffix('nc')}", *words,
                             of=source)

    white_pq, white_hlg = (148,) * 3, (191,) * 3        # 203 cd/m2, and 75 % of the signal
    muted = (100, 180, 120)
    deep = ["-pix_fmt", "yuv420p10le"]
    files = {
        plain("pq", white_pq, "-color_trc", "smpte2084", *deep): (245, 245, 245),
        plain("hlg", white_hlg, "-color_trc", "arib-std-b67", *deep): (245, 245, 245),
        plain("p3", muted, "-color_trc", "iec61966-2-1", primaries="smpte432", matrix="bt709"):
            shown(P3, muted),
        plain("wide", muted, "-color_trc", "bt2020-10", *deep): shown(BT2020, muted),
        plain("usual", muted, "-color_trc", "bt709", primaries="bt709", matrix="bt709"): muted,
    }
    add_all(gallery, files)
    for path, wanted in files.items():
        got = Image(gallery.thumbnail(path)).at(.5, .5)
        assert near(got, wanted, 12), (path.name, got, wanted)
