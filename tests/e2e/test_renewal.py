"""What an older version has made is served, and made anew after the start."""
import pytest
from harness import PATIENCE_S, wait_for
from state_keys import set_variants
from test_check import Shelf, check

SIZES = ("small", "medium", "large")
OLD = b"RIFF\x1a\0\0\0WEBPVP8 of an older version"
OLD_BITS = 0b111 | 1 << 4       # three files of WebP, and the mask


def age(shelf, i):
    """What was version 0.1's: WebP, and other bits."""
    for size in SIZES:
        shelf.variant(i, size + ".jpg").unlink()
        shelf.variant(i, size + ".webp").write_bytes(OLD)
    set_variants(shelf.hub, shelf.ids[i], OLD_BITS)


def kinds(shelf, i):
    return {shelf.thumbnail(i, size).headers.get("Content-Type") for size in SIZES}


def record(shelf, i):
    return shelf.owners[i].get(f"{shelf.hub.api}/media/{shelf.ids[i]}",
                               timeout=PATIENCE_S).json()["data"]


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
        assert not list(shelf.variant(i, "").glob("*.webp"))
        assert record(shelf, i)["variants"] == list(SIZES)
    # What cannot be made anew is as good as it was.
    wait_for(lambda: record(shelf, 2)["failure"], "the failure")
    assert record(shelf, 2)["status"] == "ready" and kinds(shelf, 2) == {"image/webp"}
    assert check(hub)[1] == [f"flipped blob {shelf.digests[2]}"]
