"""Whom strangers' files are read as, what the start line says of it, and what a failed one has said."""
import ctypes
import json
import os
import pathlib
import signal

import pytest
from harness import CLIPS, PATIENCE_S, wait_for
from socket_client import SocketClient
from test_sandbox import without_landlock
from test_workers import upload_and_catch, wait_transcoding

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
NOBODYS = "61000"


def status_of(pid):
    """proc(5)"""
    return dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
                if ":\t" in line)


def who(pid):
    """(user ids, group ids, other groups, powers) of a process."""
    rows = status_of(pid)
    return set(rows["Uid"].split()), set(rows["Gid"].split()), rows["Groups"].split(), rows["CapEff"]


def usual():
    import pwd
    try:
        user = pwd.getpwnam("mediahub-worker")
        return str(user.pw_uid), str(user.pw_gid)
    except KeyError:
        return NOBODYS, NOBODYS


def is_reader(pid, user=None):
    uid, gid = user or usual()
    return who(pid) == ({uid}, {gid}, [], "0" * 16)


@ROOT_ONLY
def test_root_reads_no_strangers_files(hub):
    session = hub.session()
    hub.wait_worker()
    client = SocketClient(hub, hub.login(), subscribe=("media_updates", "job_progress"))
    template, = hub.pids("mediahub-decode")
    assert is_reader(template), who(template)
    media_id, child = upload_and_catch(hub, session)
    assert is_reader(child), who(child)
    templates = hub.pids("mediahub-decode")
    assert len(templates) == 2 and all(map(is_reader, templates))
    os.kill(child, signal.SIGCONT)
    hub.wait_status(session, media_id, "ready")
    media = hub.upload(session, CLIPS / "vtest.avi").json()["data"]
    for pid in wait_transcoding(hub, client, media["id"]):
        assert is_reader(pid), who(pid)
    wait_for(lambda: "720p" in session.get(f"{hub.api}/media/{media['id']}", timeout=PATIENCE_S).json()[
        "data"]["variants"], "the rendition", 4 * PATIENCE_S)
    templates = hub.pids("mediahub-decode")
    assert len(templates) == 3 and all(map(is_reader, templates))
    for folder, _, files in os.walk(hub.data / "store"):
        for name in [folder, *(os.path.join(folder, name) for name in files)]:
            status = os.stat(name)
            assert status.st_uid == 0 and not status.st_mode & 0o027, name
            assert os.path.isfile(name) or status.st_mode & 0o777 == 0o700, name


@ROOT_ONLY
def test_the_worker_leaves_root_and_keeps_what_the_store_takes(hub, photo):
    """CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER (capabilities(7)); that they end at the store is what
    sandbox-check tries (test_sandbox.py)."""
    hub.wait_worker()
    worker, = hub.pids("mediahub-worker")
    for thread in os.listdir(f"/proc/{worker}/task"):
        rows = status_of(f"{worker}/task/{thread}")
        uid, gid = usual()
        assert set(rows["Uid"].split()) == {uid} and set(rows["Gid"].split()) == {gid}, rows
        assert rows["Groups"].split() == []
        assert int(rows["CapPrm"], 16) == int(rows["CapEff"], 16) == 1 << 0 | 1 << 1 | 1 << 3, rows
        assert int(rows["CapInh"], 16) == int(rows["CapAmb"], 16) == 0
        assert (rows["NoNewPrivs"], rows["Seccomp"]) == ("1", "2")
    line, = [json.loads(line) for line in hub.log_text().splitlines() if '"worker_left_root"' in line]
    assert line["landlock"] > 1 and line["seccomp"], line


@ROOT_ONLY
def test_a_worker_without_the_powers_for_it_stays_root(make_hub, photo):
    """As in a container that has no CAP_CHOWN: files could not be given to their owner."""
    hub = make_hub(start=False)
    hub.before_exec = without_chown
    hub.start()
    media = hub.upload(hub.session(), photo).json()["data"]
    hub.wait_status(hub.session(), media["id"], "ready")
    worker, = hub.pids("mediahub-worker")
    assert who(worker)[0] == {"0"} and "worker_stays_root" in hub.log_text()
    assert all(map(is_reader, hub.pids("mediahub-decode")))


def without_chown():
    PR_CAPBSET_DROP, CAP_CHOWN = 24, 0
    if ctypes.CDLL(None, use_errno=True).prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


@ROOT_ONLY
@pytest.mark.parametrize("setting, user", [("61234", ("61234", "61234")), ("root", ("0", "0"))])
def test_the_user_is_a_setting(make_hub, photo, setting, user):
    hub = make_hub("--workers-user", setting)
    hub.wait_worker()
    processes = hub.pids("mediahub-decode") + hub.pids("mediahub-worker")
    assert len(processes) == 2 and all(who(pid)[:2] == ({user[0]}, {user[1]}) for pid in processes)
    media = hub.upload(hub.session(), photo).json()["data"]
    hub.wait_status(hub.session(), media["id"], "ready")


@ROOT_ONLY
def test_a_user_that_is_not_there_is_told(make_hub):
    hub = make_hub("--workers-user", "nobody-of-that-name", start=False)
    hub.expect_deaths()
    hub.start(wait=False)
    assert hub.process.wait(PATIENCE_S) == 1
    assert "workers.user names nobody" in hub.log_text()
    hub.process = None


@pytest.mark.parametrize("before, level", [(None, "whole"), (without_landlock, "part")])
def test_the_start_line_says_how_far_the_sandbox_goes(make_hub, before, level):
    hub = make_hub(start=False)
    hub.before_exec = before
    hub.start()
    line, = [json.loads(line) for line in hub.log_text().splitlines() if '"hub_ready"' in line]
    assert line["sandbox"] == level and line["user"] == os.geteuid(), line


def test_a_failure_ends_with_the_programs_last_words(make_hub, tmp_path):
    """ffmpeg complains of its file by the name that we gave it, and of libraries at their addresses."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ffmpeg").write_text(
        "#!/bin/sh\necho '[mov,mp4 @ 0x55d0c8a3b1c0] stream 0, error' >&2\n"
        "echo '/dev/fd/3: Invalid data found when processing input' >&2\nexit 1\n")
    (programs / "ffmpeg").chmod(0o755)
    hub = make_hub("--sandbox=off", "--workers-user", "root", env={"PATH": f"{programs}:{os.environ['PATH']}"}, start=False)
    hub.before_exec = without_landlock
    hub.start()
    media = hub.upload(hub.session(), CLIPS / "Megamind.avi").json()["data"]
    wait_for(lambda: '"job_failed"' in hub.log_text(), "the failure", 2 * PATIENCE_S)
    line, = [json.loads(line) for line in hub.log_text().splitlines() if '"job_failed"' in line]
    assert line["media"] == media["id"] and line["message"].startswith("The video cannot be converted."), line
    assert "/" not in line["message"] and "0x" not in line["message"], line
