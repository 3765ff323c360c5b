"""What workers could not do: listed with its reason, tried again, gone with what it is about."""
import contextlib
import subprocess

import pytest
from harness import PATIENCE_S, wait_for
from people import add_user
from socket_client import SocketClient


def ask(hub, session, path="", code=200, method="GET", **query):
    answer = session.request(method, hub.api + "/jobs" + path, params=query, timeout=PATIENCE_S)
    assert answer.status_code == code, answer.text
    return answer.json()


def jobs(hub, session, **query):
    return ask(hub, session, **query)["data"]


@pytest.fixture(scope="module")
def hub(make_shared_hub):
    return make_shared_hub()


@pytest.fixture
def half(hub, photo, tmp_path):
    """A picture of which most is missing."""
    path = tmp_path / "half.jpg"
    path.write_bytes(photo.read_bytes()[:1000])
    return path


@pytest.fixture
def wide(tmp_path):
    """Wider than H.264 can be; posters have no such bound."""
    path = tmp_path / "wide.mkv"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=17000x32:r=5:d=1", "-pix_fmt",
                    "yuv420p", "-c:v", "ffv1", path], check=True)
    return path


def parked_of(hub, session, media_id):
    return next((job for job in jobs(hub, session, status="parked", per_page=100)
                 if job["subject"] == {"type": "media", "id": media_id}), None)


def wait_parked(hub, session, media_id):
    return wait_for(lambda: parked_of(hub, session, media_id), "a parked job")


def test_a_picture_that_cannot_be_decoded(hub, half):
    admin = hub.session()
    (ann_id, ann), (_, bob) = (add_user(hub, name, admin) for name in ("ann", "bob"))
    with contextlib.closing(SocketClient(hub, ann.headers["Authorization"].split()[1],
                                         subscribe=("job_progress",))) as client:
        media = hub.upload(ann, half).json()["data"]
        told = client.wait("event", channel="job_progress", resource_id=media["id"])["data"]
        job = wait_parked(hub, ann, media["id"])
        assert told["status"] == "parked" and told["job_id"] == job["id"], told
        assert job["kind"] == "image" and job["user_id"] == ann_id and job["parked_at"], job
        failure = hub.wait_status(ann, media["id"], "failed")["failure"]
        assert (job["failure"]["code"], job["failure"]["message"]) == (failure["code"], failure["message"])

        # Who may see it.
        assert ask(hub, ann, "/" + job["id"])["data"] == job
        assert ask(hub, admin, "/" + job["id"])["data"] == job
        assert job in jobs(hub, admin, scope="all", status="parked", per_page=100)
        assert job not in jobs(hub, admin, per_page=100)
        ask(hub, bob, "/" + job["id"], 404)
        ask(hub, bob, f"/{job['id']}/retry", 404, "POST")
        ask(hub, bob, code=403, scope="all")
        assert jobs(hub, bob) == []

        # Once more, with the same end.
        again = ask(hub, ann, f"/{job['id']}/retry", 202, "POST")["data"]
        assert again["id"] == job["id"] and again["failure"] is None, again
        told = [client.wait("event", channel="job_progress", resource_id=media["id"])["data"]["status"]
                for _ in range(2)]
        assert told == ["queued", "parked"], told
        second = wait_parked(hub, ann, media["id"])
        assert second["failure"] == job["failure"] and second["parked_at"] >= job["parked_at"]

    # It goes with what it is about.
    assert ann.delete(f"{hub.api}/media/{media['id']}", timeout=PATIENCE_S).status_code == 200
    ask(hub, ann, "/" + job["id"], 404)
    ask(hub, ann, f"/{job['id']}/retry", 404, "POST")
    assert jobs(hub, ann) == []


def test_a_rendition_that_cannot_be_made_has_the_words_of_ffmpeg(hub, wide):
    session = hub.session()
    media = hub.upload(session, wide).json()["data"]
    job = wait_parked(hub, session, media["id"])
    assert job["kind"] == "transcode" and job["lane"] == "on_demand", job
    assert "libx264" in job["failure"]["log"], job
    assert session.get(f"{hub.api}/media/{media['id']}", timeout=PATIENCE_S).json()["data"]["status"] == "ready"
    ask(hub, session, f"/{job['id']}/retry", 202, "POST")
    again = wait_parked(hub, session, media["id"])
    assert again["failure"]["code"] == job["failure"]["code"]
    assert session.get(f"{hub.api}/media/{media['id']}", timeout=PATIENCE_S).json()["data"]["failure"]


def test_pages(make_hub, half):
    hub = make_hub()
    session = hub.session()
    ids = [hub.upload(session, half).json()["data"]["id"] for _ in range(5)]
    wait_for(lambda: ask(hub, session, status="parked")["meta"]["pagination"]["total"] == 5, "parked jobs")
    page = ask(hub, session, per_page=2, page=2)
    assert page["meta"]["pagination"]["total"] == 5 and page["meta"]["pagination"]["count"] == 2
    seen = [job["subject"]["id"] for n in (1, 2, 3) for job in jobs(hub, session, per_page=2, page=n)]
    assert sorted(seen) == sorted(ids) and seen[0] == ids[-1]
    assert jobs(hub, session, page=9) == [] and jobs(hub, session, status="running") == []
    for wrong in ({"status": "done"}, {"page": 0}, {"scope": "mine"}):
        answer = session.get(hub.api + "/jobs", params=wrong, timeout=PATIENCE_S)
        assert answer.status_code == 400, answer.text


def test_what_waits_and_what_is_at_work(make_hub, clip, photo):
    """Without a worker all of it waits."""
    hub = make_hub("--kinds", "video")
    session = hub.session()
    media = hub.upload(session, photo).json()["data"]
    job, = jobs(hub, session, status="queued")
    assert job["kind"] == "image" and job["subject"]["id"] == media["id"] and job["failure"] is None
    assert job["lane"] == "fresh" and job["failed_attempts"] == 0
    answer = ask(hub, session, f"/{job['id']}/retry", 409, "POST")
    assert answer["error"]["code"] == "conflict", answer
    session.delete(f"{hub.api}/media/{media['id']}", timeout=PATIENCE_S)
    assert jobs(hub, session) == []
