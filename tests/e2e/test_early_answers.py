"""An answer that is given before the body was read reaches clients that send everything first, and
slowly: http.client and Java's HttpURLConnection look for an answer only when all is sent."""
import concurrent.futures
import http.client
import pathlib
import shutil
import subprocess
import time

import pytest
from harness import PATIENCE_S

MB = 1 << 20
UPLOAD = "/api/v1/media/upload"
FORM = {"Content-Type": "multipart/form-data; boundary=xx"}
PART = (b"--xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n"
        b"Content-Type: image/jpeg\r\n\r\n")
JPEG, TEXT = PART + b"\xff\xd8\xff\xe0", PART + b"no picture, whatever its type says"
PIECE = bytes(64 << 10)


def pieces(size, rate, first=b""):
    """`size` bytes at `rate` bytes a second."""
    began, sent = time.monotonic(), 0
    while sent < size:
        piece = (first + PIECE)[:min(len(PIECE), size - sent)]
        first = b""
        yield piece
        sent += len(piece)
        ahead = began + sent / rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)       # the client's pace is what is tried


def send(hub, path, headers, size, rate, first=b"", chunked=False):
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=PATIENCE_S)
    length = {} if chunked else {"Content-Length": str(size)}
    connection.request("POST", path, pieces(size, rate, first), {**length, **headers},
                       encode_chunked=chunked)
    return connection.getresponse().status


def send_java(hub, token, size, rate):
    source = pathlib.Path(__file__).with_name("SlowUpload.java")
    out = subprocess.run(["java", source, hub.url + UPLOAD, token, str(size), str(rate)],
                         capture_output=True, text=True, timeout=3 * PATIENCE_S)
    return int(out.stdout.strip() or 0) or out.stderr


def test_reaches_clients_that_send_first(make_hub):
    hub = make_hub("--upload-max-bytes", "12M")
    good = {"Authorization": "Bearer " + hub.login(), **FORM}
    bad = {"Authorization": "Bearer x.y.z", **FORM}
    tries = {
        "nobody, 1 MB/s": (401, (UPLOAD, bad, 6 * MB, MB)),
        "nobody, 4 MB/s": (401, (UPLOAD, bad, 24 * MB, 4 * MB)),
        "nobody, chunked": (401, (UPLOAD, bad, 6 * MB, MB, b"", True)),
        "too large, 1 MB/s": (413, (UPLOAD, good, 14 * MB, 2 * MB)),
        "too large, 4 MB/s": (413, (UPLOAD, good, 24 * MB, 4 * MB)),
        "too large, chunked": (413, (UPLOAD, good, 20 * MB, 4 * MB, JPEG, True)),
        "no picture": (415, (UPLOAD, good, 6 * MB, MB, TEXT)),
        "no such path": (404, ("/api/v1/nothing", good, 6 * MB, MB)),
        "a head that is refused": (400, (UPLOAD, {**good, "Bad": "a\x01b"}, 6 * MB, MB)),
    }
    with concurrent.futures.ThreadPoolExecutor(len(tries)) as pool:
        running = {name: pool.submit(send, hub, *how) for name, (_, how) in tries.items()}
        got = {name: future.result() for name, future in running.items()}
    assert got == {name: status for name, (status, _) in tries.items()}


@pytest.mark.skipif(not shutil.which("javac"), reason="needs a JDK")
def test_reaches_java(make_hub):
    hub = make_hub("--upload-max-bytes", "6M")
    tries = [(401, "x.y.z", 6 * MB, MB), (401, "x.y.z", 16 * MB, 4 * MB),
             (413, hub.login(), 16 * MB, 4 * MB)]
    with concurrent.futures.ThreadPoolExecutor(len(tries)) as pool:
        got = list(pool.map(lambda t: send_java(hub, *t[1:]), tries))
    assert got == [t[0] for t in tries]
