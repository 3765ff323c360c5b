"""Workers under fire: deaths in the middle of a job, several of everything."""
import json
import os
import pathlib
import signal
import subprocess

import pytest
from harness import PATIENCE_S, alive, wait_for
from socket_client import SocketClient

CLIPS = pathlib.Path("/usr/share/doc/opencv-doc/examples/data")


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory):
    """Of 25 s: long enough to be met in the middle of its transcode."""
    path = tmp_path_factory.mktemp("clips") / "long.avi"
    subprocess.run(["ffmpeg", "-v", "error", "-i", CLIPS / "vtest.avi", "-t", "25", "-c", "copy", path],
                   check=True)
    return path


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
def test_a_death_in_the_middle_of_a_transcode(hub, victim, long_clip):
    hub.expect_deaths()
    session = hub.session()
    client = SocketClient(hub, hub.login(), subscribe=("media_updates", "job_progress"))
    media = hub.upload(session, long_clip).json()["data"]
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
    hub.wait_worker()
    victim, = hub.pids("mediahub-decode")
    os.kill(victim, signal.SIGSTOP)                       # so that the job is caught at work
    media = hub.upload(session, photo).json()["data"]
    wait_for(lambda: os.listdir(hub.data / "store/incoming"), "the job's output files")
    os.kill(victim, signal.SIGKILL)
    hub.wait_status(session, media["id"], "ready")
    assert victim not in hub.pids("mediahub-decode")


def big_picture(folder):
    """Noise: it takes its decoder a while."""
    path = folder / "noise.png"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "nullsrc=size=4000x3000",
                    "-vf", "geq=random(1)*255:128:128", "-frames:v", "1", "-compression_level", "1",
                    "-y", path], check=True)
    return path


def upload_and_catch(hub, session):
    """A picture whose decoding child was met at work and stopped."""
    media = hub.upload(session, big_picture(hub.folder)).json()["data"]
    child, = wait_for(lambda: hub.pids("decode-job"), "a child at work")
    os.kill(child, signal.SIGSTOP)
    return media["id"], child


def test_a_child_that_dies_at_work_is_not_the_end_of_its_job(hub):
    hub.expect_deaths()
    session = hub.session()
    hub.wait_worker()
    media_id, child = upload_and_catch(hub, session)
    templates = hub.pids("mediahub-decode")
    assert len(templates) == 2                            # the second for pictures of all kinds
    os.kill(child, signal.SIGKILL)
    hub.wait_status(session, media_id, "ready")
    assert hub.pids("mediahub-decode") == templates


def test_each_kind_has_its_decoder_which_starts_when_it_is_wanted(hub, photo):
    session = hub.session()
    hub.wait_worker()

    def programs():
        try:
            return sorted(os.path.basename(os.readlink(f"/proc/{pid}/exe"))
                          for pid in hub.pids("mediahub-decode"))
        except FileNotFoundError:       # it has just ended
            return None
    wanted = ["mediahub-decode"]
    for path, program in ((photo, None), (big_picture(hub.folder), "mediahub-decode-pictures"),
                          (CLIPS / "Megamind.avi", "mediahub-decode-films")):
        wanted = sorted(wanted + [program] if program else wanted)
        hub.wait_status(session, hub.upload(session, path).json()["data"]["id"], "ready")
        # Besides children, one that is about to become ffmpeg may be seen.
        wait_for(lambda: programs() == wanted, f"{wanted}, and the end of the rest")


def test_a_child_knows_nothing_but_its_job(make_hub):
    hub = make_hub(env={"AWS_SECRET_ACCESS_KEY": "of the operator"})
    session = hub.session()
    media_id, child = upload_and_catch(hub, session)
    for pid in hub.pids("mediahub-decode") + [child]:
        environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
        assert b"of the operator" not in environment and b"correct horse" not in environment
    opened = {int(fd): os.readlink(f"/proc/{child}/fd/{fd}")
              for fd in os.listdir(f"/proc/{child}/fd")}
    assert opened[0] == opened[1] == "/dev/null" and opened[2].startswith("pipe:"), opened
    files = [target for fd, target in opened.items() if fd > 3]
    assert opened[3].startswith("socket:") and all(str(hub.data) in f for f in files), opened
    os.kill(child, signal.SIGCONT)
    hub.wait_status(session, media_id, "ready")


def test_a_conversion_knows_nothing_but_its_job(make_hub, long_clip):
    hub = make_hub(env={"AWS_SECRET_ACCESS_KEY": "of the operator"})
    session = hub.session()
    client = SocketClient(hub, hub.login(), subscribe=("media_updates", "job_progress"))
    media = hub.upload(session, long_clip).json()["data"]
    converter, = wait_transcoding(hub, client, media["id"])
    assert b"of the operator" not in pathlib.Path(f"/proc/{converter}/environ").read_bytes()
    opened = {int(fd): os.readlink(f"/proc/{converter}/fd/{fd}") for fd in os.listdir(f"/proc/{converter}/fd")}
    assert opened[0] == "/dev/null" and all(opened[fd].startswith(("pipe:", "socket:")) for fd in (1, 2)), opened
    assert all(str(hub.data / "store") in target for fd, target in opened.items() if fd > 2), opened


def test_a_failure_speaks_of_its_own_file_only(hub, photo):
    session = hub.session()
    said = []
    for name, content in (("cut.jpg", photo.read_bytes()[:-len(photo.read_bytes()) // 2]),
                          ("cut.png", big_picture(hub.folder).read_bytes()[:100000])):
        path = hub.folder / name
        path.write_bytes(content)
        media_id = hub.upload(session, path).json()["data"]["id"]
        hub.wait_status(session, media_id, "failed")
        media = session.get(f"{hub.api}/media/{media_id}").json()["data"]
        said.append(media["failure"]["message"].lower())
    assert "png" in said[1] and said[0] and said[0] not in said[1], said


def test_a_hung_ffmpeg_is_noticed(hub, long_clip):
    session = hub.session()
    client = SocketClient(hub, hub.login(), subscribe=("media_updates", "job_progress"))
    media = hub.upload(session, long_clip).json()["data"]
    running = wait_transcoding(hub, client, media["id"])
    os.kill(running[0], signal.SIGSTOP)
    wait_for(lambda: not alive(running[0], "ffmpeg"), "its end", 25)
    wait_rendition(hub, session, media["id"])


def test_a_deleted_video_stops_its_transcode(hub, long_clip):
    session = hub.session()
    client = SocketClient(hub, hub.login(), subscribe=("media_updates", "job_progress"))
    media = hub.upload(session, long_clip).json()["data"]
    wait_transcoding(hub, client, media["id"])
    session.delete(f"{hub.api}/media/{media['id']}", timeout=PATIENCE_S)
    wait_for(lambda: not hub.pids("ffmpeg"), "the end of ffmpeg")


def test_progress_rises_and_the_last_event_names_the_variants(hub):
    """Told twice a second: the clip is long enough for a machine that has nothing else to do."""
    session = hub.session()
    client = SocketClient(hub, hub.login(), subscribe=("media_updates", "job_progress"))
    media = hub.upload(session, CLIPS / "vtest.avi").json()["data"]
    updated = client.wait_event("media.updated", media["id"], 4 * PATIENCE_S)
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
