"""Uploads without a pause, and an account of them: every answer that was ever given, and whether
each 201 is still true at the end."""
import hashlib
import itertools
import struct
import threading
import time
import zlib

import requests
from harness import PATIENCE_S


def tiny_png(number):
    """A valid picture of 8 x 8 points like no other."""
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + bytes([number >> 16 & 255, number >> 8 & 255, number & 255] * 8)
                    for _ in range(8))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class UploadLoad:
    """`with UploadLoad(hub, token) as load:` uploads with a few threads. Answers of 503 and 507
    must say when to try again; anything else but 201 is noted in `wrong`."""

    numbers = itertools.count(1)

    def __init__(self, hub, token, threads=3, pause_s=0.05):
        self.hub, self.token, self.pause_s = hub, token, pause_s
        self.created = {}       # id -> SHA-256
        self.refused = []       # (status, seconds it took)
        self.wrong = []
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def _upload(self, session):
        data = tiny_png(next(self.numbers))
        began = time.monotonic()
        try:
            answer = session.post(self.hub.api + "/media/upload", timeout=PATIENCE_S,
                                  files={"file": ("tiny.png", data)})
        except requests.RequestException as problem:
            with self.lock:
                self.wrong.append(repr(problem))
            return
        took_s = time.monotonic() - began
        with self.lock:
            if answer.status_code == 201:
                self.created[answer.json()["data"]["id"]] = hashlib.sha256(data).hexdigest()
            elif answer.status_code in (503, 507) and int(answer.headers.get("Retry-After", 0)):
                self.refused.append((answer.status_code, took_s))
            else:
                self.wrong.append((answer.status_code, dict(answer.headers), answer.text))

    def _run(self):
        with requests.Session() as session:
            session.headers["Authorization"] = "Bearer " + self.token
            while not self.over.is_set():
                self._upload(session)
                self.over.wait(self.pause_s)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def check_all_there(self, session):
        """Every 201 has its record and its bytes."""
        for media_id, digest in self.created.items():
            answer = session.get(f"{self.hub.api}/media/{media_id}", timeout=PATIENCE_S)
            assert answer.status_code == 200, (media_id, answer.status_code, answer.text)
            assert answer.json()["data"]["checksum"].endswith(digest)
            original = session.get(f"{self.hub.api}/media/{media_id}/content", timeout=PATIENCE_S)
            assert hashlib.sha256(original.content).hexdigest() == digest
