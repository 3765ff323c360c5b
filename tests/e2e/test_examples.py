"""The programs under examples/, as README says to use them."""
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import requests
from browser import Way
from harness import PATIENCE_S, ROOT, free_port, wait_for
from load import tiny_png

CLIENTS = ROOT / "examples/clients"
TOOLS = os.environ["PATH"] + ":/usr/local/go/bin"
BUILD_S, WINDOW_S = 900, 60


def listens(port):
    try:
        return requests.get(f"http://127.0.0.1:{port}/", timeout=PATIENCE_S).status_code
    except requests.ConnectionError:
        return None


def test_receiver_of_webhooks(hub):
    session, port, lines = hub.session(), free_port(), queue.Queue()
    url = f"http://127.0.0.1:{port}/hook"
    secret = session.post(hub.api + "/webhooks", timeout=PATIENCE_S,
                          json={"url": url, "events": ["*"]}).json()["data"]["secret"]
    receiver = subprocess.Popen([sys.executable, ROOT / "examples/webhooks/receiver.py", secret, str(port)],
                                stdout=subprocess.PIPE, text=True)
    threading.Thread(target=lambda: [lines.put(line) for line in receiver.stdout], daemon=True).start()
    try:
        wait_for(lambda: listens(port), "the receiver")
        forged = requests.post(url, data=b"{}", timeout=PATIENCE_S, headers={
            "webhook-id": "evt_x", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"})
        assert forged.status_code == 401
        uploaded = session.post(hub.api + "/media/upload", timeout=PATIENCE_S,
                                files={"file": ("tiny.png", tiny_png(1))}).json()["data"]
        event = json.loads(lines.get(timeout=PATIENCE_S))
        assert event["event"] == "media.uploaded" and event["data"]["id"] == uploaded["id"]
    finally:
        receiver.kill()
        receiver.wait()


def compile_go(program):
    """Again only when it has changed, or never was; then a minute's work, most of it Go's own library."""
    target = ROOT / "build/go/client"
    if not target.exists() or target.stat().st_mtime < program.stat().st_mtime:
        go = shutil.which("go", path=TOOLS)
        target.parent.mkdir(parents=True, exist_ok=True)
        made = target.with_name(f"client.{os.getpid()}")    # another test may be at it as well
        subprocess.run([go, "build", "-o", made, program], check=True, timeout=BUILD_S, cwd=target.parent,
                       env={"PATH": TOOLS, "HOME": str(target.parent), "GOTOOLCHAIN": "local", "GOPROXY": "off",
                            "CGO_ENABLED": "0"})
        made.replace(target)
    return [target]


LANGUAGES = {"python": ("client.py", "python3", lambda file: [sys.executable, file]),
             "javascript": ("client.mjs", "node", lambda file: ["node", file]),
             "go": ("client.go", "go", compile_go)}


class Example:
    """A client under way; its lines as they come."""

    def __init__(self, language, url, username, file, per_page=20):
        name, tool, command = LANGUAGES[language]
        if not shutil.which(tool, path=TOOLS):
            pytest.skip(f"there is no {tool} here; ./hub test installs it")
        self.lines, self.said = queue.Queue(), []
        self.process = subprocess.Popen(
            [*command(CLIENTS / name), url, username, "long enough", file, str(per_page)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PATH": TOOLS})
        threading.Thread(target=lambda: [self.lines.put(line) for line in self.process.stdout],
                         daemon=True).start()

    def wait(self, begin):
        while True:
            try:
                self.said.append(self.lines.get(timeout=2 * WINDOW_S))
            except queue.Empty:
                raise AssertionError((begin, self.said, self.end())) from None
            if self.said[-1].startswith(begin):
                return self.said[-1].split()

    def end(self):
        self.process.kill()
        return self.process.communicate()[1]


def add_person(hub, admin, name, items):
    answer = admin.post(hub.api + "/auth/register", timeout=PATIENCE_S, json={
        "username": name, "email": name + "@example.com", "password": "long enough"})
    assert answer.status_code == 201, answer.text
    session = hub.session(hub.login(name, "long enough"))
    for number in range(items):
        assert upload(hub, session, number)
    return session


def upload(hub, session, number):
    return session.post(hub.api + "/media/upload", timeout=PATIENCE_S, files={
        "file": (f"{number}.png", tiny_png(number))}).json()["data"]["id"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_clients_are_short(language):
    assert len((CLIENTS / LANGUAGES[language][0]).read_text().splitlines()) < 100


@pytest.mark.parametrize("language", LANGUAGES)
def test_clients_hear_all_over_a_cut(hub, tmp_path, language):
    """Logs in, subscribes, uploads; is cut off while things go on; hears of them once, and lists all."""
    session, way = add_person(hub, hub.session(), "ann", 4), Way(hub)
    photo = tmp_path / "photo \u00e9.png"
    photo.write_bytes(tiny_png(99))
    workers = hub.pids("mediahub-worker")
    for media in session.get(hub.api + "/media", timeout=PATIENCE_S).json()["data"]:
        hub.wait_status(session, media["id"], "ready")
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    client = Example(language, way.url, "ann", photo, 2)
    try:
        mine = client.wait("event media.uploaded")[2]
        assert session.get(f"{hub.api}/media/{mine}", timeout=PATIENCE_S).json()["data"]["filename"] == photo.name
        # Its upload has been answered before it is cut.
        wait_for(lambda: hub.log_text().count('"operation":"media_upload"') == 5, "the answer to its upload")
        way.cut()
        missed = [upload(hub, session, 5), upload(hub, session, 6)]
        for media in missed:
            assert client.wait("event media.uploaded")[2] == media
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        client.wait("event media.ready " + mine)
        assert client.wait("listed") == ["listed", "7"]
        assert client.process.wait(PATIENCE_S) == 0
        heard = [line for line in client.said if line.startswith("event media.uploaded")]
        assert len(heard) == len(set(heard)) == 3
    finally:
        client.end()
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        way.close()


def test_clients_slow_down(make_hub, tmp_path):
    """Each asks thirteen times where ten pass a minute, and never once too often."""
    hub = make_hub()
    admin = hub.session()
    languages = [name for name in LANGUAGES if shutil.which(LANGUAGES[name][1], path=TOOLS)]
    for language in languages:
        add_person(hub, admin, "in_" + language, 11)
    hub.stop()
    hub.options += ["--limits-user", "10"]
    hub.start()
    photo = tmp_path / "photo.png"
    photo.write_bytes(tiny_png(99))
    wait_for(lambda: 44 < time.time() % WINDOW_S < 56, "the end of a minute", 2 * WINDOW_S)
    clients = [Example(language, hub.url, "in_" + language, photo, 1) for language in languages]
    try:
        for client in clients:
            assert client.wait("listed") == ["listed", "12"]
            assert client.process.wait(PATIENCE_S) == 0
    finally:
        problems = [client.end() for client in clients]
    assert not any(problems), problems
    assert '"status":429' not in hub.log_text()
