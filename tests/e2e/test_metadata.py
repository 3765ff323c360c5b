"""What pictures and clips say of themselves: when, where, with what, and which way is up, in all
their containers and in the spellings of many cameras. exiftool is the oracle where it has a word for
it."""
import json
import subprocess
from datetime import datetime, timezone

import exif
import pytest
from exif import ASCII, BYTE, DOUBLE, RATIONAL, SHORT, SRATIONAL, UNDEFINED
from harness import PATIENCE_S

WIDTH, HEIGHT = 320, 200
CORNERS = {"red": (230, 30, 30), "green": (30, 170, 30), "blue": (30, 30, 230), "white": (240, 240, 240)}
# Reading order of the corners when a stored red, green / blue, white is turned upright.
UPRIGHT = {1: "red green blue white", 2: "green red white blue", 3: "white blue green red",
           4: "blue white red green", 5: "red blue green white", 6: "blue red white green",
           7: "white green blue red", 8: "green white red blue"}

MAKE, MODEL, ORIENTATION, CHANGED = 0x010f, 0x0110, 0x0112, 0x0132
ORIGINAL, DIGITIZED, OFFSET, OFFSET_ORIGINAL, FRACTION = 0x9003, 0x9004, 0x9010, 0x9011, 0x9291
LENS, ISO, EXPOSURE, F_NUMBER = 0xa434, 0x8827, 0x829a, 0x829d
WHEN = "2021:07:04 12:34:56"

FULL = {"image": [(MAKE, ASCII, "Kamera"), (MODEL, ASCII, "Modell 7"), (ORIENTATION, SHORT, 6)],
        "camera": [(ORIGINAL, ASCII, WHEN), (OFFSET_ORIGINAL, ASCII, "+02:00"),
                   (LENS, ASCII, "Objektiv 35mm"), (ISO, SHORT, 400), (EXPOSURE, RATIONAL, (1, 250)),
                   (F_NUMBER, RATIONAL, (28, 10))],
        "place": [(1, ASCII, "S"), (2, RATIONAL, [(22, 1), (57, 1), (684, 100)]),
                  (3, ASCII, "W"), (4, RATIONAL, [(43, 1), (12, 1), (3780, 100)]),
                  (5, BYTE, 1), (6, RATIONAL, (123, 10))]}


@pytest.fixture(scope="module")
def hub(make_shared_hub):
    return make_shared_hub()


@pytest.fixture(scope="module")
def session(hub):
    return hub.session()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Four coloured corners in each container, without a word about them."""
    folder = tmp_path_factory.mktemp("plain")
    rows = [list(CORNERS.values())[2 * row:2 * row + 2] for row in range(2)]
    pixels = b"".join(bytes(color) * (WIDTH // 2) for row in rows for _ in range(HEIGHT // 2)
                      for color in row)
    for name in ("jpg", "png", "webp", "tiff", "gif"):
        how = ["-pix_fmt", "rgb24"] if name == "tiff" else ["-q:v", "3"] if name == "jpg" else []
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s",
                        f"{WIDTH}x{HEIGHT}", "-i", "-", *how, "-frames:v", "1", folder / f"x.{name}"],
                       input=pixels, check=True)
    for name in ("heic", "avif"):
        subprocess.run(["heif-enc", *(["-A"] if name == "avif" else []), "-o", folder / f"x.{name}",
                        folder / "x.png"], check=True, capture_output=True)
    return {path.suffix[1:]: path.read_bytes() for path in folder.iterdir()}


def exiftool(*args):
    return subprocess.run(["exiftool", "-q", "-q", *args], check=True, capture_output=True).stdout


def oracle(paths):
    """What exiftool reads in each file, by its name."""
    return {told["FileName"]: told for told in json.loads(exiftool("-j", "-n", *paths))}


def store(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return path


def read_all(hub, session, paths):
    """The records of all files, by name, once the hub is through with them."""
    ids = {}
    for path in paths:
        answer = hub.upload(session, path)
        assert answer.status_code == 201, (path.name, answer.text)
        ids[path.name] = answer.json()["data"]["id"]
    found = {name: hub.wait_status(session, media, "ready", "failed") for name, media in ids.items()}
    for name, item in found.items():
        assert item["status"] == "ready", (name, item["failure"])
        item["metadata"] = item["metadata"] or {}
    return found


def utc(text):
    return datetime.fromisoformat(text).astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def same_place(found, latitude, longitude):
    return found is not None and abs(found["latitude"] - latitude) < 1e-6 and \
        abs(found["longitude"] - longitude) < 1e-6


def corners(hub, session, item):
    answer = session.get(f"{hub.api}/media/{item['id']}/thumbnail", params={"size": "small"},
                         timeout=PATIENCE_S)
    assert answer.status_code == 200, answer.text
    pixels = subprocess.run(["ffmpeg", "-v", "error", "-i", "-", "-vf", "format=rgb24,scale=4:4:flags=neighbor", "-f",
                             "rawvideo", "-pix_fmt", "rgb24", "-frames:v", "1", "-"],
                            input=answer.content, check=True, capture_output=True).stdout
    found = []
    for column, row in ((0, 0), (3, 0), (0, 3), (3, 3)):
        at = 3 * (4 * row + column)
        distance = {name: sum(abs(a - b) for a, b in zip(color, pixels[at:at + 3]))
                    for name, color in CORNERS.items()}
        found.append(min(distance, key=distance.get))
    return " ".join(found)


def by_exiftool(folder, plain, name, suffix):
    """Some other program's way of putting FULL into a container."""
    template = store(folder, "template.jpg", exif.into_jpeg(plain["jpg"], exif.block(**FULL)))
    path = store(folder, name, plain[suffix])
    exiftool("-overwrite_original", "-tagsFromFile", template, "-all:all", "-unsafe", path)
    return path


