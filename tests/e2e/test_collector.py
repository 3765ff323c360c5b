"""What nobody refers to leaves the disk; what anybody refers to stays."""
import fcntl
import hashlib
import threading
import time

import pytest
import requests
import state_keys
from harness import PATIENCE_S, wait_for
from load import tiny_png
from people import one_in_each

PARTITIONS = pytest.mark.parametrize("partitions", [1, 3])


@pytest.fixture
def partitions():
    return 1


@pytest.fixture
def hub(make_hub, partitions):
    return make_hub("--partitions", str(partitions), env={"MEDIAHUB_STORE_COLLECT_AFTER": "1"})


def upload(hub, session, data):
    answer = session.post(hub.api + "/media/upload", files={"file": ("tiny.png", data)},
                          timeout=PATIENCE_S)
    assert answer.status_code == 201, answer.text
    media = answer.json()["data"]
    hub.wait_status(session, media["id"], "ready")
    return media["id"]


def delete(hub, session, media_id):
    assert session.delete(f"{hub.api}/media/{media_id}").status_code == 200


def blob_path(hub, digest):
    return hub.data / "store/blobs" / digest[:2] / digest[2:4] / digest


def put_orphan(hub, data):
    digest = hashlib.sha256(data).hexdigest()
    path = blob_path(hub, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@PARTITIONS
def test_content_goes_with_its_last_record(hub, partitions):
    """Whoever has it, in whichever partition."""
    people = one_in_each(hub, partitions)
    session, one, other = people[0], people[-1], people[partitions // 2]
    kept, gone = tiny_png(1), tiny_png(2)
    digests = [hashlib.sha256(data).hexdigest() for data in (kept, gone)]
    keeper = upload(hub, session, kept)
    twins = [upload(hub, one, gone), upload(hub, other, gone)]
    variants = hub.data / "store/variants" / digests[1]
    assert len(list(variants.iterdir())) == 4        # three thumbnails and the mask

    delete(hub, one, twins[0])
    # A whole walk has passed when something of nobody's has come and gone.
    orphan = put_orphan(hub, b"nobody's")
    wait_for(lambda: not orphan.exists(), "the end of an orphan")
    assert blob_path(hub, digests[1]).exists() and len(list(variants.iterdir())) == 4

    delete(hub, other, twins[1])
    wait_for(lambda: not blob_path(hub, digests[1]).exists() and not variants.exists(), "trash")
    wait_for(lambda: not list((hub.data / "store/trash").iterdir()), "an empty trash")
    assert session.get(f"{hub.api}/media/{keeper}/content").content == kept
    assert session.get(f"{hub.api}/media/{keeper}/thumbnail").status_code == 200

    # The same content may come again.
    again = upload(hub, session, gone)
    assert session.get(f"{hub.api}/media/{again}/content").content == gone


@PARTITIONS
def test_uploads_and_deletions_of_one_content(hub, partitions):
    """The collector works on what uploads of the same content bring and deletions leave."""
    people, data, wrong = one_in_each(hub, partitions), tiny_png(3), []
    until = time.monotonic() + 12

    def worker(lag_s, person):
        mine = hub.session(person.headers["Authorization"].split()[1])
        while time.monotonic() < until:
            answer = mine.post(hub.api + "/media/upload", files={"file": ("tiny.png", data)})
            media_id = answer.json()["data"]["id"]
            threading.Event().wait(lag_s)
            content = mine.get(f"{hub.api}/media/{media_id}/content")
            if content.content != data:
                wrong.append((content.status_code, content.text[:200]))
            delete(hub, mine, media_id)
            threading.Event().wait(lag_s)

    threads = [threading.Thread(target=worker, args=(lag_s, people[number % partitions]))
               for number, lag_s in enumerate((0.9, 1.3, 2.1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:3]


def test_orphaned_variants_and_unfinished_uploads(hub):
    store = hub.data / "store"
    folder = store / "variants" / ("ab" * 32)
    folder.mkdir()
    (folder / "small.jpg").write_bytes(b"of nobody")
    left, written = store / "incoming/left", store / "incoming/written"
    with open(written, "wb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)      # as everybody does who writes there
        left.write_bytes(b"of a dead process")
        wait_for(lambda: not folder.exists() and not left.exists(), "the collector")
        wait_for(lambda: not list((store / "trash").iterdir()), "an empty trash")
        assert written.exists()


def test_a_forgetful_state_server_costs_no_files(hub):
    """A server that was emptied is another hub's: nothing is taken in, shown or collected."""
    session, data = hub.session(), tiny_png(4)
    upload(hub, session, data)
    state_keys.empty(hub)
    wait_for(lambda: requests.get(hub.url + "/ready", timeout=PATIENCE_S).status_code == 503, "red")
    answer = session.post(hub.api + "/media/upload", timeout=PATIENCE_S,
                          files={"file": ("tiny.png", tiny_png(5))})
    assert answer.status_code in (401, 503), answer.text
    assert blob_path(hub, hashlib.sha256(data).hexdigest()).read_bytes() == data


def test_whatever_must_end_by_itself_has_an_end(hub):
    answer = hub.session().post(hub.api + "/media/upload", timeout=PATIENCE_S,
                                files={"file": ("tiny.png", tiny_png(5))},
                                headers={"Idempotency-Key": "once"})
    assert answer.status_code == 201
    lives = state_keys.life_of_records_with_an_end(hub)
    assert set(lives) == state_keys.RECORDS_WITH_AN_END
    assert all(left_ms > 0 for lefts in lives.values() for left_ms in lefts), lives
