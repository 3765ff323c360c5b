"""What goes on while processes die: uploads, deletions, and a subscriber that always comes back."""
import hashlib
import itertools
import os
import subprocess
import threading
import time

import requests
import websocket
from harness import PATIENCE_S
from socket_client import SocketClient

UPLOADERS = 6
PAUSE_S = 1               # so that one worker keeps up, also under sanitizers
CLIP_EVERY = 30           # each is decoded, and then transcoded
LOGIN_S, RETRY_S = 300, 20
FAILURES = (requests.RequestException, OSError, AssertionError)


def make_photo(folder):
    path = folder / "photo.jpg"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x240",
                    "-frames:v", "1", path], check=True)
    return path.read_bytes()


def make_clip(folder):
    path = folder / "clip.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=10",
                    "-t", "1", "-pix_fmt", "yuv420p", "-movflags", "+faststart", path], check=True)
    return path.read_bytes()


def with_free_box(clip, text):
    """The same clip with other bytes: a box at the end that players pass over."""
    return clip + (len(text) + 8).to_bytes(4, "big") + b"free" + text


def with_comment(photo, text):
    """The same picture with other bytes: a comment segment behind the start of the image."""
    return photo[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + photo[2:]


class Login:
    """One token for all, since logins are limited; fetched again while the old one is good."""

    def __init__(self, hub):
        self.hub, self.lock = hub, threading.Lock()
        self.value, self.at = hub.login(), time.monotonic()

    def token(self):
        with self.lock:
            if time.monotonic() - self.at > LOGIN_S:
                try:
                    self.value, self.at = self.hub.login(), time.monotonic()
                except FAILURES:
                    self.at += RETRY_S
            return self.value

    def session(self):
        return self.hub.session(self.token())


class Load:
    """Uploads until stopped. `kept` is what was answered with 201, by id; `deleted` what was answered
    with 200; `tried` all titles, of which every one stands for a single request."""

    def __init__(self, hub, login, photo, clip):
        self.hub, self.login, self.photo, self.clip = hub, login, photo, clip
        self.kept, self.deleted, self.doubtful, self.tried = {}, set(), set(), set()
        self.wrong = []           # answers that no fault excuses
        self.refused = 0
        self.numbers = itertools.count()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(UPLOADERS)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(2 * PATIENCE_S)
            assert not thread.is_alive(), "a request that never ends"

    def _run(self):
        while not self.stopping.is_set():
            number = next(self.numbers)
            try:
                with self.login.session() as session:
                    self._upload(session, number)
            except FAILURES:
                self.refused += 1
            self.stopping.wait(PAUSE_S)

    def _content(self, number):
        """(name, bytes): mostly new, sometimes what was there before; a clip now and then."""
        text = b"again" if number % 8 == 7 else os.urandom(16).hex().encode()
        if number % CLIP_EVERY == 0:
            return "clip.mp4", with_free_box(self.clip, text)
        return "photo.jpg", with_comment(self.photo, text)

    def _upload(self, session, number):
        title = f"n{number}"
        name, content = self._content(number)
        self.tried.add(title)
        answer = session.post(self.hub.api + "/media/upload", data={"title": title},
                              files={"file": (name, content)}, timeout=PATIENCE_S)
        if answer.status_code != 201:
            self._judge(answer)
            return
        media_id = answer.json()["data"]["id"]
        self.kept[media_id] = (title, hashlib.sha256(content).hexdigest())
        if number % 10 == 9:
            self._delete(session, media_id)

    def _delete(self, session, media_id):
        self.doubtful.add(media_id)
        answer = session.delete(f"{self.hub.api}/media/{media_id}", timeout=PATIENCE_S)
        if answer.status_code == 200:
            self.deleted.add(media_id)
        else:
            self._judge(answer)

    def _judge(self, answer):
        self.refused += 1
        if answer.status_code != 503 or "Retry-After" not in answer.headers:
            self.wrong.append((answer.status_code, answer.text))


class Subscriber:
    """Hears media_updates; after every lost connection it comes back with its position."""

    def __init__(self, hub, login):
        self.hub, self.login = hub, login
        self.heard = []           # ids of events, in the order of their coming
        self.told = []            # where it was said that events are missing
        self.reconnects = 0
        self.stopping = threading.Event()
        self.client = SocketClient(hub, login.token())
        self.start = self.position = self.client.subscribed[0]["position"]
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def stop(self):
        self.stopping.set()
        self.client.close()
        self.thread.join(PATIENCE_S)

    def state(self):
        """For the reader of a failure."""
        return (f"{len(self.heard)} heard, {len(self.told)} told, {self.reconnects} reconnects, "
                f"{'runs' if self.thread.is_alive() else 'has ended'}, "
                f"last messages {self.client.seen[-3:]}")

    def _run(self):
        while not self.stopping.is_set():
            try:
                self._listen()
            except (OSError, websocket.WebSocketException):
                pass
            self._come_back()

    def _listen(self):
        while True:
            message = self.client.receive()
            if message["type"] == "event":
                self.heard.append(message["id"])
                self.position = message["position"]
            elif message["type"] == "gap":
                self.told.append(message)
                self.position = message["position"]
            elif message["type"] == "closed":
                return

    def _come_back(self):
        while not self.stopping.wait(0.05):
            try:
                self.client = SocketClient(self.hub, self.login.token(), since=self.position)
            except (*FAILURES, websocket.WebSocketException):
                continue
            self.reconnects += 1
            answer = self.client.subscribed[0]
            if not answer["recovered"]:
                self.told.append(answer)
                self.position = answer["position"]
            return