def test_every_container_says_the_same(hub, session, plain, tmp_path):
    little, big = exif.block(**FULL), exif.block(**FULL, order=">")
    note = (0x927c, UNDEFINED, bytes(150000))                  # a maker's note that fills three segments
    large = exif.block(**{**FULL, "camera": FULL["camera"] + [note]})
    packet = exif.segment(b"http://ns.adobe.com/xap/1.0/\0" + exif.xmp('tiff:Make="Other"'))
    contents = {
        "little.jpg": exif.into_jpeg(plain["jpg"], little),
        "big.jpg": exif.into_jpeg(plain["jpg"], big),
        "segments.jpg": exif.into_jpeg(plain["jpg"], large),
        "xmp-first.jpg": exif.into_jpeg(plain["jpg"], little, before=packet),
        "chunk.png": exif.into_png(plain["png"], exif.chunk(b"eXIf", big)),
        "large.png": exif.into_png(plain["png"], exif.chunk(b"eXIf", large)),
        "profile.png": exif.into_png(plain["png"], exif.raw_profile("exif", b"Exif\0\0" + little)),
        "app1.png": exif.into_png(plain["png"], exif.raw_profile("APP1", b"Exif\0\0" + big)),
        "bare.webp": exif.into_webp(plain["webp"], b"EXIF", little, (WIDTH, HEIGHT)),
        "prefix.webp": exif.into_webp(plain["webp"], b"EXIF", b"Exif\0\0" + big, (WIDTH, HEIGHT)),
        "large.webp": exif.into_webp(plain["webp"], b"EXIF", large, (WIDTH, HEIGHT)),
    }
    paths = [store(tmp_path, name, content) for name, content in contents.items()]
    paths += [by_exiftool(tmp_path, plain, f"other.{suffix}", suffix)
              for suffix in ("jpg", "png", "webp", "tiff", "heic", "avif")]
    for suffix in ("heic", "avif"):                            # the encoder copies the photo's EXIF
        paths.append(tmp_path / f"encoder.{suffix}")
        subprocess.run(["heif-enc", *(["-A"] if suffix == "avif" else []), "-o", paths[-1],
                        tmp_path / "little.jpg"], check=True, capture_output=True)

    oracles = oracle(paths)
    for name, item in read_all(hub, session, paths).items():
        told = oracles[name]
        assert (told["Make"], told["Orientation"], told["DateTimeOriginal"]) == ("Kamera", 6, WHEN)
        found = item["metadata"]
        assert item["taken_at"] == utc("2021-07-04T12:34:56+02:00"), name
        assert found["camera"] == f"{told['Make']} {told['Model']}", name
        assert found["lens"] == told["LensModel"], name
        assert (found["iso"], found["exposure"], found["aperture"]) == (400, "1/250", 2.8), name
        assert same_place(found["location"], told["GPSLatitude"], told["GPSLongitude"]), name
        assert found["location"]["altitude"] == pytest.approx(told["GPSAltitude"]), name
        assert (item["width"], item["height"]) == (HEIGHT, WIDTH), name
        assert corners(hub, session, item) == UPRIGHT[6], name


