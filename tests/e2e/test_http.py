"""HTTP/1.1 as raw sockets and curl see it: connections that are kept, shared and drained, bodies of
every framing, refusals of unread bodies, pages of other origins."""
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
import requests
from harness import BUILD, PATIENCE_S, alive, free_port, wait_for

LOGIN = json.dumps({"username": "admin", "password": "correct horse battery"}).encode()
PAGE = "https://ui.example"
UPGRADE = (b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")


class Peer:
    """A socket that says bytes and reads whole answers."""

    def __init__(self, hub):
        self.socket = socket.create_connection(("127.0.0.1", hub.port), timeout=PATIENCE_S)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.file.close()
        self.socket.close()

    def say(self, *pieces):
        for piece in pieces:
            self.socket.sendall(piece)

    def hear(self, with_body=True):
        """(status, headers with lower case names, body)"""
        line = self.file.readline()
        assert line.startswith(b"HTTP/1.1 "), line
        headers = http.client.parse_headers(self.file)
        length = int(headers.get("Content-Length", 0)) if with_body else 0
        body = self.file.read(length)
        assert len(body) == length
        return int(line.split()[1]), {k.lower(): v for k, v in headers.items()}, body

    def is_closed(self):
        return self.file.read(1) == b""


def get(path, *headers):
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: hub", *headers, "", ""]).encode()


def login_head(*headers):
    return "\r\n".join(["POST /api/v1/auth/login HTTP/1.1", "Host: hub",
                        "Content-Type: application/json", *headers, "", ""]).encode()


def test_connections_are_kept_until_told(hub):
    with Peer(hub) as peer:
        for _ in range(3):
            peer.say(get("/health"))
            status, headers, _ = peer.hear()
            assert status == 200 and "connection" not in headers
        peer.say(get("/health", "Connection: keep-alive, Close"))
        assert peer.hear()[1]["connection"] == "close" and peer.is_closed()
    with Peer(hub) as peer:
        peer.say(b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert peer.hear()[1]["connection"] == "keep-alive"
        peer.say(b"GET /health HTTP/1.0\r\n\r\n")
        assert peer.hear()[1]["connection"] == "close" and peer.is_closed()


def test_how_long_a_connection_is_kept_is_a_setting(make_hub):
    hub = make_hub("--connections-keep-alive", "2s")
    with Peer(hub) as peer:
        peer.say(get("/health"))
        assert peer.hear()[0] == 200
        began = time.monotonic()
        assert peer.is_closed() and 1.9 < time.monotonic() - began < 30    # 75 s without it


def test_pipelined_requests_are_answered_in_order(hub):
    """The first waits for Argon2id and Redis; what comes behind it must not overtake it."""
    with Peer(hub) as peer:
        peer.say(login_head(f"Content-Length: {len(LOGIN)}") + LOGIN + get("/api/v1/users/me") +
                 get("/health") + get("/nothing", "Connection: close"))
        assert [peer.hear()[0] for _ in range(4)] == [200, 401, 200, 404]
        assert peer.is_closed()


def test_chunked_bodies_byte_by_byte(hub):
    body = (b"3;name=value\r\n" + LOGIN[:3] + b"\r\n" + b"%X\r\n" % len(LOGIN[3:]) + LOGIN[3:] +
            b"\r\n0\r\nTrailer: dropped\r\n\r\n")
    with Peer(hub) as peer:
        peer.say(login_head("Transfer-Encoding: chunked"),
                 *(body[i:i + 1] for i in range(len(body))))
        status, headers, _ = peer.hear()
        assert status == 200 and "connection" not in headers
        peer.say(get("/health"))
        assert peer.hear()[0] == 200


def curl(hub, *arguments):
    result = subprocess.run(["curl", "-sS", "-m", str(PATIENCE_S), "-v", *arguments], text=True,
                            capture_output=True, timeout=PATIENCE_S + 5)
    assert result.returncode == 0, result.stderr
    return result


@pytest.mark.parametrize("options", [(), ("-H", "Transfer-Encoding: chunked")])
def test_curl_uploads_after_100_continue(hub, photo, options):
    result = curl(hub, "-H", f"Authorization: Bearer {hub.login()}", "-H", "Expect: 100-continue",
                  *options, "-F", f"file=@{photo}", hub.api + "/media/upload")
    assert "< HTTP/1.1 100 Continue" in result.stderr and "< HTTP/1.1 201 Created" in result.stderr
    media = json.loads(result.stdout)["data"]
    assert media["size"] == photo.stat().st_size
    assert hub.session().get(hub.url + media["url"]).content == photo.read_bytes()


def test_curl_is_refused_before_it_uploads(hub, photo):
    result = curl(hub, "-H", "Expect: 100-continue", "-F", f"file=@{photo}",
                  "-w", "sent %{size_upload}", hub.api + "/media/upload")
    assert "100 Continue" not in result.stderr and "< HTTP/1.1 401 " in result.stderr
    assert result.stdout.endswith("sent 0")


@pytest.mark.parametrize("path,status", [("/api/v1/media/upload", 401), ("/api/v1/auth/login", 413)])
def test_who_sends_all_before_reading_sees_the_refusal(hub, path, status):
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=PATIENCE_S)
    connection.request("POST", path, body=bytes(20 << 20), headers={"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == status and answer.headers["Connection"] == "close"
    assert json.loads(answer.read())["success"] is False
    connection.close()


def test_an_unread_body_ends_the_connection(hub):
    """What follows it would else be read as the next request."""
    with Peer(hub) as peer:
        peer.say(b"POST /api/v1/users/me HTTP/1.1\r\nHost: hub\r\nContent-Length: 1000\r\n\r\n")
        assert peer.hear()[0] == 405
        peer.say(get("/health"))
        assert peer.is_closed()


def test_head_is_no_upgrade(hub):
    with Peer(hub) as peer:
        peer.say(b"HEAD /realtime HTTP/1.1\r\nHost: hub\r\n" + UPGRADE + b"\r\n")
        status, headers, _ = peer.hear(with_body=False)
        assert status == 426 and headers["upgrade"] == "websocket"
        peer.say(get("/health"))
        assert peer.hear()[0] == 200


def test_pages_of_other_origins(make_hub):
    hub = make_hub("--cors-origins", f"https://other.example, {PAGE}")
    asks = {"Access-Control-Request-Method": "DELETE",
            "Access-Control-Request-Headers": "authorization"}
    path = hub.api + "/media/media_x"
    allowed = requests.options(path, headers={"Origin": PAGE, **asks}, timeout=PATIENCE_S)
    assert allowed.status_code == 204 and not allowed.content
    assert allowed.headers["Access-Control-Allow-Origin"] == PAGE
    assert set(allowed.headers["Access-Control-Allow-Methods"].split(", ")) == {
        "GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"}
    may_send = set(allowed.headers["Access-Control-Allow-Headers"].split(", "))
    assert {"Authorization", "Content-Type", "Accept", "Range", "If-None-Match", "If-Match",
            "If-Modified-Since", "If-Range", "X-API-Key", "X-Request-Id", "Idempotency-Key",
            "Tus-Resumable", "Upload-Length", "Upload-Offset", "Upload-Metadata",
            "Upload-Defer-Length", "Upload-Concat", "Upload-Checksum"} <= may_send
    for origin in ("https://ui.example.evil", "http://ui.example", "null"):
        for answer in (requests.options(path, headers={"Origin": origin, **asks}, timeout=PATIENCE_S),
                       requests.get(path, headers={"Origin": origin}, timeout=PATIENCE_S)):
            assert answer.headers["Vary"] == "Origin"
            assert not [name for name in answer.headers if name.startswith("Access-Control")]
    refused = requests.get(path, headers={"Origin": PAGE}, timeout=PATIENCE_S)
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == PAGE
    exposed = refused.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit",
            "RateLimit-Policy", "X-Request-Id", "Link",
            "Retry-After", "ETag", "Location", "Content-Range", "Accept-Ranges",
            "Content-Disposition", "Last-Modified", "Tus-Resumable", "Tus-Version",
            "Tus-Extension", "Tus-Max-Size", "Upload-Offset", "Upload-Length",
            "Upload-Expires"} <= set(exposed)
    with Peer(hub) as peer:
        peer.say(get("/realtime", "Origin: https://evil.example").replace(b"\r\n\r\n", b"\r\n") +
                 UPGRADE + b"\r\n")
        assert peer.hear()[0] == 403


def test_too_many_header_lines_with_origins_to_look_for(make_hub):
    """The refusal asks for Origin, so what was read of the head must be there."""
    hub = make_hub("--cors-origins", PAGE)
    with Peer(hub) as peer:
        peer.say(get("/health", f"Origin: {PAGE}", *(f"X-{i}: y" for i in range(100))))
        status, headers, _ = peer.hear()
        assert status == 431 and headers["access-control-allow-origin"] == PAGE
        assert peer.is_closed()


def listeners(hub):
    sockets = pathlib.Path("/proc/net/tcp").read_text()
    return len(re.findall(rf": 0100007F:{hub.port:04X} 00000000:0000 0A ", sockets))


def ask_until(stop, hub, pause_s, problems, counts, keep):
    connection = None
    while not stop.is_set():
        connection = connection or http.client.HTTPConnection("127.0.0.1", hub.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", "/health", headers={} if keep else {"Connection": "close"})
            answer = connection.getresponse()
            answer.read()
            counts.append(answer.status)
            if answer.will_close:
                connection.close()
                connection = None
        except OSError as problem:
            problems.append((keep, repr(problem)))
            connection = None
        stop.wait(pause_s)


def test_a_gateway_of_two_is_drained_without_a_failed_request(make_hub):
    hub = make_hub("--gateways", "2")
    hub.expect_deaths()
    stop, problems, counts = threading.Event(), [], []
    threads = [threading.Thread(target=ask_until, args=(stop, hub, pause_s, problems, counts, keep))
               for pause_s, keep in [(0, True), (0.01, True), (0.03, True), (0, False), (0.01, False)]]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            victim = hub.pids("mediahub-gateway")[0]
            seen = len(counts)
            wait_for(lambda: len(counts) > seen + 100, "requests under way")
            os.kill(victim, signal.SIGTERM)
            wait_for(lambda: not alive(victim, "mediahub-gatewa"), "the end of the gateway")
            wait_for(lambda: listeners(hub) == 2, "its successor")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not problems and set(counts) == {200}, (problems, set(counts))


def test_an_upload_under_way_outlives_the_drain(make_hub, photo):
    hub = make_hub("--gateways", "2", env={"MEDIAHUB_DRAIN_WINDOW": "2"})
    hub.expect_deaths()
    form = requests.Request("POST", "http://x/", files={"file": (photo.name, photo.read_bytes())}).prepare()
    head = (f"POST /api/v1/media/upload HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {hub.login()}\r\n"
            f"Content-Type: {form.headers['Content-Type']}\r\nContent-Length: {len(form.body)}\r\n\r\n")
    with Peer(hub) as peer:
        peer.say(head.encode(), form.body[:100000])
        wait_for(lambda: list((hub.data / "store/incoming").iterdir()), "the upload's file")
        for pid in hub.pids("mediahub-gateway"):
            os.kill(pid, signal.SIGTERM)
        wait_for(lambda: hub.log_text().count('"event":"draining"') == 2, "the drain")
        peer.say(form.body[100000:])
        status, headers, body = peer.hear()
        assert status == 201 and headers["connection"] == "close" and peer.is_closed()
    media_id = json.loads(body)["data"]["id"]
    wait_for(lambda: listeners(hub) == 2, "the successors")
    assert hub.session().get(f"{hub.api}/media/{media_id}").status_code == 200


def catches(pid, sig):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"SigCgt:\s*(\w+)", status)[1], 16) >> (sig - 1) & 1


def test_a_gateway_alone_is_stopped_while_it_waits_for_redis(tmp_path):
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            [BUILD / "bin/mediahub-gateway", "--redis", f"unix:{tmp_path}/none.sock", "--store",
             tmp_path / "store", "--listen", f"127.0.0.1:{free_port()}"], stderr=log)
    wait_for(lambda: catches(process.pid, signal.SIGTERM), "the gateway's readiness to stop")
    process.terminate()
    assert process.wait(PATIENCE_S) == 0, (tmp_path / "log").read_text()
