"""Workers under fire: deaths in the middle of a job, several of everything."""
import json
import os
import pathlib
import signal

import pytest
from harness import PATIENCE_S, alive, wait_for
from socket_client import SocketClient

CLIPS = pathlib.Path("/usr/share/doc/opencv-doc/examples/data")


def wait_transcoding(hub, client, media_id):
    client.wait("event", channel="job_progress", resource_id=media_id)
    return wait_for(lambda: hub.pids("ffmpeg"), "a running ffmpeg")


def wait_rendition(hub, session, media_id):
    def look():
        media = session.get(f"{hub.api}/media/{media_id}", timeout=PATIENCE_S).json()["data"]
        assert media["status"] == "ready"
        return "720p" in media["variants"]
    wait_for(look, "the rendition", 2 * PATIENCE_S)


@pytest.mark.parametrize("victim", ["mediahub-worker", "ffmpeg", "mediahub-gateway"])
def test_a_death_in_the_middle_of_a_transcode(hub, victim):
    hub.expect_deaths()
    session = hub.session()
    client = SocketClient(hub, hub.login(), subscribe=("media_updates", "job_progress"))
    media = hub.upload(session, CLIPS / "vtest.avi").json()["data"]
    running = wait_transcoding(hub, client, media["id"])
    for pid in running if victim == "ffmpeg" else hub.pids(victim):
        os.kill(pid, signal.SIGKILL)
    if victim == "mediahub-worker":
        wait_for(lambda: not any(alive(pid, "ffmpeg") for pid in running), "the end of its child")
    if victim == "mediahub-gateway":
        wait_for(lambda: hub.pids(victim), "a new gateway")
        wait_for(lambda: usable(hub, session), "service")
    wait_rendition(hub, session, media["id"])
    incoming = hub.data / "store/incoming"
    if victim != "mediahub-worker":                       # what a killed one left, the store removes
        wait_for(lambda: not os.listdir(incoming), "the end of temporary files")


def usable(hub, session):
    try:
        return session.get(hub.api + "/media", timeout=5).status_code == 200
    except OSError:
        return False


def test_a_decoder_that_dies_at_work_is_replaced_and_the_job_done(hub, photo):
    hub.expect_deaths()
    session = hub.session()
    victim, = wait_for(lambda: hub.pids("mediahub-decode"), "a decoder")
    os.kill(victim, signal.SIGSTOP)                       # so that the job is caught at work
    media = hub.upload(session, photo).json()["data"]
    wait_for(lambda: os.listdir(hub.data / "store/incoming"), "the job's output files")
    os.kill(victim, signal.SIGKILL)
    hub.wait_status(session, media["id"], "ready")
    assert victim not in hub.pids("mediahub-decode")


def test_a_hung_ffmpeg_is_noticed(hub):
    session = hub.session()
    client = SocketClient(hub, hub.login(), subscribe=("media_updates", "job_progress"))
    media = hub.upload(session, CLIPS / "vtest.avi").json()["data"]
    running = wait_transcoding(hub, client, media["id"])
    os.kill(running[0], signal.SIGSTOP)
    wait_for(lambda: not alive(running[0], "ffmpeg"), "its end", 25)
    wait_rendition(hub, session, media["id"])


def test_a_deleted_video_stops_its_transcode(hub):
    session = hub.session()
    client = SocketClient(hub, hub.login(), subscribe=("media_updates", "job_progress"))
    media = hub.upload(session, CLIPS / "vtest.avi").json()["data"]
    wait_transcoding(hub, client, media["id"])
    session.delete(f"{hub.api}/media/{media['id']}", timeout=PATIENCE_S)
    wait_for(lambda: not hub.pids("ffmpeg"), "the end of ffmpeg")


def test_progress_rises_and_the_last_event_names_the_variants(hub):
    session = hub.session()
    client = SocketClient(hub, hub.login(), subscribe=("media_updates", "job_progress"))
    media = hub.upload(session, CLIPS / "vtest.avi").json()["data"]
    updated = client.wait_event("media.updated", media["id"])
    told = [m["data"]["percent"] for m in client.seen
            if m["type"] == "event" and m["channel"] == "job_progress"]
    assert told == sorted(told) and told[-1] > told[0] and all(0 <= p <= 100 for p in told), told
    assert updated["changes"]["variants"] == ["small", "medium", "large", "720p"], updated


def test_the_sandbox_is_told_in_the_log(hub):
    wait_for(lambda: '"decoder_ready"' in hub.log_text(), "the decoder's word")
    line = next(line for line in hub.log_text().splitlines() if '"decoder_ready"' in line)
    level = json.loads(line)
    assert level["seccomp"] and level["no_new_privileges"], level


def test_several_workers_and_gateways_share_the_work(make_hub, photo):
    hub = make_hub("--gateways", "2", "--workers", "3")
    session = hub.session()
    ids = [hub.upload(session, photo, title=str(i)).json()["data"]["id"] for i in range(12)]
    for media_id in ids:
        hub.wait_status(session, media_id, "ready")
    log = hub.log_text()
    done = [json.loads(line) for line in log.splitlines() if '"job_done"' in line]
    assert len(done) == len(ids), done                    # each once
    assert len({line["pid"] for line in done}) > 1        # by more than one