def test_all_ways_up(hub, session, plain, tmp_path):
    paths = []
    for way in UPRIGHT:
        tiff = exif.block(image=[(ORIENTATION, SHORT, way)])
        paths.append(store(tmp_path, f"{way}.jpg", exif.into_jpeg(plain["jpg"], tiff)))
        if way not in (3, 5, 8):
            continue
        paths.append(store(tmp_path, f"{way}.png", exif.into_png(plain["png"], exif.chunk(b"eXIf", tiff))))
        paths.append(store(tmp_path, f"{way}.webp",
                           exif.into_webp(plain["webp"], b"EXIF", tiff, (WIDTH, HEIGHT))))
        paths.append(store(tmp_path, f"{way}.tiff", plain["tiff"]))
        exiftool("-overwrite_original", f"-Orientation#={way}", paths[-1])

    oracles = oracle(paths)
    for name, item in read_all(hub, session, paths).items():
        way = oracles[name]["Orientation"]
        size = (WIDTH, HEIGHT) if way < 5 else (HEIGHT, WIDTH)
        assert (item["width"], item["height"]) == size, name
        assert corners(hub, session, item) == UPRIGHT[way], name


def test_pictures_that_turn_themselves(hub, session, plain, tmp_path):
    """irot and imir are all that counts for HEIC and AVIF that have them; libheif is the oracle."""
    turns = {"quarter": (b"\0\0\0\x09irot\1", 8), "three": (b"\0\0\0\x09irot\3", 6),
             "none": (b"\0\0\0\x09irot\0", 1), "mirror": (b"\0\0\0\x09imir\1", 2)}
    paths = []
    for suffix in ("heic", "avif"):
        other = by_exiftool(tmp_path, plain, f"other.{suffix}", suffix)   # EXIF says 6
        told = plain[suffix]
        for name, (turn, _) in turns.items():
            paths.append(store(tmp_path, f"{name}.{suffix}", exif.turned_heif(told, turn)))
            exiftool("-overwrite_original", "-tagsFromFile", other, "-Orientation", paths[-1])

    for name, item in read_all(hub, session, paths).items():
        way = turns[name.split(".")[0]][1]
        subprocess.run(["heif-convert", tmp_path / name, tmp_path / "oracle.png"], check=True,
                       capture_output=True)
        told = oracle([tmp_path / "oracle.png"])["oracle.png"]
        assert (item["width"], item["height"]) == (told["ImageWidth"], told["ImageHeight"]), name
        assert corners(hub, session, item) == UPRIGHT[way], name


def test_of_several_blocks(hub, session, plain, tmp_path):
    first = exif.block(image=[(MAKE, ASCII, "First"), (ORIENTATION, SHORT, 6)],
                       camera=[(ORIGINAL, ASCII, "2001:02:03 04:05:06"), (LENS, ASCII, "Objektiv")])
    second = exif.block(image=[(MAKE, ASCII, "Second"), (ORIENTATION, SHORT, 8)],
                        camera=[(ORIGINAL, ASCII, WHEN)])
    before = exif.segment(b"Exif\0\0" + first)
    paths = [store(tmp_path, "both.jpg", exif.into_jpeg(plain["jpg"], second, before=before)),
             store(tmp_path, "both.png", exif.into_png(
                 plain["png"], exif.chunk(b"eXIf", first) + exif.raw_profile("exif", second)))]

    oracles = oracle(paths)
    for name, item in read_all(hub, session, paths).items():
        told = oracles[name]
        assert item["metadata"]["camera"] == told["Make"] == "Second", name
        assert item["metadata"]["lens"] == told["LensModel"] == "Objektiv", name
        assert item["taken_at"] == "2021-07-04T12:34:56Z" and told["DateTimeOriginal"] == WHEN, name
        assert corners(hub, session, item) == UPRIGHT[told["Orientation"]], name


