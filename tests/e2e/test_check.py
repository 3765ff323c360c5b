"""mediahub check: finds what is wrong between files and records, and repairs what can be made anew."""
import hashlib
import os
import subprocess
import time

import pytest
from harness import BUILD, PATIENCE_S, files_made, wait_for
from load import tiny_png
from people import one_in_each
from redis_server import RedisServer


def check(hub, *options):
    """(exit status, findings, summary)"""
    result = subprocess.run([BUILD / "bin/mediahub", "check", "--data", hub.data, *options],
                            cwd=hub.folder, env=hub.env, text=True, capture_output=True,
                            timeout=PATIENCE_S, check=False)
    assert "Sanitizer" not in result.stderr, result.stderr
    lines = result.stdout.splitlines()
    assert result.returncode == 2 or lines, result.stderr
    return result.returncode, sorted(lines[:-1]), lines[-1] if lines else result.stderr


class Shelf:
    """A hub with three pictures that are ready, of people in as many partitions as there are."""

    def __init__(self, hub, partitions=1):
        self.hub, people = hub, one_in_each(hub, partitions)
        self.owners = [people[number % partitions] for number in range(3)]
        self.ids, self.digests = [], []
        for number, owner in enumerate(self.owners):
            data = tiny_png(number)
            answer = owner.post(hub.api + "/media/upload", timeout=PATIENCE_S,
                                files={"file": ("tiny.png", data)})
            self.ids.append(answer.json()["data"]["id"])
            self.digests.append(hashlib.sha256(data).hexdigest())
        for owner, media_id in zip(self.owners, self.ids):
            hub.wait_status(owner, media_id, "ready")

    def blob(self, i):
        digest = self.digests[i]
        return self.hub.data / "store/blobs" / digest[:2] / digest[2:4] / digest

    def folder(self, i):
        return self.hub.data / "store/variants" / self.digests[i]

    def variant(self, i, name):
        return files_made(self.folder(i))[name]

    def thumbnail(self, i, size):
        return self.owners[i].get(f"{self.hub.api}/media/{self.ids[i]}/thumbnail?size={size}",
                                  timeout=PATIENCE_S)


@pytest.fixture
def partitions():
    return 1


@pytest.fixture
def hub(make_hub, partitions):
    return make_hub("--partitions", str(partitions))


@pytest.mark.parametrize("running,partitions", [(True, 1), (False, 1), (True, 3)])
def test_clean(hub, running, partitions):
    Shelf(hub, partitions)
    if not running:
        hub.stop()
    assert check(hub) == (0, [], "checked 3 media, 0 backups and 3 blobs: 0 findings")
    if not running:
        hub.start()


def spoil(shelf, fresh):
    """One of everything; the lines that must be said of it. Not fresh: what belongs to nobody has lain
    there for a minute, longer than an upload takes to get its record; the collector takes an hour."""
    flipped = bytearray(shelf.blob(0).read_bytes())
    flipped[-20] ^= 4
    shelf.blob(0).write_bytes(flipped)
    shelf.blob(1).unlink()
    lost, emptied = shelf.variant(2, "small.jpg"), shelf.variant(2, "large.jpg")
    lost.unlink()
    emptied.write_bytes(b"")
    orphan = hashlib.sha256(b"orphan").hexdigest()
    folder = shelf.hub.data / "store/blobs" / orphan[:2] / orphan[2:4]
    folder.mkdir(parents=True)
    (folder / orphan).write_bytes(b"orphan")
    lonely = "0123456789abcdef" * 4
    variants = shelf.hub.data / "store/variants" / lonely
    variants.mkdir()
    if not fresh:
        for path in (folder / orphan, variants):
            os.utime(path, (time.time() - 60,) * 2)
    return sorted([
        f"flipped blob {shelf.digests[0]}",
        f"missing blob {shelf.digests[1]} {shelf.ids[1]}",
        f"missing variant {shelf.digests[2]}/{lost.name} {shelf.ids[2]}",
        f"broken variant {shelf.digests[2]}/{emptied.name} {shelf.ids[2]}",
        f"orphaned blob {orphan}",
        f"orphaned variants {lonely}",
    ])


