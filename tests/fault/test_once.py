"""A client that repeats under one Idempotency-Key until it has its answer: whenever the gateway dies,
there is one record in the end."""
import uuid

import pytest
import requests
from campaign import HAS_POINTS
from harness import PATIENCE_S, SAMPLES, Hub, wait_for

pytestmark = pytest.mark.skipif(
    not HAS_POINTS, reason="this build has no fault points (CMake option MEDIAHUB_FAULTS)")

PHOTO = (SAMPLES / "pic2/IMG_20200124_231153.jpg").read_bytes()


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("once")
    armed = folder / "armed"
    armed.mkdir()
    hub = Hub(folder, env={"MEDIAHUB_FAULT": str(armed)}).start()
    hub.expect_deaths()
    hub.armed, hub.client = armed, hub.session()
    yield hub
    hub.stop()
    hub.check_log()


@pytest.mark.parametrize("point", ["upload.before_fsync", "store.after_rename", "commit.before_send",
                                   "commit.after_send", "commit.after_answer"])
def test_one_record_whenever_it_dies(hub, point):
    key, content = uuid.uuid4().hex, PHOTO + uuid.uuid4().bytes

    def upload():
        try:
            answer = hub.client.post(hub.api + "/media/upload", headers={"Idempotency-Key": key},
                                     files={"file": ("a.jpg", content)}, timeout=PATIENCE_S)
        except requests.RequestException:
            return None
        assert answer.status_code in (201, 409, 503), answer.text
        return answer.json()["data"] if answer.status_code == 201 else None

    (hub.armed / point).touch()
    made = wait_for(upload, "an answer")
    wait_for(lambda: not (hub.armed / point).exists(), "the death")
    assert wait_for(upload, "the same answer")["id"] == made["id"]

    def same():
        page = hub.client.get(hub.api + "/media", params={"per_page": 100}, timeout=PATIENCE_S)
        return [m["id"] for m in page.json()["data"] if m["checksum"] == made["checksum"]]
    assert same() == [made["id"]]
    hub.wait_status(hub.client, made["id"], "ready")