ZEROS, STAMP = "0000:00:00 00:00:00", [(7, RATIONAL, [(10, 1), (34, 1), (5600, 100)])]
DATES = {
    "original": ({"camera": [(ORIGINAL, ASCII, WHEN)]}, "", "2021-07-04T12:34:56Z"),
    "digitized": ({"camera": [(DIGITIZED, ASCII, WHEN)]}, "", "2021-07-04T12:34:56Z"),
    "zeros-digitized": ({"camera": [(ORIGINAL, ASCII, ZEROS), (DIGITIZED, ASCII, WHEN)]}, "",
                        "2021-07-04T12:34:56Z"),
    "blanks-digitized": ({"camera": [(ORIGINAL, ASCII, "    :  :     :  :  "),
                                     (DIGITIZED, ASCII, WHEN)]}, "", "2021-07-04T12:34:56Z"),
    "changed": ({"image": [(CHANGED, ASCII, WHEN)]}, "", "2021-07-04T12:34:56Z"),
    "changed-east": ({"image": [(CHANGED, ASCII, WHEN)], "camera": [(OFFSET, ASCII, "+09:30")]}, "",
                     "2021-07-04T03:04:56Z"),
    "all-zeros-changed": ({"image": [(CHANGED, ASCII, WHEN)],
                           "camera": [(ORIGINAL, ASCII, ZEROS), (DIGITIZED, ASCII, ZEROS)]}, "",
                          "2021-07-04T12:34:56Z"),
    "satellites": ({"place": STAMP + [(29, ASCII, "2021:07:04")]}, "", "2021-07-04T10:34:56Z"),
    "satellites-dashes": ({"place": STAMP + [(29, ASCII, "2021-07-04")],
                           "camera": [(ORIGINAL, ASCII, ZEROS)]}, "", "2021-07-04T10:34:56Z"),
    "no-day": ({"place": STAMP}, "", None),
    "slashes": ({"camera": [(ORIGINAL, ASCII, "2021/07/04 12:34:56")]}, "", "2021-07-04T12:34:56Z"),
    "dashes": ({"camera": [(ORIGINAL, ASCII, "2021-07-04 12:34:56")]}, "", "2021-07-04T12:34:56Z"),
    "iso": ({"camera": [(ORIGINAL, ASCII, "2021-07-04T12:34:56-05:00")]}, "", "2021-07-04T17:34:56Z"),
    "blank": ({"camera": [(ORIGINAL, ASCII, "2021 07 04 12:34:56")]}, "", "2021-07-04T12:34:56Z"),
    "west": ({"camera": [(ORIGINAL, ASCII, WHEN), (OFFSET_ORIGINAL, ASCII, "-03:30")]}, "",
             "2021-07-04T16:04:56Z"),
    "fraction": ({"camera": [(ORIGINAL, ASCII, WHEN), (FRACTION, ASCII, "999")]}, "",
                 "2021-07-04T12:34:56Z"),
    "no-zone": ({"camera": [(ORIGINAL, ASCII, WHEN), (OFFSET_ORIGINAL, ASCII, "   :  ")]}, "",
                "2021-07-04T12:34:56Z"),
    "no-nul": ({"camera": [(ORIGINAL, ASCII, WHEN.encode())]}, "", "2021-07-04T12:34:56Z"),
    "undefined": ({"camera": [(ORIGINAL, UNDEFINED, WHEN.encode())]}, "", "2021-07-04T12:34:56Z"),
    "1969": ({"camera": [(ORIGINAL, ASCII, "1969:12:31 23:59:59")]}, "", "1969-12-31T23:59:59Z"),
    "1955": ({"camera": [(ORIGINAL, ASCII, "1955:06:07 08:09:10")]}, "", "1955-06-07T08:09:10Z"),
    "1890": ({"camera": [(ORIGINAL, ASCII, "1890:01:02 03:04:05")]}, "", "1890-01-02T03:04:05Z"),
    "packet": ({}, 'exif:DateTimeOriginal="2021-07-04T12:34:56+02:00"', "2021-07-04T10:34:56Z"),
    "packet-create": ({}, 'xmp:CreateDate="2021-07-04T12:34:56.25"', "2021-07-04T12:34:56Z"),
    "packet-day": ({}, 'photoshop:DateCreated="1955-06-07"', "1955-06-07T00:00:00Z"),
    "packet-year": ({}, 'photoshop:DateCreated="1955"', "1955-01-01T00:00:00Z"),
    "packet-minutes": ({}, 'xmp:ModifyDate="2021-07-04T12:34Z"', "2021-07-04T12:34:00Z"),
    "packet-scan": ({"camera": [(DIGITIZED, ASCII, WHEN)]}, 'photoshop:DateCreated="1955-06-07"',
                    "1955-06-07T00:00:00Z"),
    "packet-behind": ({"camera": [(ORIGINAL, ASCII, WHEN)]}, 'xmp:CreateDate="2001-02-03T04:05:06"',
                      "2021-07-04T12:34:56Z"),
    "packet-zeros": ({"camera": [(ORIGINAL, ASCII, ZEROS)]},
                     'exif:DateTimeOriginal="2021-07-04T12:34:56"', "2021-07-04T12:34:56Z"),
    "nothing": ({"camera": [(ORIGINAL, ASCII, "yesterday")]}, "", None),
}


