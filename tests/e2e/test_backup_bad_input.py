"""Bytes that no client of the Backup Repository should send: each has its status, and its answer is in
this API's own shape. A further case is a further line."""
import json

import pytest
from backup_client import BackupClient, BackupFolder, armoured
from harness import PATIENCE_S, Hub
from raw_client import ask, connect, read_answer

LOGIN = "/api/stable/auth/login"
VERSION = "/api/stable/repository/collection/iwa-ait/version"
DEEP = b'{"username":' + b"[" * 800 + b"]" * 800 + b"}"
ARMOURED = armoured(500)


def http(start, *fields, body=b""):
    head = "\r\n".join([f"{start} HTTP/1.1", "Host: x", *fields, "", ""])
    return head.encode("latin-1") + body


def sized(start, body, *fields):
    return http(start, *fields, f"Content-Length: {len(body)}", body=body)


def login(body, kind="application/json"):
    return sized(f"POST {LOGIN}", body, f"Content-Type: {kind}")


def upload(body, *fields, path=VERSION):
    return lambda token: sized(f"POST {path}", body, f"Authorization: Bearer {token}", *fields)


def form(*parts):
    body = b"".join(b"--cut\r\nContent-Disposition: " + head + b"\r\n\r\n" + content + b"\r\n"
                    for head, content in parts)
    return upload(body + b"--cut--\r\n", "Content-Type: multipart/form-data; boundary=cut")


def signed(start, *fields, body=b""):
    return lambda token: http(start, f"Authorization: Bearer {token}", *fields, body=body)


FILE = b'form-data; name="file"; filename="b.asc"'