@pytest.mark.parametrize("running,partitions", [(True, 1), (False, 1), (True, 3), (False, 3)])
def test_everything_wrong_is_found_and_variants_are_repaired(hub, running, partitions):
    shelf = Shelf(hub, partitions)
    if not running:
        hub.stop()
    lines = spoil(shelf, fresh=running and partitions == 1)
    status, findings, summary = check(hub)
    assert (status, findings) == (1, lines)
    assert summary == "checked 3 media, 0 backups and 3 blobs: 6 findings"

    status, findings, summary = check(hub, "--repair")
    assert (status, findings) == (1, lines) and summary.endswith(", 1 repairs queued")
    if not running:
        hub.start()
    wait_for(lambda: all(shelf.thumbnail(2, size).status_code == 200
                         for size in ("small", "medium", "large")), "the thumbnails")
    assert shelf.variant(2, "large.jpg").stat().st_size > 0
    status, findings, _ = check(hub)
    assert (status, findings) == (1, [line for line in lines if " variant " not in line])


def test_a_lost_rendition_is_made_anew(hub, clip):
    session = hub.session()
    media = hub.upload(session, clip).json()["data"]
    content = f"{hub.api}/media/{media['id']}/content?variant=720p"
    wait_for(lambda: session.get(content).status_code == 200, "the rendition")
    folder = hub.data / "store/variants" / hashlib.sha256(clip.read_bytes()).hexdigest()
    before = files_made(folder)
    thumbnail, film = before["small.jpg"].stat().st_ino, before["720p.mp4"]
    # One byte is another: as long as before, and still a film.
    flipped = bytearray(film.read_bytes())
    flipped[-1] ^= 1
    film.write_bytes(flipped)
    status, findings, _ = check(hub, "--repair")
    assert status == 1 and findings == [f"broken variant {folder.name}/{film.name} {media['id']}"]
    wait_for(lambda: session.get(content).status_code == 200, "the rendition")
    after = files_made(folder)
    assert after["720p.mp4"].stat().st_size > 1000
    assert after["small.jpg"].stat().st_ino == thumbnail
    assert check(hub)[0] == 0


def test_files_of_variants_that_no_record_names(hub):
    shelf = Shelf(hub)
    small = shelf.variant(0, "small.jpg")
    stray, young = small.with_name("small-" + "0" * 32 + ".jpg"), shelf.folder(1) / "small.webp"
    stray.write_bytes(b"of an attempt that nobody heard of")
    wait_for(lambda: time.time() - stray.stat().st_ctime > 10.5, "the time that a record may take")
    young.write_bytes(b"its record may be on its way")
    lines = [f"orphaned variant {shelf.digests[0]}/{stray.name}"]
    assert check(hub)[:2] == (1, lines) and stray.exists()
    assert check(hub, "--repair")[:2] == (1, lines)
    assert not stray.exists() and young.exists() and small.exists()
    young.unlink()
    assert check(hub)[:2] == (0, [])


def test_uploads_under_way_are_no_findings(hub):
    session = hub.session()
    with subprocess.Popen([BUILD / "bin/mediahub", "check", "--data", hub.data], env=hub.env,
                          cwd=hub.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True) as process:
        number = 100
        while process.poll() is None:
            number += 1
            assert session.post(hub.api + "/media/upload", timeout=PATIENCE_S,
                                files={"file": ("tiny.png", tiny_png(number))}).status_code == 201
        assert process.returncode == 0, process.stdout.read()


def test_external_redis(make_hub, tmp_path):
    server = RedisServer(tmp_path / "state").start()
    try:
        hub = make_hub("--redis", server.url)
        shelf = Shelf(hub)
        assert check(hub, "--redis", server.url)[0] == 0
        shelf.blob(1).unlink()
        status, findings, _ = check(hub, "--redis", server.url)
        assert status == 1 and findings == [f"missing blob {shelf.digests[1]} {shelf.ids[1]}"]
        hub.stop()
    finally:
        server.end()
    assert check(hub, "--redis", server.url)[0] == 2


def test_what_cannot_be_checked(make_hub, tmp_path):
    hub = make_hub(start=False)
    for options in (("--no-such",), ("--redis", "nonsense"), ()):
        assert check(hub, *options)[0] == 2
    assert not hub.data.exists()