def picture(plain, blocks, packet):
    before = exif.segment(b"http://ns.adobe.com/xap/1.0/\0" + exif.xmp(packet)) if packet else b""
    tiff = exif.block(**blocks) if blocks else b""
    return exif.into_jpeg(plain["jpg"], tiff, before=before)


def test_dates(hub, session, plain, tmp_path):
    paths = [store(tmp_path, f"{name}.jpg", picture(plain, blocks, packet))
             for name, (blocks, packet, _) in DATES.items()]

    for name, item in read_all(hub, session, paths).items():
        assert item["taken_at"] == DATES[name[:-4]][2], name


def test_what_was_taken_before_1970_is_listed_first(hub, plain, tmp_path):
    from people import add_user
    _, session = add_user(hub, "nadar")
    days = {"c": "2021:07:04 12:34:56", "a": "1890:01:02 03:04:05", "b": "1969:12:31 23:59:59"}
    paths = [store(tmp_path, f"{name}.jpg", picture(plain, {"camera": [(ORIGINAL, ASCII, day)]}, ""))
             for name, day in days.items()]
    read_all(hub, session, paths)

    for order, expected in (("asc", ["a.jpg", "b.jpg", "c.jpg"]), ("desc", ["c.jpg", "b.jpg", "a.jpg"])):
        answer = session.get(hub.api + "/media", params={"sort": "taken_at", "order": order},
                             timeout=PATIENCE_S).json()
        assert [item["filename"] for item in answer["data"]] == expected


def place(latitude, longitude, north="N", east="E", kind=RATIONAL):
    return [(1, ASCII, north), (2, kind, latitude), (3, ASCII, east), (4, kind, longitude)]


EIGHT, ELEVEN = [(48, 1), (8, 1), (1234, 100)], [(11, 1), (34, 1), (3072, 100)]
PLACES = {
    "plain": place(EIGHT, ELEVEN),
    "sixty-seconds": place([(48, 1), (7, 1), (60, 1)], ELEVEN),
    "sixty-minutes": place([(47, 1), (60, 1), (0, 1)], ELEVEN),
    "signed": place(EIGHT, ELEVEN, kind=SRATIONAL),
    "signed-south": place([(-48, 1), (0, 1), (0, 1)], [(-11, 1), (0, 1), (0, 1)], "S", "W", SRATIONAL),
    "two": place([(48, 1), (82057, 10000)], [(11, 1), (345120, 10000)]),
    "one": place([(48136761, 1000000)], [(11575200, 1000000)]),
    "words": place(EIGHT, ELEVEN, "North", "East"),
    "words-south": place(EIGHT, ELEVEN, "South", "West"),
    "lower-case": place(EIGHT, ELEVEN, "s", "w"),
    "floats": place([48.0, 8.0, 12.34], [11.0, 34.0, 30.72], kind=DOUBLE),
    "texts": place("48 8 12.34", "11 34 30.72", kind=ASCII),
    "no-denominator": place([(48, 1), (8, 1), (0, 0)], ELEVEN),
    "no-fix": place([(0, 0), (0, 0), (0, 0)], [(0, 0), (0, 0), (0, 0)]),
    "pole": place([(90, 1), (0, 1), (0, 1)], [(180, 1), (0, 1), (0, 1)], "S", "W"),
}


