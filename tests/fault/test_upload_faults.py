"""The last byte of a resumable upload, and pieces that become one: whenever the gateway dies, the client that
goes on by what HEAD tells gets one media in the end, and nothing is left of the upload."""
import os
import uuid

import pytest
from campaign import HAS_POINTS
from harness import PATIENCE_S, SAMPLES, Hub, wait_for
from tus_client import Tus

pytestmark = pytest.mark.skipif(
    not HAS_POINTS, reason="this build has no fault points (CMake option MEDIAHUB_FAULTS)")

PHOTO = (SAMPLES / "pic2/IMG_20200124_231153.jpg").read_bytes()
POINTS = ["upload.after_fsync", "store.after_rename", "commit.before_send", "commit.after_send",
          "commit.after_answer"]
# The supervisor waits longer after each death in a row; an orderly restart makes it forget them.
DEATHS_IN_A_ROW = 3


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uploads")
    armed = folder / "armed"
    armed.mkdir()
    hub = Hub(folder, env={"MEDIAHUB_FAULT": str(armed)}).start()
    hub.expect_deaths()
    hub.armed, hub.token = armed, hub.login()
    hub.tus, hub.deaths = Tus(hub, hub.token), 0
    yield hub
    hub.stop()
    hub.check_log()


def arm(hub, point):
    hub.deaths += 1
    (hub.armed / point).touch()


@pytest.fixture(autouse=True)
def rested(hub):
    if hub.deaths and hub.deaths % DEATHS_IN_A_ROW == 0:
        hub.stop()
        hub.start()


def asked(ask):
    """None: there was no answer, or nobody to give one."""
    try:
        answer = ask()
    except OSError:
        return None
    assert answer.status in (200, 201, 204, 409, 423, 503), answer
    return answer if answer.status < 400 else None


def one_media(hub, size):
    client = hub.session(hub.token)
    page = client.get(hub.api + "/media", params={"per_page": 100}, timeout=PATIENCE_S)
    found = [media for media in page.json()["data"] if media["size"] == size]
    assert len(found) == 1, found
    got = client.get(f"{hub.api}/media/{found[0]['id']}/content", timeout=PATIENCE_S)
    assert got.status_code == 200 and len(got.content) == size
    return found[0]["id"], got.content


@pytest.mark.parametrize("point", POINTS)
def test_the_last_byte(hub, point):
    tus = hub.tus
    content = PHOTO + uuid.uuid4().bytes * (1 + POINTS.index(point))
    path = tus.create(len(content))
    assert tus.patch(path, 0, content[:-1000]).status == 204
    arm(hub, point)

    def go_on():
        seen = asked(lambda: tus.head(path))
        if seen is None or seen["Media-Id"]:
            return seen
        assert seen.offset >= len(content) - 1000
        asked(lambda: tus.patch(path, seen.offset, content[seen.offset:]))
        return None

    made = wait_for(go_on, "the media")["Media-Id"]
    wait_for(lambda: not (hub.armed / point).exists(), "the death")
    name = path.rsplit("/", 1)[1]
    wait_for(lambda: not {name, name + ".hash"} & set(os.listdir(hub.data / "store/partial")), "the end of its file")
    assert one_media(hub, len(content)) == (made, content)
    assert wait_for(lambda: asked(lambda: tus.head(path)), "an answer")["Media-Id"] == made
    hub.wait_status(hub.session(hub.token), made, "ready")


@pytest.mark.parametrize("point", ["store.after_rename", "commit.after_send"])
def test_pieces(hub, point):
    tus = hub.tus
    content = PHOTO + uuid.uuid4().bytes * (20 + POINTS.index(point))
    half = len(content) // 2
    pieces = [tus.create(len(part), Upload_Concat="partial") for part in (content[:half], content[half:])]
    final = tus.create(None, Upload_Concat="final;" + " ".join(pieces))
    assert tus.patch(pieces[0], 0, content[:half]).status == 204
    assert tus.patch(pieces[1], 0, content[half:-1]).status == 204
    arm(hub, point)
    asked(lambda: tus.patch(pieces[1], len(content) - half - 1, content[-1:]))

    def go_on():
        seen = asked(lambda: tus.head(pieces[1]))
        if seen is not None and seen.offset < len(content) - half:
            asked(lambda: tus.patch(pieces[1], seen.offset, content[half + seen.offset:]))
        seen = asked(lambda: tus.head(final))
        return seen if seen is not None and seen["Media-Id"] else None

    made = wait_for(go_on, "the media")["Media-Id"]
    wait_for(lambda: not (hub.armed / point).exists(), "the death")
    assert one_media(hub, len(content)) == (made, content)
