"""The same over TLS, with a certificate of our own: REST, a large upload, WebSocket, protocol
versions, plain bytes on the port, and a stop with connections open."""
import hashlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess

import pytest
import requests
import websocket
from harness import PATIENCE_S, descendants, free_port, wait_for
from stream_client import StreamClient

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
            f"wss://127.0.0.1:{tls.tls_port}/realtime", timeout=PATIENCE_S,
            origin=f"{scheme}://127.0.0.1:{tls.tls_port}",
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


def test_stream(tls, session, photo):
    token = session.headers["Authorization"].split()[1]
    stream = StreamClient(tls, token, port=tls.tls_port, tls=tls.context)
    stream.wait("subscribed")
    with open(photo, "rb") as f:
        media = session.post(tls.tls_api + "/media/upload", files={"file": (photo.name, f)},
                             timeout=PATIENCE_S).json()["data"]
    stream.wait_event("media.ready", media["id"])
    tls.stop()
    assert stream.wait_closed()["code"] == 4200


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


def make_certificate(folder, name, *options):
    """A pair of files; both are exchanged in one step each, as whoever renews does."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", folder / "key.new", "-out", folder / "cert.new",
                    *(options or ("-nodes", "-days", "2"))], check=True, capture_output=True)
    (folder / "key.new").rename(folder / "key.pem")
    (folder / "cert.new").rename(folder / "cert.pem")


def write_faulty(folder, fault):
    """Returns the option of the file that is at fault."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    if fault == "encrypted key":
        make_certificate(folder, "hub", "-passout", "pass:secret", "-days", "2")
        return "--tls-key"
    make_certificate(folder, "hub")
    if fault == "no certificate":
        cert.unlink()
    elif fault == "no key":
        key.unlink()
    elif fault == "garbage certificate":
        cert.write_bytes(b"\x00\xff" * 500)
    elif fault == "half a certificate":
        cert.write_bytes(cert.read_bytes()[:300])
    elif fault == "garbage key":
        key.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    elif fault == "exchanged":
        cert.write_bytes(key.read_bytes())
    elif fault == "another's key":
        other = folder / "other"
        other.mkdir()
        make_certificate(other, "other")
        (other / "key.pem").rename(key)
    elif fault == "a folder":
        key.unlink()
        key.mkdir()
    elif fault == "expired":
        subprocess.run(["openssl", "x509", "-in", cert, "-signkey", key, "-days", "-1", "-out", cert],
                       check=True, capture_output=True)
    return "--tls-key" if "key" in fault or fault == "a folder" else "--tls-cert"


@pytest.mark.parametrize("fault", [
    "no certificate", "no key", "garbage certificate", "half a certificate", "garbage key",
    "exchanged", "another's key", "a folder", "encrypted key", "expired"])
def test_a_certificate_that_cannot_be_used(make_hub, tmp_path, fault):
    option = write_faulty(tmp_path, fault)
    hub = make_hub("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"),
                   "--listen-tls", f"127.0.0.1:{free_port()}", start=False)
    hub.start(wait=False)
    assert hub.process.wait(PATIENCE_S) == 1
    hub._forget_process()
    said = [line for line in hub.log_text().splitlines() if not line.startswith("{")]
    assert len(said) == 1 and said[0].startswith(f"mediahub: {option}: "), said
    assert str(tmp_path / ("key.pem" if option == "--tls-key" else "cert.pem")) in said[0]
    assert "child_started" not in hub.log_text() and not hub.data.exists()


@pytest.mark.filterwarnings("ignore:ssl.OP_NO:DeprecationWarning")
@pytest.mark.parametrize("ciphers,version,spoken", [
    ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLSv1.2", True),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", "TLSv1.2", True),
    ("ECDHE-ECDSA-AES128-SHA256", "TLSv1.2", False), ("ECDHE-ECDSA-AES256-SHA", "TLSv1.2", False),
    ("ECDHE-ECDSA-AES128-CCM", "TLSv1.2", False), ("aRSA:kRSA", "TLSv1.2", False),
    ("DHE", "TLSv1.2", False), ("ALL", "TLSv1.3", True)])
def test_only_ecdhe_with_aead(tls, ciphers, version, spoken):
    offer = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    offer.check_hostname, offer.verify_mode = False, ssl.CERT_NONE
    offer.maximum_version = offer.minimum_version = getattr(ssl.TLSVersion, version.replace(".", "_"))
    offer.set_ciphers(ciphers + ":@SECLEVEL=0")
    if not spoken:
        with pytest.raises(OSError):
            connect(tls, offer)
        return
    with connect(tls, offer) as s:
        name, protocol, _ = s.cipher()
        assert protocol == version and ("GCM" in name or "CHACHA20" in name)