def test_places(hub, session, plain, tmp_path):
    paths = [store(tmp_path, f"{name}.jpg", picture(plain, {"place": entries}, ""))
             for name, entries in PLACES.items()]
    nowhere = [store(tmp_path, f"{name}.jpg", picture(plain, {"place": entries}, ""))
               for name, entries in {"beyond": place([(91, 1), (0, 1), (0, 1)], ELEVEN),
                                     "buoy": place([(0, 1)] * 3, [(0, 1)] * 3),
                                     "no-hemisphere": [(2, RATIONAL, EIGHT), (4, RATIONAL, ELEVEN)],
                                     }.items()]

    oracles = oracle(paths + nowhere)
    for name, item in read_all(hub, session, paths + nowhere).items():
        told = oracles[name]
        found = item["metadata"].get("location")
        if name[:-4] in PLACES and "GPSPosition" in told and told["GPSLatitude"] != "":
            assert same_place(found, told["GPSLatitude"], told["GPSLongitude"]), (name, found, told)
        else:
            assert found is None, (name, found)
    assert "GPSPosition" in oracles["sixty-seconds.jpg"]


ALTITUDES = {"above": ([(5, BYTE, 0), (6, RATIONAL, (5204, 10))], 520.4),
             "below": ([(5, BYTE, 1), (6, RATIONAL, (123, 10))], -12.3),
             "below-as-text": ([(5, ASCII, "1"), (6, RATIONAL, (123, 10))], -12.3),
             "no-reference": ([(6, RATIONAL, (5204, 10))], 520.4),
             "signed": ([(6, SRATIONAL, (-123, 10))], -12.3),
             "nonsense": ([(5, BYTE, 0), (6, RATIONAL, (1, 0))], None)}


def test_altitudes(hub, session, plain, tmp_path):
    paths = [store(tmp_path, f"{name}.jpg", picture(plain, {"place": place(EIGHT, ELEVEN) + added}, ""))
             for name, (added, _) in ALTITUDES.items()]
    for name, item in read_all(hub, session, paths).items():
        assert item["metadata"]["location"].get("altitude") == pytest.approx(ALTITUDES[name[:-4]][1]), name


PACKETS = {
    "attributes": ('exif:GPSLatitude="48,8.2057N" exif:GPSLongitude="11,34.512E" tiff:Make="Kamera" '
                   'tiff:Model="Modell 7" aux:Lens="Objektiv"', ""),
    "seconds": ('exif:GPSLatitude="48,8,12.34S" exif:GPSLongitude="11,34,30.72W" tiff:Make="Kamera" '
                'tiff:Model="Modell 7" aux:Lens="Objektiv"', ""),
    "elements": ("", "<exif:GPSLatitude>48,8.2057N</exif:GPSLatitude><exif:GPSLongitude>\n11,34.512E\n"
                 "</exif:GPSLongitude><tiff:Make>Kamera</tiff:Make><tiff:Model>Modell 7</tiff:Model>"
                 "<aux:Lens><![CDATA[Objektiv]]></aux:Lens>"),
    "ingredients": ('exif:GPSLatitude="48,8.2057N" exif:GPSLongitude="11,34.512E" tiff:Model="Modell 7" '
                    'aux:Lens="Objektiv"',
                    "<!-- <tiff:Make>Comment</tiff:Make> --><photoshop:History><rdf:Bag><rdf:li>"
                    '<rdf:Description tiff:Make="Ingredient" exif:GPSLatitude="1,2N"/></rdf:li></rdf:Bag>'
                    "</photoshop:History><tiff:Make>&#75;a&#x6D;era</tiff:Make>"),
}


def test_packets(hub, session, plain, tmp_path):
    contents = {f"{name}.jpg": exif.into_jpeg(
        plain["jpg"], b"", before=exif.segment(b"http://ns.adobe.com/xap/1.0/\0" + exif.xmp(*packet)))
        for name, packet in PACKETS.items()}
    packet = exif.xmp(*PACKETS["elements"])
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + packet
    contents["text.png"] = exif.into_png(plain["png"], exif.chunk(b"iTXt", text))
    contents["chunk.webp"] = exif.into_webp(plain["webp"], b"XMP ", packet, (WIDTH, HEIGHT))
    paths = [store(tmp_path, name, content) for name, content in contents.items()]
    for suffix in ("tiff", "heic", "avif", "gif"):
        paths.append(store(tmp_path, f"packet.{suffix}", plain[suffix]))
        exiftool("-overwrite_original", "-XMP-exif:GPSLatitude=48.1367616", "-XMP-exif:GPSLongitude=11.5752",
                 "-XMP-tiff:Make=Kamera", "-XMP-tiff:Model=Modell 7", "-XMP-aux:Lens=Objektiv", paths[-1])

    oracles = oracle(paths)
    for name, item in read_all(hub, session, paths).items():
        told = oracles[name]
        assert item["metadata"]["camera"] == "Kamera Modell 7", name
        assert item["metadata"]["lens"] == "Objektiv", name
        assert same_place(item["metadata"]["location"], told["GPSLatitude"], told["GPSLongitude"]), name


