"""tus-js-client, as it is published, against the hub: whole, in chunks, in parallel, of unknown length, and
through a line that is cut ten times."""
import hashlib
import json
import pathlib
import random
import shutil
import socket
import struct
import subprocess
import threading

import node_packages
import pytest
import requests
from harness import PATIENCE_S, SAMPLES

HERE = pathlib.Path(__file__).parent / "tus"
PHOTO = SAMPLES / "pic2/IMG_20200124_231153.jpg"
RUN_S = 3 * PATIENCE_S


class CutLine:
    """A line to the hub that is cut in mid-body, so many times."""

    def __init__(self, port, cuts):
        self.hub, self.cuts, self.done = port, cuts, 0
        self.rng, self.lock = random.Random(5), threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            hub = socket.create_connection(("127.0.0.1", self.hub))
            threading.Thread(target=self.there, args=(client, hub), daemon=True).start()
            threading.Thread(target=self.back, args=(hub, client), daemon=True).start()

    def there(self, client, hub):
        """From the client, until a body is to be cut."""
        left = None
        while data := self.read(client):
            if left is None and data.startswith(b"PATCH "):
                with self.lock:
                    if self.done < self.cuts:
                        self.done += 1
                        left = self.rng.randrange(50000, 250000)
            if left is not None and len(data) >= left:
                self.send(hub, data[:left])
                break
            left = left - len(data) if left is not None else None
            self.send(hub, data)
        self.end(client, hub, left is not None)

    def back(self, hub, client):
        while data := self.read(hub):
            self.send(client, data)
        self.end(hub, client, False)

    @staticmethod
    def read(sock):
        try:
            return sock.recv(16384)
        except OSError:
            return b""

    @staticmethod
    def send(sock, data):
        try:
            sock.sendall(data)
        except OSError:
            pass

    @staticmethod
    def end(one, other, hard):
        for sock in (one, other):
            if hard:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()

    def close(self):
        self.listener.close()


@pytest.fixture(scope="module")
def upload(hub, token):
    packages = node_packages.install(HERE)
    program = packages.parent / "upload.js"
    shutil.copy(HERE / "upload.js", program)

    def run(port=None, **options):
        endpoint = f"http://127.0.0.1:{port or hub.port}/api/v1/uploads"
        done = subprocess.run(["node", program, endpoint, token, PHOTO, json.dumps(options)],
                              capture_output=True, text=True, timeout=RUN_S)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def check(hub, token, media_id):
    headers = {"Authorization": "Bearer " + token}
    made = requests.get(f"{hub.api}/media/{media_id}", headers=headers, timeout=PATIENCE_S).json()["data"]
    assert made["checksum"] == "sha256:" + hashlib.sha256(PHOTO.read_bytes()).hexdigest()
    assert made["title"] == "From a client" and made["filename"] == "größer.jpg"


@pytest.mark.parametrize("options", [
    {}, {"chunkSize": 300000}, {"uploadDataDuringCreation": True}, {"uploadLengthDeferred": True, "chunkSize": 500000},
    {"parallelUploads": 3}, {"overridePatchMethod": True, "chunkSize": 1000000},
], ids=lambda options: ",".join(options) or "plain")
def test_uploads(hub, token, upload, options):
    done = upload(**options)
    assert done["retries"] == 0
    check(hub, token, done["media"])


@pytest.mark.parametrize("options", [{}, {"parallelUploads": 3}], ids=["whole", "parallel"])
def test_cut_ten_times(hub, token, upload, options):
    line = CutLine(hub.port, 10)
    done = upload(line.port, **options)
    line.close()
    assert line.done == 10 and done["retries"] >= 10
    check(hub, token, done["media"])
