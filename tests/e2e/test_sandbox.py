"""What holds the readers of strangers' files: told, proved, and demanded."""
import ctypes
import json
import os
import pathlib
import re
import struct
import subprocess

import requests
from harness import BUILD, PATIENCE_S, wait_for

CLIP = pathlib.Path("/usr/share/forensics-samples/original-files/movie1/VID_20191220_170832.mp4")
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, FILTER_MODE = 22, 38, 2
LANDLOCK_CREATE_RULESET, ENOSYS = 444, 38            # the number is the same on every architecture


def without_landlock():
    """As on an older kernel: the call that begins a ruleset does not exist (seccomp(2), BPF)."""
    code = b"".join(struct.pack("HBBI", *step) for step in (
        (0x20, 0, 0, 0),                                    # load the call's number
        (0x15, 0, 1, LANDLOCK_CREATE_RULESET),              # if it is this one
        (0x06, 0, 0, 0x00050000 | ENOSYS),                  # fail
        (0x06, 0, 0, 0x7fff0000)))                          # else allow
    steps = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(steps))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or \
            libc.prctl(PR_SET_SECCOMP, FILTER_MODE, program, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def check(**options):
    return subprocess.run([BUILD / "bin/mediahub", "sandbox-check"], capture_output=True, text=True,
                          timeout=PATIENCE_S, **options)


def level(hub):
    def look():
        text = requests.get(hub.url + "/metrics", timeout=PATIENCE_S).text
        return re.search(r"^mediahub_sandbox_level (\d)$", text, re.MULTILINE)
    return int(wait_for(look, "a worker's word").group(1))


def settled(hub, media_id):
    session = hub.session()

    def look():
        media = session.get(f"{hub.api}/media/{media_id}", timeout=PATIENCE_S).json()["data"]
        return media if "720p" in media["variants"] or "job_failed" in hub.log_text() else None
    return wait_for(look, "the end of the transcode", 2 * PATIENCE_S)


def test_the_sandbox_is_proved_by_a_command():
    said = check()
    lines = said.stdout.splitlines()
    assert said.returncode == 0, said
    assert re.fullmatch(r"Landlock: [1-9]\d*, seccomp: yes, no new privileges: yes", lines[0])
    assert len(lines) > 40 and not any(line.isupper() for line in lines), lines
    assert "decoder, a socket: denied" in lines and "transcoder, a folder: denied" in lines
    assert ("worker, reading a file: denied" in lines) == (os.geteuid() == 0)
    assert not [line for line in lines[1:] if not line.endswith((": denied", ": allowed"))
                and "more memory than given" not in line], lines


def test_the_level_is_a_metric_and_enough_where_it_is_required(make_hub):
    hub = make_hub("--sandbox=required")
    assert level(hub) == 2


def test_without_landlock(make_hub, photo):
    assert "Landlock: 0" in check(preexec_fn=without_landlock).stdout
    assert check(preexec_fn=without_landlock).returncode == 1
    hub = make_hub(start=False)
    hub.before_exec = without_landlock
    hub.start()
    assert level(hub) == 1
    picture = hub.upload(hub.session(), photo).json()["data"]["id"]
    hub.wait_status(hub.session(), picture, "ready")
    clip = hub.upload(hub.session(), CLIP).json()["data"]["id"]
    assert "720p" not in settled(hub, clip)["variants"]
    failure, = [json.loads(line) for line in hub.log_text().splitlines() if '"job_failed"' in line]
    assert failure["kind"] == "transcode" and "Landlock" in failure["message"], failure


def test_without_landlock_and_with_the_sandbox_off(make_hub):
    hub = make_hub("--sandbox=off", start=False)
    hub.before_exec = without_landlock
    hub.start()
    clip = hub.upload(hub.session(), CLIP).json()["data"]["id"]
    assert "720p" in settled(hub, clip)["variants"]


def test_no_start_below_what_is_required(make_hub):
    hub = make_hub("--sandbox=required", start=False)
    hub.before_exec = without_landlock
    hub.start(wait=False)
    assert hub.process.wait(PATIENCE_S) == 1
    line, = [line for line in hub.log_text().splitlines() if not line.startswith("{")]
    assert "--sandbox=required" in line and "sandbox-check" in line, line
    hub.process = None