CAMERAS = {
    ("Nikon", "NIKON D90"): "NIKON D90",
    ("NIKON CORPORATION", "NIKON D90"): "NIKON D90",
    ("EASTMAN KODAK COMPANY", "KODAK DC240 ZOOM"): "KODAK DC240 ZOOM",
    ("LG Electronics", "LG-H870"): "LG-H870",
    ("NIKON", "NIKON NIKON D90"): "NIKON D90",
    ("SONY", "ILCE-7M3"): "SONY ILCE-7M3",
    ("Apple", ""): "Apple",
    ("", "Modell 7"): "Modell 7",
    ("----", "\x01\x02"): None,
    ("Foto   ", " Modell\x07 7  "): "Foto Modell 7",
    ("Caméra", "Größe"): "Caméra Größe",
    ("Cam\xe9ra".encode("latin-1"), "Gr\xf6\xdfe".encode("latin-1")): "Caméra Größe",
    (b"Kamera\0\xff\xfe\xfd garbage", "Modell"): "Kamera Modell",
}


def test_cameras(hub, session, plain, tmp_path):
    names = {f"{i}.jpg": pair for i, pair in enumerate(CAMERAS)}
    paths = [store(tmp_path, name, picture(
        plain, {"image": [(MAKE, ASCII, make), (MODEL, ASCII, model)]}, ""))
        for name, (make, model) in names.items()]
    for name, item in read_all(hub, session, paths).items():
        assert item["metadata"].get("camera") == CAMERAS[names[name]], (names[name], item["metadata"])


CLIPS = {
    "apple.mov": (["com.apple.quicktime.creationdate=2021-07-04T12:34:56+0200",
                   "creation_time=2001-02-03T04:05:06Z", "com.apple.quicktime.make=Apple",
                   "com.apple.quicktime.model=iPhone 12"], "2021-07-04T10:34:56Z", "Apple iPhone 12"),
    "zeros.mov": (["com.apple.quicktime.creationdate=0000-00-00T00:00:00Z",
                   "creation_time=2001-02-03T04:05:06Z"], "2001-02-03T04:05:06Z", None),
    "old.mov": (["com.apple.quicktime.creationdate=1955-06-07T08:09:10Z"], "1955-06-07T08:09:10Z", None),
    "time.mp4": (["creation_time=2001-02-03T04:05:06Z"], "2001-02-03T04:05:06Z", None),
    "day.mp4": (["date=2021-07-04T12:34:56+0200"], "2021-07-04T10:34:56Z", None),
    "recorded.mkv": (["DATE_RECORDED=2021-07-04T12:34:56+02:00"], "2021-07-04T10:34:56Z", None),
    "time.mkv": (["creation_time=2001-02-03T04:05:06Z"], "2001-02-03T04:05:06Z", None),
    "none.mp4": ([], None, None),
}


def test_clips(hub, session, tmp_path):
    paths = []
    for name, (tags, _, _) in CLIPS.items():
        paths.append(tmp_path / name)
        keys = ["-movflags", "use_metadata_tags"] if name.endswith("mov") else []
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc=s=160x120:d=0.4",
                        "-c:v", "libx264", "-pix_fmt", "yuv420p", *keys,
                        *[arg for tag in tags for arg in ("-metadata", tag)], paths[-1]], check=True)
    packet = tmp_path / "packet.mp4"
    packet.write_bytes((tmp_path / "none.mp4").read_bytes())
    exiftool("-overwrite_original", "-XMP-exif:DateTimeOriginal=2021:07:04 12:34:56+02:00",
             "-XMP-tiff:Make=Kamera", "-XMP-tiff:Model=Modell 7", packet)

    for name, item in read_all(hub, session, paths + [packet]).items():
        _, taken_at, camera = CLIPS.get(name, (None, "2021-07-04T10:34:56Z", "Kamera Modell 7"))
        assert (item["taken_at"], item["metadata"].get("camera")) == (taken_at, camera), name
