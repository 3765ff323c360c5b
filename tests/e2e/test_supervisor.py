"""The supervisor alone: the real `mediahub` and the real Redis pair, with small stand-ins for the
other programs, so that what each is told and when it is started and stopped can be seen."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import harness
import pytest
from harness import PATIENCE_S, alive, descendants, wait_for

STAND_IN = '''#!/usr/bin/python3
import json, os, pathlib, signal, socket, sys
name = pathlib.Path(sys.argv[0]).name
folder = pathlib.Path(os.environ["STAND_IN"])

def note(what):
    settings = {k: v for k, v in os.environ.items() if k.startswith("MEDIAHUB_")}
    line = json.dumps({"what": what, "name": name, "pid": os.getpid(), "cwd": os.getcwd(),
                       "group": os.getpgrp(), "settings": settings}) + "\\n"
    fd = os.open(folder / "trace", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, line.encode())
    os.close(fd)

def redis_answers():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("run/state.sock")
        s.sendall(b"PING\\r\\n")
        return s.recv(16) == b"+PONG\\r\\n"

def on_term(number, frame):
    if (folder / "stubborn").exists():
        note("ignored")
        return
    note("stopped" if redis_answers() else "stopped without Redis")
    sys.exit(0)

signal.signal(signal.SIGTERM, on_term)
note("started")
print("chatter on standard output", flush=True)
if (folder / ("failing-" + name)).exists():
    print("cannot go on", file=sys.stderr)
    sys.exit(3)
if not (folder / ("silent-" + name)).exists():
    os.write(int(os.environ["MEDIAHUB_READY_FD"]), b"1")
while True:
    signal.pause()
'''
PROGRAMS = ["mediahub-gateway", "mediahub-worker", "mediahub-webhooks", "mediahub-catalogue",
            "mediahub-decode",
            "mediahub-decode-pictures", "mediahub-decode-films"]


class Trace:
    def __init__(self, folder):
        self.folder = folder

    def entries(self, what=None, name=None):
        path = self.folder / "trace"
        lines = path.read_text().splitlines() if path.exists() else []
        return [entry for entry in map(json.loads, lines)
                if what in (None, entry["what"]) and name in (None, entry["name"])]

    def flag(self, name):
        (self.folder / name).touch()

    def unflag(self, name):
        (self.folder / name).unlink()


@pytest.fixture
def trace(tmp_path, monkeypatch):
    programs = tmp_path / "stand_in/bin"
    programs.mkdir(parents=True)
    shutil.copy(harness.BUILD / "bin/mediahub", programs)
    for name in PROGRAMS:
        (programs / name).write_text(STAND_IN)
        (programs / name).chmod(0o755)
    monkeypatch.setattr(harness, "BUILD", programs.parent)
    return Trace(programs.parent)


@pytest.fixture
def make_standing(make_hub, trace):
    def make(*options, env=None, start=True):
        return make_hub(*options, start=start, env={"STAND_IN": str(trace.folder), **(env or {})})
    return make


def redis_pid(hub, role):
    for pid in hub.pids("redis-server"):
        try:
            if f"{role}.sock" in pathlib.Path(f"/proc/{pid}/cmdline").read_text():
                return pid
        except FileNotFoundError:                        # it has ended meanwhile
            continue
    return None


def clear_lines(text):
    """What was said to a person: no log, no chatter, and not what AddressSanitizer says of every
    program that makes a stack of its own."""
    return [line for line in text.splitlines()
            if not line.startswith("{") and line != "chatter on standard output"
            and "ASan doesn't fully support makecontext" not in line]


def test_every_program_is_told_its_part(make_standing, trace):
    hub = make_standing("--gateways", "2", "--workers", "3", "--limits-user", "77",
                        env={"MEDIAHUB_FOREIGN": "1"})
    wait_for(lambda: len(trace.entries("started")) == 7, "seven programs")
    for entry in trace.entries("started"):
        told = entry["settings"]
        assert told["MEDIAHUB_SUPERVISED"] == "1"
        assert told["MEDIAHUB_REDIS"] == "unix:run/state.sock"
        assert told["MEDIAHUB_REDIS_VOLATILE"] == "unix:run/volatile.sock"
        assert told["MEDIAHUB_STORE"] == f"{hub.data}/store"
        assert told["MEDIAHUB_LIMITS_USER"] == "77"
        assert "MEDIAHUB_ADMIN_PASSWORD" not in told and "MEDIAHUB_FOREIGN" not in told
        assert entry["cwd"] == str(hub.data)
        assert entry["group"] == entry["pid"]
    urls = ["ipc://run/jobs-0.ipc", "ipc://run/jobs-1.ipc"]
    jobs = {name: sorted(e["settings"].get("MEDIAHUB_JOBS") for e in trace.entries("started", name))
            for name in ("mediahub-gateway", "mediahub-worker")}
    assert jobs == {"mediahub-gateway": urls, "mediahub-worker": [",".join(urls)] * 3}
    assert (hub.data.stat().st_mode & 0o777) == 0o700


def test_ready_waits_for_what_serves_only(make_standing, trace):
    trace.flag("silent-mediahub-worker")
    hub = make_standing()
    hub.stop()
    trace.flag("silent-mediahub-webhooks")
    hub = make_standing(start=False)
    hub.start(wait=False)
    count = len(trace.entries("started"))
    wait_for(lambda: len(trace.entries("started")) > count + 2, "the programs")
    os.set_blocking(hub.process.stdout.fileno(), False)
    assert hub.process.stdout.read() is None


def test_second_start_is_quick(make_standing, trace):
    hub = make_standing()
    hub.stop()
    began = time.monotonic()
    hub.start()
    assert time.monotonic() - began < 3


def test_redis_is_stopped_last(make_standing, trace):
    hub = make_standing("--gateways", "2", "--workers", "2")
    wait_for(lambda: len(trace.entries("started")) == 6, "six programs")
    hub.stop()
    assert len(trace.entries("stopped")) == 6
    assert not trace.entries("stopped without Redis")


def test_deaths_are_answered_with_growing_pauses(make_standing, trace):
    hub = make_standing()
    hub.expect_deaths()
    for pause_s in (0.2, 0.4, 0.8):
        count = len(trace.entries("started", "mediahub-gateway"))
        victim = trace.entries("started", "mediahub-gateway")[-1]["pid"]
        began = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: len(trace.entries("started", "mediahub-gateway")) == count + 1, "a new one")
        assert time.monotonic() - began >= pause_s
    assert hub.log_text().count('"child_died"') == 3


@pytest.mark.parametrize("role", ["state", "volatile"])
def test_a_dead_redis_comes_back(make_standing, role):
    hub = make_standing()
    hub.expect_deaths()
    first = redis_pid(hub, role)
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: redis_pid(hub, role) not in (None, first), "a new Redis")


def test_a_second_signal_kills_all_at_once(make_standing, trace):
    hub = make_standing()
    trace.flag("stubborn")
    below = descendants(hub.process.pid)
    hub.process.send_signal(signal.SIGTERM)
    wait_for(lambda: trace.entries("ignored"), "the first signal")
    began = time.monotonic()
    hub.process.send_signal(signal.SIGINT)
    assert hub.process.wait(PATIENCE_S) == 1
    assert time.monotonic() - began < 5
    wait_for(lambda: not any(alive(pid, name) for pid, name in below.items()), "the end of all")
    hub._forget_process()


def test_a_killed_supervisor_leaves_nothing(make_standing, trace):
    hub = make_standing()
    trace.flag("stubborn")
    hub.kill()
    trace.unflag("stubborn")
    hub.start()


def test_the_lock_is_held_by_redis_too(make_standing, trace):
    """So that a second start waits for the Redis that a killed supervisor has left behind."""
    hub = make_standing()
    holders = set()
    for pid, name in descendants(hub.process.pid).items():
        for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            if fd.exists() and os.readlink(fd) == str(hub.data / "lock"):
                holders.add(name)
    assert holders == {"redis-server"}


def test_a_program_that_cannot_start_ends_the_hub(make_standing, trace):
    trace.flag("failing-mediahub-webhooks")
    hub = make_standing(start=False)
    hub.expect_deaths()
    hub.start(wait=False)
    assert hub.process.wait(PATIENCE_S) == 1
    assert clear_lines(hub.log_text()) == ["cannot go on", "mediahub: webhooks could not start"]
    assert hub.process.stdout.read() == b""
    hub._forget_process()


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_missing_program_is_named(make_standing, trace, name):
    (trace.folder / "bin" / name).unlink()
    hub = make_standing(start=False)
    hub.start(wait=False)
    assert hub.process.wait(PATIENCE_S) == 1
    assert clear_lines(hub.log_text()) == [f"mediahub: {trace.folder}/bin/{name} is missing"]
    hub._forget_process()


def test_a_port_of_https_in_use(make_standing, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=hub", "-keyout", tmp_path / "key.pem",
                    "-out", tmp_path / "cert.pem"], check=True, capture_output=True)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        address = "127.0.0.1:%d" % s.getsockname()[1]
        hub = make_standing("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key",
                            str(tmp_path / "key.pem"), "--listen-tls", address, start=False)
        hub.start(wait=False)
        assert hub.process.wait(PATIENCE_S) == 1
    assert clear_lines(hub.log_text()) == [
        f"mediahub: cannot listen on {address}: Address already in use; --listen-tls names "
        "another address"]
    hub._forget_process()


def test_a_long_path_of_the_data(make_standing):
    hub = make_standing(start=False)
    hub.data = hub.folder / ("long" * 20) / ("path" * 20)
    hub.data.parent.mkdir()
    hub.start()


def test_the_random_password_is_shown_once(make_standing):
    hub = make_standing(start=False, env={"MEDIAHUB_ADMIN_PASSWORD": ""})
    hub.start()
    hub.stop()
    hub.start()
    lines = [line for line in hub.log_text().splitlines() if "password" in line]
    assert len(lines) == 1
    word, password = lines[0].rsplit(": ", 1)
    assert word == "admin password" and len(password) == 20
    assert hub.log_text().count(password) == 1


def test_the_random_password_stays_out_of_the_journal(make_hub):
    hub = make_hub(start=False, env={"MEDIAHUB_ADMIN_PASSWORD": ""})
    hub.log_path.touch()
    log = hub.log_path.stat()
    hub.env["JOURNAL_STREAM"] = f"{log.st_dev}:{log.st_ino}"
    hub.start()
    [line] = [line for line in hub.log_text().splitlines() if "password" in line]
    assert "admin password" not in line and f"user password admin --data {hub.data}" in line
    given = subprocess.run([harness.BUILD / "bin/mediahub", "user", "password", "admin", "--data",
                            hub.data], input="long enough\n", text=True, capture_output=True,
                           timeout=PATIENCE_S, env={"PATH": os.environ["PATH"]})
    assert given.returncode == 0, given.stderr
    # What goes right is one line and what is audited; a connection is none of a person's business.
    said = [line for line in given.stderr.splitlines() if not line.startswith("==")]  # AddressSanitizer
    assert [json.loads(line)["event"] for line in said] == ["audit"]
    hub.login(password="long enough")


def user_add(hub, *arguments, password="long enough"):
    return subprocess.run([harness.BUILD / "bin/mediahub", "user", "add", *arguments, "--data",
                           hub.data], input=password + "\n", text=True, capture_output=True,
                          timeout=PATIENCE_S, env={"PATH": os.environ["PATH"]})


def test_users_are_added_on_the_command_line(make_standing):
    hub = make_standing()
    added = user_add(hub, "ada", "--admin", "--email", "ada@example.org")
    assert added.returncode == 0, added.stderr
    assert added.stdout.startswith("user_")
    for arguments, password, word in [
            (("ada",), "long enough", "taken"),
            (("eve", "--email", "ada@example.org"), "long enough", "taken"),
            (("eve",), "short", "at least 8"),
            (("eve", "--bogus"), "long enough", "--bogus"),
            ((), "long enough", "usage")]:
        result = user_add(hub, *arguments, password=password)
        assert result.returncode != 0
        assert len(clear_lines(result.stderr)) == 1 and word in result.stderr
