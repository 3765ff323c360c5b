"""Files that claim more than they are, and pictures that are as large as they claim. One hub gets them
all; its own log tells what each cost."""
import json
import os
import pathlib

import big_files
import bomb_files
import pytest
from harness import PATIENCE_S, SANITIZED, wait_for
from picture_files import Image, Pictures

MIB = 1 << 20
COARSE = ("-quality", "25")                                # less to upload
TYPED = {"damaged", "unsupported", "too_many_pixels", "out_of_memory"}
PIXELS = {"wide.png", "held.png", "held_deep.png", "wide.tif", "wide.jpg", "wide_progressive.jpg", "held.jpg",
          "held_arithmetic.jpg", "held_scans.jpg", "held.webp", "wide.webp", "held.gif", "wide.gif",
          "tiles.heic", "few_tiles.heic", "claims.avif"}
# What is harmless, since what is too much of it is never looked at.
SERVED = {"behind.png", "below.tif", "million.gif", "film.gif", "exif.jpg", "xmp.jpg",
          "segments.jpg", "profile.jpg"}


def claiming(pictures):
    """16384 x 16384, as `ispe` says (ISO 23008-12, section 6.5.3)."""
    data = pictures.avif("claims.avif").read_bytes()
    at = data.index(b"ispe") + 8
    yield "claims.avif", data[:at] + bomb_files.u32(16384, 16384) + data[at + 8:]
    yield "tiles.heic", big_files.heic(pictures, "tiles.heic", 32, 32).read_bytes()
    yield "few_tiles.heic", big_files.heic(pictures, "few_tiles.heic", 20, 20).read_bytes()


class Bombs:
    def __init__(self, hub):
        self.hub, self.session, self.ids = hub, hub.session(), {}

    def add(self, path):
        answer = self.hub.upload(self.session, path)
        if answer.status_code != 201:                     # known for no medium at the door
            assert answer.status_code in (400, 415), (path, answer.text)
            return
        self.ids[path.name] = answer.json()["data"]["id"]

    def settled(self, name):
        """However many wait before it."""
        def look():
            media = self.session.get(f"{self.hub.api}/media/{self.ids[name]}", timeout=PATIENCE_S).json()["data"]
            return media if media["status"] in ("ready", "failed") else None
        return wait_for(look, f"the end of {name}", 4 * PATIENCE_S)

    def told(self, event):
        return [json.loads(line) for line in self.hub.log_text().splitlines() if f'"{event}"' in line]

    def costs(self):
        """{name: (most memory, CPU milliseconds)} of the decoding children, in the order of the log of the
        only worker."""
        names = {media_id: name for name, media_id in self.ids.items()}
        costs, peak, cpu_ms = {}, 0, 0
        for line in self.hub.log_text().splitlines():
            if '"decode_ended"' in line:
                peak, cpu_ms = max(peak, json.loads(line)["peak_bytes"]), cpu_ms + json.loads(line)["cpu_ms"]
            elif '"job_failed"' in line or '"job_done"' in line:
                costs[names[json.loads(line)["media"]]] = peak, cpu_ms
                peak, cpu_ms = 0, 0
        return costs


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return Pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def bombs(make_shared_hub):
    return Bombs(make_shared_hub("--log-level", "debug"))


def all_bombs(pictures):
    for make in (bomb_files.pngs, bomb_files.gifs, bomb_files.tiffs, bomb_files.jpegs, bomb_files.webps,
                 bomb_files.mp4s, bomb_files.mkvs):
        yield from make()
    yield from claiming(pictures)


def test_bombs_are_refused_at_once(bombs, pictures):
    for name, data in all_bombs(pictures):
        bombs.add(pictures.written(name, data))
    assert len(bombs.ids) > 50, sorted(bombs.ids)
    for name in bombs.ids:
        media = bombs.settled(name)
        if name in SERVED:
            assert media["status"] == "ready", (name, media["failure"])
        else:
            assert media["status"] == "failed" and media["failure"]["message"], name
            assert media["failure"]["code"] in ({"too_many_pixels"} if name in PIXELS else TYPED), (
                name, media["failure"])
    costs = bombs.costs()
    for name in bombs.ids:
        peak, cpu_ms = costs[name]
        assert SANITIZED or (peak < 256 * MIB and cpu_ms < 2000), (name, peak, cpu_ms)
    assert '"decoder_ended"' not in bombs.hub.log_text()


def big_ones(pictures):
    yield big_files.jpeg(pictures, "baseline.jpg", 20000, 625, *COARSE), (20000, 10000)
    yield big_files.jpeg(pictures, "progressive.jpg", 20000, 625, "-progressive", *COARSE), (20000, 10000)
    yield big_files.jpeg(pictures, "panorama.jpg", 32000, 459, *COARSE), (32000, 7344)
    yield big_files.jpeg(pictures, "panorama_444.jpg", 32000, 459, "-progressive", "-sample", "1x1", *COARSE), (32000, 7344)
    yield big_files.png(pictures, "panorama.png", 32000, 459), (32000, 7344)
    yield big_files.tiff(pictures, "panorama.tif", 32000, 459), (32000, 7344)
    yield big_files.heic(pictures, "grid.heic", 16, 12), (8192, 6144)


@pytest.mark.skipif(SANITIZED, reason="takes minutes of a slow build, whose memory is not bounded")
def test_big_pictures_pass(bombs, pictures):
    files = list(big_ones(pictures))
    for path, _ in files:
        bombs.add(path)
    seen = {}
    for path, size in files:
        media = bombs.settled(path.name)
        assert media["status"] == "ready", (path.name, media["failure"])
        assert (media["width"], media["height"]) == size, path.name
        answer = bombs.session.get(f"{bombs.hub.api}/media/{media['id']}/thumbnail?size=large", timeout=PATIENCE_S)
        seen[path.name] = Image(answer.content)
        assert seen[path.name].width == 800
        path.unlink()
    assert seen["progressive.jpg"].distance(seen["baseline.jpg"]) < 2
    assert seen["panorama_444.jpg"].distance(seen["panorama.png"]) < 6
    assert seen["panorama.jpg"].distance(seen["panorama.png"]) < 6


def resident(hub):
    """Of all decoding children together."""
    total = 0
    for pid in hub.pids("decode-job"):
        try:
            text = pathlib.Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith("RssAnon"))
    return total


@pytest.mark.skipif(SANITIZED, reason="the memory of such a build is not bounded")
def test_workers_wait_for_memory_instead_of_failing(make_hub, pictures, photo):
    hub = make_hub("--workers", "3", "--workers-memory", "704M", "--log-level", "debug")
    jobs, most = Bombs(hub), 0
    names = []
    for i in range(3):                                    # each wants about 430 MB
        path = big_files.jpeg(pictures, f"held_{i}.jpg", 12000, 600 + i, "-progressive", *COARSE)
        names.append(path)
    too_much = big_files.jpeg(pictures, "too_much.jpg", 20000, 625, "-progressive", "-sample", "1x1", *COARSE)
    for path in [*names, too_much, photo]:
        jobs.add(path)

    def over():
        nonlocal most
        most = max(most, resident(hub))
        return len(jobs.told("job_done")) + len(jobs.told("job_failed")) >= 5
    wait_for(over, "the end of all jobs", 4 * PATIENCE_S)
    assert 150 * MIB < most < 704 * MIB, most
    for path in [*names, photo]:
        assert jobs.settled(path.name)["status"] == "ready", path.name
    media = jobs.settled("too_much.jpg")
    assert media["failure"]["code"] == "out_of_memory" and "workers" in media["failure"]["message"], media
    assert os.path.exists(hub.data / "run/memory")
