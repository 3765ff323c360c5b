"""Turns by time: one long film, or one account's thousand photos, before everybody's short ones."""
import concurrent.futures
import json
import pathlib
import subprocess

import pytest
import requests
from harness import PATIENCE_S, wait_for
from load import tiny_png
from people import add_user

IMPORT = 1000
SINGLES = 40
FEW = 10                            # of the import that a single picture may have to let pass


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=768x432:r=30:d=90",
                    "-c:v", "mpeg4", "-q:v", "8", path], check=True)
    return path


def state_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()[0]
    except OSError:
        return None


def record(hub, session, media_id):
    return session.get(f"{hub.api}/media/{media_id}", timeout=PATIENCE_S).json()["data"]


def has_rendition(hub, session, media_id):
    return "720p" in record(hub, session, media_id)["variants"]


def test_a_film_lets_clips_and_pictures_pass(make_hub, film, clip, photo):
    """One worker for all; whoever has the film at work takes the rest beside it."""
    hub = make_hub("--workers", "1")
    admin = hub.session()
    (_, ann), (_, bob) = (add_user(hub, name, admin) for name in ("ann", "bob"))
    long = hub.upload(ann, film).json()["data"]["id"]
    first, = wait_for(lambda: hub.pids("ffmpeg"), "the film at work", 2 * PATIENCE_S)
    picture = hub.upload(bob, photo).json()["data"]["id"]
    hub.wait_status(bob, picture, "ready")
    assert state_of(first) in ("R", "S", "D"), "a picture need not stop a film"
    short = hub.upload(bob, clip).json()["data"]["id"]
    wait_for(lambda: len(hub.pids("ffmpeg")) == 2, "a second conversion")
    assert wait_for(lambda: state_of(first) == "T", "the film's pause")
    wait_for(lambda: has_rendition(hub, bob, short), "the clip's rendition", 4 * PATIENCE_S)
    assert not has_rendition(hub, ann, long)
    wait_for(lambda: state_of(first) in ("R", "S", "D"), "the film's going on")
    wait_for(lambda: has_rendition(hub, ann, long), "the film's rendition", 10 * PATIENCE_S)
    assert record(hub, ann, long)["failure"] is None


def test_a_film_that_is_deleted_while_it_lets_a_clip_pass(make_hub, film, clip):
    hub = make_hub("--workers", "1")
    session = hub.session()
    long = hub.upload(session, film).json()["data"]["id"]
    first, = wait_for(lambda: hub.pids("ffmpeg"), "the film at work", 2 * PATIENCE_S)
    short = hub.upload(session, clip).json()["data"]["id"]
    wait_for(lambda: state_of(first) == "T", "the film's pause")
    session.delete(f"{hub.api}/media/{long}", timeout=PATIENCE_S)
    wait_for(lambda: first not in hub.pids("ffmpeg"), "the film's end")
    wait_for(lambda: has_rendition(hub, session, short), "the clip's rendition", 4 * PATIENCE_S)


def test_a_single_picture_in_an_import_of_a_thousand(make_hub):
    hub = make_hub("--limits-user", "0", "--limits-anonymous", "0")
    hub.wait_worker()
    admin = hub.session()
    many, one = (add_user(hub, name, admin)[1] for name in ("many", "one"))
    headers = dict(many.headers)

    def send(i):
        answer = requests.post(hub.api + "/media/upload", headers=headers, timeout=PATIENCE_S,
                               files={"file": (f"{i}.png", tiny_png(i))})
        assert answer.status_code == 201, answer.text

    backlogs, singles = [], []      # of each, how many jobs were done when it came
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        imported = [pool.submit(send, i) for i in range(IMPORT)]
        wait_for(lambda: waiting(hub, many) > 20, "a backlog")
        while len(singles) < SINGLES and (backlog := waiting(hub, many)):
            answer = one.post(hub.api + "/media/upload", timeout=PATIENCE_S,
                              files={"file": ("one.png", tiny_png(IMPORT + len(singles)))})
            media_id = answer.json()["data"]["id"]
            backlogs.append(backlog)
            singles.append((media_id, len(done(hub))))
            hub.wait_status(one, media_id, "ready")
        for future in imported:
            future.result()
    order = done(hub)
    passed = [order.index(media_id) - before for media_id, before in singles]
    assert max(backlogs) > 10 * FEW and max(passed) < FEW, (backlogs, passed)


def done(hub):
    """Media in the order in which workers were through with them."""
    return [json.loads(line)["media"] for line in hub.log_text().splitlines() if '"job_done"' in line]


def waiting(hub, session):
    answer = session.get(hub.api + "/jobs", params={"status": "queued", "per_page": 1}, timeout=PATIENCE_S)
    return answer.json()["meta"]["pagination"]["total"]