# what it is, the bytes (or a function of the token that makes them), status
CASES = [
    # The head
    ("a target of 10 kB", http("GET /api/stable/auth/user/" + "a" * 10000), 414),
    ("a target without end", b"GET /api/stable/auth/whoami?token=" + b"a" * 40000, 414),
    ("a header of 100 kB", http("GET /api/stable/auth/whoami", "Authorization: Bearer " + "a" * 100000),
     431),
    ("bare line feeds", b"GET /api/stable/auth/whoami HTTP/1.1\nHost: x\n\n", 400),
    ("a folded header", http("GET /api/stable/auth/whoami", "A: b\r\n c"), 400),
    ("no host", b"GET /api/stable/auth/whoami HTTP/1.1\r\n\r\n", 400),
    ("two lengths", http(f"POST {LOGIN}", "Content-Length: 2", "Content-Length: 3", body=b"{}"), 400),
    ("length and chunks", http(f"POST {LOGIN}", "Content-Length: 2", "Transfer-Encoding: chunked",
                               body=b"0\r\n\r\n"), 400),
    ("a length that is none", http(f"POST {LOGIN}", "Content-Length: -1"), 400),
    ("an unknown coding", http(f"POST {LOGIN}", "Transfer-Encoding: gzip"), 501),
    ("another protocol", b"GET /api/stable/auth/whoami HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    # The path
    ("no such path", http("GET /api/stable/none"), 404),
    ("another method", signed(f"PATCH {LOGIN}"), 404),
    ("an unheard method", signed(f"BREW {LOGIN}"), 404),
    ("up in the path", signed("GET /api/stable/auth/user/.."), 400),
    ("up, written otherwise", signed("GET /api/stable/auth/user/%2e%2E"), 400),
    ("up and down", signed("GET /api/stable/auth/user/..%2f..%2fsecrets"), 400),
    ("NUL", signed("GET /api/stable/auth/user/a%00b"), 400),
    ("half an escape", signed("GET /api/stable/auth/user/a%2"), 400),
    ("no UTF-8", signed("GET /api/stable/auth/user/%ff"), (400, 404)),
    ("a dot in front", signed("GET /api/stable/auth/user/.bashrc"), 404),
    ("half an escape in the query", signed("GET /api/stable/auth/token?userName=%x"), 400),
    ("a session that is none", signed("DELETE /api/stable/auth/logout?sessionId=%27%20OR%201"), 404),
    ("the same twice", signed("GET /api/stable/auth/token?userName=a&userName=b"), 400),
    # Logging in
    ("nothing", login(b""), 401),
    ("half of it", login(b'{"username":"admin","pass'), 401),
    ("800 levels", login(DEEP), 401),
    ("twice the same", login(b'{"username":"a","username":"b","password":"c"}'), 401),
    ("NUL in a name", login(json.dumps({"username": "a\0b", "password": "c"}).encode()), 401),
    ("no UTF-8 in it", login(b'{"username":"\xff","password":"c"}'), 401),
    ("a form with half an escape", login(b"username=%x&password=c", "application/x-www-form-urlencoded"),
     401),
    ("20 kB", login(b" " * 20000), 413),
    ("XML", login(b"<a/>", "text/xml"), 401),
    # Tokens
    ("no token", http("GET /api/stable/auth/whoami"), 401),
    ("a token of dots", http("GET /api/stable/auth/whoami?token=..."), 401),
    ("a cookie without a token", http("GET /api/stable/auth/whoami", "Cookie: jwt=; =; jwt"), 401),
    # Uploads
    ("nothing at all", upload(b""), 500),
    ("the end first", upload(b"-----END PGP MESSAGE-----\n"), 500),
    ("a blank in front", upload(b" " + ARMOURED), 500),
    ("something behind", upload(ARMOURED + b"more"), 500),
    ("a form without a file", form((b'form-data; name="other"', ARMOURED)), (400, 500)),
    ("a part without a name", form((b"form-data", ARMOURED)), 400),
    ("two files", form((FILE, ARMOURED), (FILE, ARMOURED)), (400, 500)),
    ("a form that ends early", upload(b"--cut\r\nContent-Disposition: " + FILE + b"\r\n\r\n" + ARMOURED,
                                      "Content-Type: multipart/form-data; boundary=cut"), 400),
    ("a form without a boundary", upload(ARMOURED, "Content-Type: multipart/form-data"), 400),
    ("a chunk that is none", signed(f"POST {VERSION}", "Transfer-Encoding: chunked",
                                    body=b"zz\r\n"), 400),
    ("a path in the collection's place", upload(
        ARMOURED, path="/api/stable/repository/collection/..%2fiwa-ait/version"), 400),
    ("a backup's number that is none", signed(f"GET {VERSION}/1%2f2"), 404),
    ("a range that is none", signed(f"GET {VERSION}/latest", "Range: bytes=99999999-"), 416),
]
# Clients tell a refused token or login from other refusals by this form.
TOKEN_REFUSAL = {"code", "data", "message", "status"}
OTHER_REFUSAL = {"data", "error", "status"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """One for all cases: whatever is sent, the next is served."""
    files = BackupFolder(tmp_path_factory.mktemp("backup") / "files")
    hub = Hub(tmp_path_factory.mktemp("hub"), files.options()).start()
    BackupClient(hub).uploaded("iwa-ait", ARMOURED)
    yield hub
    versions = [v["versionNumber"] for v in BackupClient(hub).versions("iwa-ait")]
    assert versions == [1]
    assert not list((hub.data / "store/incoming").iterdir())
    hub.stop()
    hub.check_log()


@pytest.fixture(scope="module")
def token(hub):
    return BackupClient(hub).token


@pytest.mark.parametrize("request_bytes,status", [
    pytest.param(*row[1:], id=row[0]) for row in CASES])
def test_case(hub, token, request_bytes, status):
    answer = ask(hub, request_bytes if isinstance(request_bytes, bytes) else request_bytes(token))
    assert answer.status in (status if isinstance(status, tuple) else (status,)), answer
    body = answer.json()
    assert body["status"] is False and body["data"] == {}, body
    if answer.status == 401:
        assert set(body) == TOKEN_REFUSAL and body["code"] == 401 and body["message"], body
        assert answer.headers["www-authenticate"] == "JWT realm=backup-repository"
    else:
        assert set(body) == OTHER_REFUSAL and body["error"], body
    assert answer.status != 416 or "content-range" in answer.headers, answer
    assert "x-request-id" in answer.headers, answer


def test_a_body_that_never_comes(hub):
    """The next requests are served meanwhile; this one is told in the end."""
    with connect(hub) as connection:
        connection.sendall(http(f"POST {LOGIN}", "Content-Type: application/json",
                                "Content-Length: 40", body=b"{"))
        BackupClient(hub)
        connection.settimeout(2 * PATIENCE_S)
        answer = read_answer(connection)
    assert answer.status == 408
    assert answer.json() == {"data": {}, "error": "Request took too long", "status": False}
