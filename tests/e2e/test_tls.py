"""The same over TLS, with a certificate of our own: REST, a large upload, WebSocket, protocol
versions, plain bytes on the port, and a stop with connections open."""
import hashlib
import http.client
import json
import re
import socket
import ssl
import subprocess

import pytest
import requests
import websocket
from harness import PATIENCE_S, free_port, wait_for

LARGE_BYTES = 50 << 20


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", folder / "key.pem",
                    "-out", folder / "cert.pem"], check=True, capture_output=True)
    return folder


@pytest.fixture
def tls(make_hub, certificate):
    port = free_port()
    hub = make_hub("--tls-cert", str(certificate / "cert.pem"), "--tls-key",
                   str(certificate / "key.pem"), "--listen-tls", f"127.0.0.1:{port}")
    hub.tls_port = port
    hub.tls_api = f"https://127.0.0.1:{port}/api/v1"
    hub.context = ssl.create_default_context(cafile=certificate / "cert.pem")
    return hub


@pytest.fixture
def session(tls, certificate):
    s = tls.session()
    s.trust_env = False                       # REQUESTS_CA_BUNDLE would win over `verify`
    s.verify = str(certificate / "cert.pem")
    return s


def connect(hub, context=None):
    plain = socket.create_connection(("127.0.0.1", hub.tls_port), timeout=PATIENCE_S)
    return (context or hub.context).wrap_socket(plain, server_hostname="localhost")


def test_rest(tls, session):
    answer = session.get(tls.tls_api + "/users/me", timeout=PATIENCE_S)
    assert answer.status_code == 200 and answer.json()["data"]["username"] == "admin"
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
    plain = session.get(tls.api + "/users/me", timeout=PATIENCE_S)
    assert plain.status_code == 200 and "Strict-Transport-Security" not in plain.headers


def test_a_large_upload_and_back(tls, session, clip, tmp_path):
    """Bytes after the end of a clip's boxes are no concern of the sniffer; 50 MB cross thousands of
    TLS records both ways."""
    path = tmp_path / "large.mp4"
    path.write_bytes(clip.read_bytes())
    with open(path, "ab") as f:
        f.truncate(LARGE_BYTES)
    with open(path, "rb") as f:
        answer = session.post(tls.tls_api + "/media/upload", files={"file": (path.name, f)},
                              timeout=PATIENCE_S)
    assert answer.status_code == 201, answer.text
    media = answer.json()["data"]
    digest = hashlib.sha256(path.read_bytes())
    assert media["size"] == LARGE_BYTES and media["checksum"] == "sha256:" + digest.hexdigest()
    back = session.get(f"{tls.tls_api}/media/{media['id']}/content", timeout=PATIENCE_S)
    assert back.headers["Content-Length"] == str(LARGE_BYTES)
    assert hashlib.sha256(back.content).digest() == digest.digest()
    tail = session.get(f"{tls.tls_api}/media/{media['id']}/content", timeout=PATIENCE_S,
                       headers={"Range": "bytes=-70000"})
    assert tail.status_code == 206 and tail.content == back.content[-70000:]


def test_websocket(tls, session, certificate, photo):
    def connect_from(scheme):
        return websocket.create_connection(
            f"wss://localhost:{tls.tls_port}/realtime", timeout=PATIENCE_S,
            origin=f"{scheme}://localhost:{tls.tls_port}",
            sslopt={"ca_certs": str(certificate / "cert.pem")})

    with pytest.raises(websocket.WebSocketBadStatusException) as refusal:
        connect_from("http")                  # a page that came unprotected is another origin
    assert refusal.value.status_code == 403
    ws = connect_from("https")
    token = session.headers["Authorization"].split()[1]
    ws.send(json.dumps({"type": "auth", "token": token}))
    ws.send(json.dumps({"type": "subscribe", "channel": "media_updates"}))
    heard = [json.loads(ws.recv())["type"] for _ in range(3)]
    assert heard == ["welcome", "auth_ok", "subscribed"]
    with open(photo, "rb") as f:
        media = session.post(tls.tls_api + "/media/upload", files={"file": (photo.name, f)},
                             timeout=PATIENCE_S).json()["data"]
    events = []
    while not events or events[-1]["event"] != "media.ready":
        events.append(json.loads(ws.recv()))
    assert events[0]["event"] == "media.uploaded"
    assert {event["resource_id"] for event in events} == {media["id"]}
    tls.stop()
    opcode, data = ws.recv_data()
    assert opcode == websocket.ABNF.OPCODE_CLOSE and int.from_bytes(data[:2], "big") == 4200
    ws.close()


