"""What strangers get of a public original: every byte in its place, but nothing of where it was
taken, with which camera and lens, and by whom. exiftool is the oracle, ffmpeg shows that the picture
is the same."""
import json
import subprocess

import pytest
import requests
from harness import PATIENCE_S
from people import add_user

PLACE = ["-GPSLatitude=52.5163", "-GPSLatitudeRef=N", "-GPSLongitude=13.3777",
         "-GPSLongitudeRef=E", "-GPSAltitude=34"]
CAMERA = ["-EXIF:Make=Kamera", "-EXIF:Model=Modell 7", "-EXIF:SerialNumber=BODY-77341",
          "-EXIF:LensSerialNumber=LENS-99120", "-EXIF:OwnerName=Ada Byron", "-EXIF:Artist=Ada Byron",
          "-EXIF:Orientation#=6"]
XMP = ["-XMP-exif:GPSLatitude=52.5163", "-XMP-exif:GPSLongitude=13.3777",
       "-XMP-aux:SerialNumber=BODY-77341", "-XMP-aux:OwnerName=Ada Byron",
       "-XMP-dc:Creator=Ada Byron", "-XMP-dc:Title=Gate", "-XMP-photoshop:City=Berlin",
       "-XMP-iptcExt:LocationCreatedCity=Berlin"]
IPTC = ["-IPTC:By-line=Ada Byron", "-IPTC:City=Berlin", "-IPTC:Keywords=gate"]
MOVIE = ["-Keys:GPSCoordinates=52.5163 13.3777 34", "-Keys:Author=Ada Byron",
         "-UserData:GPSCoordinates=52.5163 13.3777 34", "-UserData:Artist=Ada Byron",
         "-Keys:Make=Kamera", "-Keys:Model=Modell 7"]
NEEDLES = ["BODY-77341", "LENS-99120", "Ada Byron", "Berlin", "52.516", "13.377", "52,30.978"]

# How a file is made of the sample photo or clip, what is written into it, what must remain.
KINDS = {
    "photo.jpg": (["-q:v", "3"], PLACE + CAMERA + XMP + IPTC,
                  {"Model": "Modell 7", "Orientation": 6, "Title": "Gate", "Keywords": "gate"}),
    "photo-big-endian.jpg": ([], ["-ExifByteOrder=MM"] + PLACE + CAMERA,
                       {"Model": "Modell 7", "Orientation": 6}),
    "photo.png": ([], PLACE + CAMERA + XMP,
                  {"Model": "Modell 7", "Orientation": 6, "Title": "Gate"}),
    "photo.webp": ([], PLACE + CAMERA + XMP,
                   {"Model": "Modell 7", "Orientation": 6, "Title": "Gate"}),
    "photo.tiff": (["-pix_fmt", "rgb24"], PLACE + CAMERA + XMP + IPTC,
                   {"Model": "Modell 7", "Title": "Gate"}),
    "photo.heic": ([], PLACE + CAMERA + XMP,
                   {"Model": "Modell 7", "Title": "Gate"}),
    "photo.avif": ([], PLACE + CAMERA + XMP,
                   {"Model": "Modell 7", "Title": "Gate"}),
    "clip.mp4": (["-t", "1", "-c", "copy"], MOVIE + XMP, {"Title": "Gate", "Model": "Modell 7"}),
    "clip.mov": (["-t", "1", "-c", "copy", "-metadata", "location=+52.5163+013.3777/",
                  "-metadata", "artist=Ada Byron", "-metadata", "model=Modell 7"], [],
                 {"Model": "Modell 7"}),
    "keys.mov": (["-t", "1", "-c", "copy", "-movflags", "use_metadata_tags",
                  "-metadata", "com.apple.quicktime.location.ISO6709=+52.5163+013.3777/",
                  "-metadata", "com.apple.quicktime.author=Ada Byron",
                  "-metadata", "com.apple.quicktime.model=Modell 7"], [], {"Model": "Modell 7"}),
}


def make(folder, name, source, how, tags):
    path = folder / name
    if name.endswith((".heic", ".avif")):
        still = folder / "still.png"
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", source, *how, still], check=True)
        subprocess.run(["heif-enc", *(["-A"] if name.endswith("avif") else []), "-o", path, still],
                       check=True, capture_output=True)
    else:
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", source, "-map_metadata", "-1", *how, path],
                       check=True)
    if tags:
        subprocess.run(["exiftool", "-q", "-q", "-overwrite_original", *tags, path], check=True)
    return path


def tags_of(path):
    found = subprocess.run(["exiftool", "-j", "-n", "-a", "-u", "-ee", "-x", "Directory", "-x", "FileName",
                            path], check=True, capture_output=True, text=True).stdout
    return found, json.loads(found)[0]


def frames(path):
    if path.suffix in (".heic", ".avif"):                 # which this ffmpeg does not read
        subprocess.run(["heif-convert", path, path.with_suffix(".png")], check=True, capture_output=True)
        path = path.with_suffix(".png")
    return subprocess.run(["ffmpeg", "-v", "fatal", "-i", path, "-map", "0:v:0", "-f", "framemd5", "-"],
                          check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    return tmp_path_factory.mktemp("originals")


def download(session, hub, media, **headers):
    return session.get(f"{hub.api}/media/{media['id']}/content", headers=headers, timeout=PATIENCE_S)


def test_what_strangers_get(hub, originals, photo, clip):
    owner, (_, stranger) = hub.session(), add_user(hub, "grace")
    small = originals / "small.png"
    subprocess.run(["ffmpeg", "-v", "error", "-i", photo, "-vf", "scale=320:-1", small], check=True)
    made = {name: make(originals, name, small if name.startswith("photo") else clip, how, tags)
            for name, (how, tags, _) in KINDS.items()}
    media = {name: hub.upload(owner, path).json()["data"] for name, path in made.items()}

    for name, path in made.items():
        text, _ = tags_of(path)
        assert "Ada Byron" in text and "52.5" in text, name
        item = hub.wait_status(owner, media[name]["id"], "ready", "failed")
        assert item["status"] == "ready", (name, item["failure"])
        assert "private" not in " ".join(item["variants"])
        assert download(stranger, hub, item).status_code == 404
        answer = owner.patch(f"{hub.api}/media/{item['id']}", json={"is_public": True})
        assert answer.status_code == 200, answer.text
        check(hub, owner, stranger, item, path, KINDS[name][2])


def check(hub, owner, stranger, item, path, kept):
    own, shown = download(owner, hub, item), download(stranger, hub, item)
    blanked = path.with_name("shown-" + path.name)
    blanked.write_bytes(shown.content)

    assert own.content == path.read_bytes()
    assert shown.status_code == 200 and len(shown.content) == len(own.content)
    assert own.headers["ETag"] != shown.headers["ETag"]
    text, tags = tags_of(blanked)
    for needle in NEEDLES:
        assert needle not in text, (path.name, needle, text)
        assert needle.encode() not in shown.content, (path.name, needle)
    assert not [name for name in tags if name.startswith("GPS") and str(tags[name]).strip()], text
    for name, value in kept.items():
        assert tags.get(name) == value, (path.name, name, text)
    assert frames(blanked) == frames(path), path.name
    part = download(stranger, hub, item, Range="bytes=100-4999")
    assert part.status_code == 206 and part.content == shown.content[100:5000]
    link = requests.get(hub.url + stranger.get(f"{hub.api}/media/{item['id']}").json()["data"]["url"],
                        timeout=PATIENCE_S)
    assert link.content == shown.content