def served(port):
    """The name in the certificate that a new connection sees."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as s:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(s) as wrapped:
            found = re.search(rb"renewed-\d|first", wrapped.getpeercert(binary_form=True))
            return found[0].decode()


def test_a_renewed_certificate_is_taken_up(make_hub, tmp_path):
    make_certificate(tmp_path, "first")
    port = free_port()
    hub = make_hub("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"),
                   "--listen-tls", f"127.0.0.1:{port}", "--gateways", "2")
    before = descendants(hub.process.pid)
    context = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    hub.tls_port = port
    def ask_again():
        """Whoever is silent for long is closed, so it is asked on the way too."""
        old.sendall(b"GET /health HTTP/1.1\r\nHost: hub\r\n\r\n")
        assert old.recv(65536).startswith(b"HTTP/1.1 200")

    with connect(hub, context) as old:
        ask_again()
        make_certificate(tmp_path, "renewed-1")                     # by watching the files
        wait_for(lambda: {served(port) for _ in range(8)} == {"renewed-1"}, "the renewed one")
        ask_again()
        (tmp_path / "cert.pem").write_text("garbage")               # the one before stays
        hub.process.send_signal(signal.SIGHUP)
        wait_for(lambda: hub.log_text().count('"certificate_refused"') >= 2, "the refusals")
        assert served(port) == "renewed-1"
        ask_again()
        make_certificate(tmp_path, "renewed-2")
        hub.process.send_signal(signal.SIGHUP)                      # at once
        wait_for(lambda: {served(port) for _ in range(8)} == {"renewed-2"}, "the second one", 5)
        ask_again()
    assert descendants(hub.process.pid) == before


def test_a_renewed_certificate_of_another_kind(make_hub, tmp_path):
    """One for ECDSA after one for RSA: clients that take both and those that take RSA alone."""
    def sign(name, *options):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", f"/CN={name}", "-keyout", tmp_path / f"{name}.key",
                        "-out", tmp_path / f"{name}.crt", *options], check=True, capture_output=True)

    def certificates(*options):
        told = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-showcerts",
                               *options], input=b"", capture_output=True, timeout=PATIENCE_S).stdout
        return told.count(b"BEGIN CERTIFICATE"), b"CN = first" in told

    sign("first")
    sign("above")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes((tmp_path / "first.crt").read_bytes())
    key.write_bytes((tmp_path / "first.key").read_bytes())
    port = free_port()
    hub = make_hub("--tls-cert", str(cert), "--tls-key", str(key),
                   "--listen-tls", f"127.0.0.1:{port}")
    rsa = ("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256")
    assert certificates() == certificates(*rsa) == (1, True)
    with open(cert, "ab") as f:                                     # only its chain is another
        f.write((tmp_path / "above.crt").read_bytes())
    hub.process.send_signal(signal.SIGHUP)
    wait_for(lambda: certificates() == (2, True), "the chain")
    make_certificate(tmp_path, "renewed-1")
    hub.process.send_signal(signal.SIGHUP)
    wait_for(lambda: certificates() == (1, False), "the renewed one")
    assert certificates(*rsa) == (0, False)


def test_no_hangup_kills(make_hub):
    def hears_or_ignores(pid):
        masks = pathlib.Path(f"/proc/{pid}/status").read_text()
        return any(int(mask, 16) >> signal.SIGHUP - 1 & 1
                   for mask in re.findall(r"^Sig(?:Ign|Cgt):\s*(\w+)", masks, re.M))

    hub = make_hub()
    hub.wait_worker()
    before = descendants(hub.process.pid)
    wait_for(lambda: all(map(hears_or_ignores, before)), "the start of all")
    for pid in [hub.process.pid, *before]:
        os.kill(pid, signal.SIGHUP)
    session = hub.session()
    assert session.get(hub.api + "/users/me", timeout=PATIENCE_S).status_code == 200
    wait_for(lambda: hub.log_text().count('"hangup"') >= 3, "the hangups")
    assert descendants(hub.process.pid) == before


def test_a_certificate_of_our_own(make_hub):
    port = free_port()
    hub = make_hub("--tls", "auto", "--listen-tls", f"0.0.0.0:{port}")
    made = hub.data / "tls/cert.pem"
    assert (hub.data / "tls/key.pem").stat().st_mode & 0o777 == 0o600
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(made.read_text())).hexdigest().upper()
    shown = ":".join(digest[i:i + 2] for i in range(0, 64, 2))
    assert f"certificate of this hub, SHA-256: {shown}\n" in hub.log_text()
    context = ssl.create_default_context(cafile=made)
    urls = [line.decode().split()[-1] for line in hub.told() if b"https://" in line]
    assert urls
    for host in {url.split("/")[2].rsplit(":")[0] for url in urls} | {"localhost", socket.gethostname()}:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as s:
            with context.wrap_socket(s, server_hostname=host) as wrapped:
                assert wrapped.version() == "TLSv1.3"
    hub.stop()
    hub.start()
    assert hub.log_text().count(shown) == 2                         # the same one
    hub.stop()
    made.write_text("garbage")
    hub.start()
    again = ssl.create_default_context(cafile=made)
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as s:
        again.wrap_socket(s, server_hostname="localhost").close()


def test_a_plain_request_from_elsewhere_is_told_the_way_on(make_hub):
    hub = make_hub(env={"MEDIAHUB_TRUSTED_PROXIES": "127.0.0.1"})
    answer = requests.get(hub.api + "/media", headers={"X-Forwarded-For": "192.168.1.7"},
                          timeout=PATIENCE_S)
    assert answer.status_code == 403
    for word in ("--tls auto", "8443", "trusted_proxies", "mediavault.require_https"):
        assert word in answer.text
