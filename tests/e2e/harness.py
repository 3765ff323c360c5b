"""A running hub and what talks to it: the real programs, a data folder and ports of its own."""
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import queue
import random
import re
import signal
import socket
import subprocess
import threading
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("MEDIAHUB_BUILD", "build/dev")).resolve()
SAMPLES = pathlib.Path("/usr/share/forensics-samples/original-files")
CLIPS = pathlib.Path("/usr/share/doc/opencv-doc/examples/data")
SANITIZED = "asan" in BUILD.name
# Sanitizer builds are slow on a busy two-core machine; deadlines only bound how long we wait.
PATIENCE_S = 60 if SANITIZED else 30

REPORTS = re.compile(r"AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|runtime error:|"
                     r"Assertion .* failed|stale or foreign pointer")


def wait_for(condition, what="the condition", timeout_s=PATIENCE_S):
    """Polls until condition() is truthy and returns its value."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not come true within {timeout_s} s"
        pause.wait(0.02)


def files_made(folder):
    """The files of an original's variants by their plain names ("small.jpg"): one of each, named by what
    it holds."""
    found = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        stem, _, etag = path.stem.partition("-")
        assert hashlib.sha256(path.read_bytes()).hexdigest().startswith(etag) and len(etag) == 32, path
        assert found.setdefault(stem + path.suffix, path) == path, (path, found)
    return found


def free_port():
    """Below those that the kernel gives to clients: a hub that is started again needs the same one."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def descendants(pid):
    """{pid: program name} of all living processes below pid."""
    parents, names = {}, {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            stat = pathlib.Path(f"/proc/{entry}/stat").read_text()
        except OSError:
            continue
        name, rest = stat[stat.index("(") + 1:stat.rindex(")")], stat[stat.rindex(")") + 2:].split()
        if rest[0] != "Z":
            parents[int(entry)], names[int(entry)] = int(rest[1]), name
    found, todo = {}, [pid]
    while todo:
        parent = todo.pop()
        for child, its_parent in parents.items():
            if its_parent == parent and child not in found:
                found[child] = names[child]
                todo.append(child)
    return found


def alive(pid, name):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return f"({name})" in stat and ") Z " not in stat


class Hub:
    """One `mediahub run` and a client of its REST interface."""

    def __init__(self, folder, options=(), env=None):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.api = self.url + "/api/v1"
        self.options = list(options)
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder),
            "MEDIAHUB_ADMIN_USER": "admin", "MEDIAHUB_ADMIN_PASSWORD": "correct horse battery",
            "MEDIAHUB_LIMITS_ANONYMOUS": "1000000", "MEDIAHUB_LIMITS_USER": "1000000",
            "MEDIAHUB_LIMITS_LINK": "1000000", "MEDIAHUB_LIMITS_READY": "1000000",
            "MEDIAHUB_LIMITS_READY_CODE": "1000000", "MEDIAHUB_LIMITS_METRICS": "1000000",
            "MEDIAHUB_LIMITS_UPGRADES": "1000000",
            "MEDIAHUB_LIMITS_HEALTH": "1000000", "MEDIAHUB_LIMITS_BACKUP": "1000000",
            "MEDIAHUB_LIMITS_BACKUP_LOGIN": "1000000", "MEDIAHUB_LIMITS_BACKUP_HEALTH": "1000000",
            "MEDIAHUB_BACKUP_HANGUP_WAIT": "0", "MEDIAHUB_STORE_RESERVE": "64M", "MEDIAHUB_DRAIN_WINDOW": "1", "MEDIAHUB_WORKERS": "1",
            "MEDIAHUB_WEBHOOKS_ALLOW_PRIVATE": "on",
            "ASAN_OPTIONS": "detect_stack_use_after_return=1:abort_on_error=1:disable_coredump=1",
            "UBSAN_OPTIONS": "print_stacktrace=1",
            **(env or {}),
        }
        self.process = None
        self.deaths_expected = False
        self.before_exec = None           # runs in the child that becomes the hub
        self.log_path = self.folder / "hub.log"

    def start(self, wait=True):
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [BUILD / "bin/mediahub", "run", "--listen", f"127.0.0.1:{self.port}",
             "--data", self.data, *self.options],
            stdout=subprocess.PIPE, stderr=self.log, env=self.env, cwd=self.folder,
            preexec_fn=self.before_exec)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        lines = queue.Queue()
        out = self.process.stdout
        threading.Thread(target=lambda: lines.put(out.readline()), daemon=True).start()
        try:
            line = lines.get(timeout=PATIENCE_S).decode()
        except queue.Empty:
            raise AssertionError("no ready line\n" + self.log_text()[-4000:]) from None
        assert line == f"mediahub ready {self.url}\n", (line, self.log_text()[-4000:])

    def told(self):
        """What else came on standard output with the ready line: it is written in one go."""
        os.set_blocking(self.process.stdout.fileno(), False)
        return self.process.stdout.peek().splitlines(True)

    def stop(self, sig=signal.SIGTERM):
        """Stops in order; fails when something is left or went wrong."""
        if not self.process:
            return
        below = descendants(self.process.pid)
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            status = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("did not stop\n" + self.log_text()[-4000:]) from None
        self._forget_process()
        left = {pid: name for pid, name in below.items() if alive(pid, name)}
        assert not left, f"left behind: {left}"
        assert status == 0, (status, self.log_text()[-4000:])

    def kill(self):
        """Kills the supervisor; its children must go with it."""
        below = descendants(self.process.pid)
        self.process.kill()
        self.process.wait()
        self._forget_process()
        wait_for(lambda: not any(alive(pid, name) for pid, name in below.items()),
                 "the end of the orphans")

    def _forget_process(self):
        self.process.stdout.close()
        self.process = None
        self.log.close()

    def pids(self, name):
        """Processes of this hub by program name (the kernel keeps 15 characters)."""
        return [pid for pid, n in descendants(self.process.pid).items() if n == name[:15]]

    def wait_worker(self):
        """Until a worker has asked for work, its decoder being ready: gateways know then what holds it."""
        wait_for(lambda: "\nmediahub_sandbox_level " in requests.get(
            self.url + "/metrics", timeout=PATIENCE_S).text, "a worker that asks for work")

    def expect_deaths(self):
        self.deaths_expected = True

    def log_text(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def check_log(self):
        text = self.log_text()
        report = REPORTS.search(text)
        assert not report, text[max(0, report.start() - 500):report.start() + 6000]
        if not self.deaths_expected:
            assert '"child_died"' not in text, text[-4000:]
            assert '"child_killed"' not in text, text[-4000:]   # it did not stop when asked

    # A client, as far as tests share it.

    def login(self, username="admin", password="correct horse battery"):
        answer = requests.post(self.api + "/auth/login", timeout=PATIENCE_S,
                               json={"username": username, "password": password})
        assert answer.status_code == 200, answer.text
        return answer.json()["token"]

    def session(self, token=None):
        s = requests.Session()
        s.headers["Authorization"] = "Bearer " + (token or self.login())
        return s

    def upload(self, session, path, **fields):
        path = pathlib.Path(path)
        with open(path, "rb") as f:
            return session.post(self.api + "/media/upload", files={"file": (path.name, f)},
                                data=fields, timeout=PATIENCE_S)

    def upload_slowly(self, token, path, content_type, body, meanwhile):
        """Sends the last bytes when the others have come and meanwhile() is done; the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection.putrequest("POST", path)
        for name, value in (("Authorization", "Bearer " + token), ("Content-Type", content_type),
                            ("Content-Length", str(len(body)))):
            connection.putheader(name, value)
        connection.endheaders(body[:-100])
        wait_for(lambda: os.listdir(self.data / "store/incoming"), "the first bytes")
        meanwhile()
        connection.send(body[-100:])
        answer = connection.getresponse()
        answer.read()
        return answer

    def wait_status(self, session, media_id, *statuses):
        def look():
            media = session.get(f"{self.api}/media/{media_id}", timeout=PATIENCE_S).json()["data"]
            return media if media["status"] in statuses else None
        return wait_for(look, f"status {statuses} of {media_id}")


class Receiver:
    """A real HTTP receiver of webhooks. `answer(n)` gives the status of the n-th request, or a
    (status, headers) pair; everything that came is in `received`."""

    def __init__(self, answer=lambda n: 200):
        self.received = []
        self.lock = threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.lock:
                    receiver.received.append({"headers": dict(self.headers.items()), "body": body,
                                              "at": time.monotonic()})
                    n = len(receiver.received)
                verdict = answer(n)
                status, headers = verdict if isinstance(verdict, tuple) else (verdict, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def events(self):
        with self.lock:
            return [json.loads(r["body"])["event"] for r in self.received]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
