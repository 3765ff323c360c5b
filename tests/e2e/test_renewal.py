"""What an older version has made is served, and made anew after the start."""
import pytest
from harness import PATIENCE_S, files_made, wait_for
from state_keys import set_variants
from test_check import Shelf, check

SIZES = ("small", "medium", "large")
OLD = b"RIFF\x1a\0\0\0WEBPVP8 of an older version"
OLD_BITS = 0b111 | 1 << 4       # three files of WebP, and the mask


def age(shelf, i):
    """What was version 0.1's: WebP, names without what the files hold, and bits instead of rows."""
    made = files_made(shelf.folder(i))
    for size in SIZES:
        made[size + ".jpg"].unlink()
        (shelf.folder(i) / f"{size}.webp").write_bytes(OLD)
    made["private.mask"].rename(shelf.folder(i) / "private.mask")
    set_variants(shelf.hub, shelf.ids[i], OLD_BITS)


def kinds(shelf, i):
    return {shelf.thumbnail(i, size).headers.get("Content-Type") for size in SIZES}


def record(shelf, i):
    return shelf.owners[i].get(f"{shelf.hub.api}/media/{shelf.ids[i]}",
                               timeout=PATIENCE_S).json()["data"]


def test_a_clip_of_before_there_were_rows(make_hub, clip):
    """Its rendition is of today's type: it stays, and what is not known of it is not told."""
    hub = make_hub()
    session = hub.session()
    media = hub.upload(session, clip).json()["data"]
    url = f"{hub.api}/media/{media['id']}/content?variant=720p"
    wait_for(lambda: session.get(url).status_code == 200, "the rendition")
    folder = hub.data / "store/variants" / media["checksum"].rpartition(":")[2]
    for name, path in files_made(folder).items():
        path.rename(folder / name)
    set_variants(hub, media["id"], 1 << 3 | 1 << 4 | 0b111 << 5)
    answer = session.get(url, timeout=PATIENCE_S)
    film = (folder / "720p.mp4").read_bytes()
    assert answer.content == film and answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["ETag"] == f'"{folder.name}-720p.mp4-{len(film):x}"'
    now = session.get(f"{hub.api}/media/{media['id']}", timeout=PATIENCE_S).json()["data"]
    assert now["variants"] == [*SIZES, "720p"]
    assert [(r["name"], r["size"]) for r in now["renditions"]] == [("720p", None)]
    assert check(hub)[:2] == (0, [])
    # Made anew, all of it has its print; what was there stays until then.
    (folder / "small.jpg").write_bytes(b"")
    assert check(hub, "--repair")[:2] == (1, [f"broken variant {folder.name}/small.jpg {media['id']}"])
    wait_for(lambda: not (folder / "large.jpg").exists(), "the old ones gone")
    assert session.get(url, timeout=PATIENCE_S).content == film
    assert {path.name for path in folder.iterdir()} == {
        "720p.mp4", *(path.name for path in folder.iterdir() if "-" in path.name)}
    assert check(hub)[:2] == (0, [])


def test_two_records_of_one_original(make_hub):
    """What the one has made anew takes nothing from the other, which is served as it was."""
    hub = make_hub()
    shelf = Shelf(hub)
    answer = shelf.owners[0].post(hub.api + "/media/upload", timeout=PATIENCE_S,
                                  files={"file": ("again.png", shelf.blob(0).read_bytes())})
    twin = answer.json()["data"]["id"]
    hub.wait_status(shelf.owners[0], twin, "ready")
    age(shelf, 0)
    url = f"{hub.api}/media/{twin}/thumbnail?size=small"
    set_variants(hub, twin, OLD_BITS)
    assert shelf.owners[0].get(url, timeout=PATIENCE_S).content == OLD
    hub.stop()
    hub.start()
    wait_for(lambda: kinds(shelf, 0) == {"image/jpeg"}, "JPEG")
    wait_for(lambda: shelf.owners[0].get(url).headers.get("Content-Type") == "image/jpeg", "its JPEG")
    assert (shelf.folder(0) / "small.webp").read_bytes() == OLD     # nobody could know
    assert len(list(shelf.folder(0).iterdir())) == 8


@pytest.mark.parametrize("partitions", [1, 3])
def test_webp_is_served_until_jpeg_is_there(make_hub, partitions):
    hub = make_hub("--partitions", str(partitions))
    shelf = Shelf(hub, partitions)
    for i in range(3):
        age(shelf, i)
        assert kinds(shelf, i) == {"image/webp"}
        assert shelf.thumbnail(i, "small").content == OLD
        assert record(shelf, i)["variants"] == list(SIZES)
    assert check(hub)[:2] == (0, [])
    shelf.blob(2).write_bytes(b"\xff\xd8\xff what nobody can decode")
    hub.stop()
    hub.start()

    wait_for(lambda: all(kinds(shelf, i) == {"image/jpeg"} for i in (0, 1)), "JPEG")
    wait_for(lambda: "variants_renewed" in hub.log_text(), "the end of it")
    for i in (0, 1):
        wait_for(lambda i=i: len(list(shelf.folder(i).iterdir())) == 4, "the old ones gone")
        made = files_made(shelf.folder(i))
        assert sorted(made) == ["large.jpg", "medium.jpg", "private.mask", "small.jpg"]
        assert record(shelf, i)["variants"] == list(SIZES)
        assert shelf.thumbnail(i, "small").headers["ETag"] in f'"{made["small.jpg"].stem[6:]}"'
    # What cannot be made anew is as good as it was.
    wait_for(lambda: record(shelf, 2)["failure"], "the failure")
    assert record(shelf, 2)["status"] == "ready" and kinds(shelf, 2) == {"image/webp"}
    assert check(hub)[1] == [f"flipped blob {shelf.digests[2]}"]