def test_pipelined_requests(tls):
    one = b"GET /health HTTP/1.1\r\nHost: hub\r\n\r\n"
    with connect(tls) as s:
        s.sendall(one * 20 + one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        answers = b"".join(iter(lambda: s.recv(65536), b""))
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 21
    # The end was told by close_notify: without it recv() would have raised SSLEOFError.


def test_who_sends_all_before_reading_sees_the_refusal(tls):
    connection = http.client.HTTPSConnection("127.0.0.1", tls.tls_port, timeout=PATIENCE_S,
                                             context=tls.context)
    connection.request("POST", "/api/v1/media/upload", body=bytes(10 << 20))
    assert connection.getresponse().status == 401
    connection.close()


@pytest.mark.filterwarnings("ignore:ssl.OP_NO:DeprecationWarning")
def test_what_is_spoken(tls):
    with connect(tls) as s:
        assert s.version() == "TLSv1.3"
    offer = ssl.create_default_context()
    offer.check_hostname, offer.verify_mode = False, ssl.CERT_NONE
    offer.set_alpn_protocols(["h2", "http/1.1"])
    with connect(tls, offer) as s:
        assert s.selected_alpn_protocol() == "http/1.1"
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.options |= ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TLSv1_3
    with pytest.raises(OSError):
        connect(tls, old)


def test_plain_bytes_get_nothing(tls):
    with socket.create_connection(("127.0.0.1", tls.tls_port), timeout=PATIENCE_S) as s:
        s.sendall(b"GET /health HTTP/1.1\r\nHost: hub\r\n\r\n")
        try:
            assert b"HTTP/1.1 200" not in s.recv(65536)
        except ConnectionResetError:
            pass
    assert requests.get(tls.url + "/health", timeout=PATIENCE_S).status_code == 200


def connections(hub):
    figures = requests.get(hub.url + "/metrics", timeout=PATIENCE_S).text
    return int(re.search(r"^mediahub_connections (\d+)$", figures, re.M)[1])


def test_stop_with_connections_in_every_state(tls, session, photo):
    """Idle, silent before the handshake, in the middle of a head, of a body and of a download."""
    media = tls.upload(session, photo).json()["data"]
    head = b"GET " + media["url"].encode() + b" HTTP/1.1\r\nHost: hub\r\n"
    idle, in_head, in_body, in_answer = (connect(tls) for _ in range(4))
    silent = socket.create_connection(("127.0.0.1", tls.tls_port), timeout=PATIENCE_S)
    idle.sendall(b"GET /health HTTP/1.1\r\nHost: hub\r\n\r\n")
    assert idle.recv(65536).startswith(b"HTTP/1.1 200")
    in_head.sendall(head[:20])
    in_body.sendall(b"POST /api/v1/auth/login HTTP/1.1\r\nHost: hub\r\nContent-Length: 10\r\n"
                    b"Content-Type: application/json\r\n\r\n{")
    in_answer.sendall(head + b"\r\n")
    assert in_answer.recv(100).startswith(b"HTTP/1.1 200")
    wait_for(lambda: connections(tls) > 5, "all five, and the one that asks")
    tls.stop()
    for s in (idle, in_head, in_body, in_answer, silent):
        s.close()


@pytest.mark.parametrize("cert,key,told", [
    ("none.pem", "key.pem", "none.pem"), ("cert.pem", "none.pem", "none.pem"),
    ("key.pem", "key.pem", "gateway: the certificate or its key cannot be used")])
def test_a_certificate_that_cannot_be_used(make_hub, certificate, cert, key, told):
    hub = make_hub("--tls-cert", str(certificate / cert), "--tls-key", str(certificate / key),
                   "--listen-tls", f"127.0.0.1:{free_port()}", start=False)
    hub.expect_deaths()
    hub.start(wait=False)
    assert hub.process.wait(PATIENCE_S) == 1
    hub._forget_process()
    said = [line for line in hub.log_text().splitlines() if not line.startswith("{")
            and "makecontext" not in line]
    assert told in said[0], said
