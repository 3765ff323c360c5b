"""Pictures of every kind: right thumbnails, or a clear word. One hub gets all files at once; the
pixels are compared with those that ImageMagick sees."""
import pytest
from harness import PATIENCE_S
from picture_files import BLUE, GREEN, RED, Image, Pictures, grey_profile, rgb_profile, run

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


def test_every_kind_of_jpeg(gallery, pictures):
    for path in add_all(gallery, jpegs(pictures)):
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
