"""Behind reverse proxies: one that is trusted (127.0.0.2) and one that nobody has named (127.0.0.1)."""
import json
import socket

import pytest
from harness import PATIENCE_S
from raw_client import Answer

UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
PROXY, STRANGER = "127.0.0.2", "127.0.0.1"


@pytest.fixture
def hub(make_hub):
    return make_hub("--trusted-proxies", f"192.0.2.0/24, {PROXY}",
                    env={"MEDIAHUB_LIMITS_ANONYMOUS": "100"})


def get(hub, path, *headers, by=PROXY):
    with socket.create_connection(("127.0.0.1", hub.port), PATIENCE_S, (by, 0)) as connection:
        lines = [f"GET {path} HTTP/1.1", "Host: inner:8080", *headers, "", ""]
        connection.sendall("\r\n".join(lines).encode())
        return Answer(connection.makefile("rb"))


def upgrade(hub, *headers, by=PROXY):
    """The status of a WebSocket's handshake."""
    with socket.create_connection(("127.0.0.1", hub.port), PATIENCE_S, (by, 0)) as connection:
        lines = ["GET /realtime HTTP/1.1", "Host: inner:8080", *UPGRADE, *headers, "", ""]
        connection.sendall("\r\n".join(lines).encode())
        return int(connection.makefile("rb").readline().split()[1])


def me(hub, *headers, by=PROXY):
    return get(hub, "/api/v1/users/me", *headers, by=by)


def warnings(hub):
    return [json.loads(line) for line in hub.log_text().splitlines()
            if '"forwarding_headers_ignored"' in line]


def test_proxies(hub, photo):
    # Every client has a window of its own, whatever its port and its spelling.
    for client in ("X-Forwarded-For: 203.0.113.1:40001", "X-Forwarded-For: [2001:db8::1]:40001",
                   "Forwarded: for=203.0.113.2:1;proto=https",
                   'Forwarded: for="[2001:db8:1::1]:4711";proto=https;by=_gate'):
        answer = me(hub, client, "X-Forwarded-Proto: https" if client[0] == "X" else "Via: x")
        assert (answer.status, answer.headers["x-ratelimit-remaining"]) == (401, "99"), client
    for i, client in enumerate(("203.0.113.1", "203.0.113.1:40002", "::ffff:203.0.113.1")):
        answer = me(hub, f"X-Forwarded-For: {client}", "X-Forwarded-Proto: https,http")
        assert answer.headers["x-ratelimit-remaining"] == str(98 - i), client

    # Who is away needs HTTPS, and only the proxy's word of it counts.
    assert me(hub, "X-Forwarded-For: 203.0.113.3").status == 403
    assert me(hub, "Forwarded: for=203.0.113.3;proto=http").status == 403
    assert me(hub, "Forwarded: for=_hidden").status == 403
    assert me(hub, "X-Forwarded-For: 127.0.0.1").status == 401

    # Links and the pages of this very host have the name that the client used.
    session = hub.session()
    for _ in range(2):
        assert hub.upload(session, photo).status_code == 201
    token = session.headers["Authorization"]
    for said in (("X-Forwarded-For: 203.0.113.4", "X-Forwarded-Proto: https",
                  "X-Forwarded-Host: hub.example:8443"),
                 ('Forwarded: for=203.0.113.4;proto=https;host="hub.example:8443"',)):
        answer = get(hub, "/api/v1/media?per_page=1", f"Authorization: {token}", *said)
        assert answer.headers["link"].startswith("<https://hub.example:8443/api/v1/media?"), answer
        assert upgrade(hub, *said, "Origin: https://hub.example:8443") == 101
        assert upgrade(hub, *said, "Origin: https://inner:8080") == 403
    assert not warnings(hub)

    # From others the same means nothing, and is said once a minute with the setting's name.
    for _ in range(3):
        answer = me(hub, "X-Forwarded-For: 203.0.113.5", "X-Forwarded-Proto: http", by=STRANGER)
        assert answer.status == 401
        assert upgrade(hub, "Forwarded: for=203.0.113.5;host=hub.example",
                       "Origin: http://hub.example", by=STRANGER) == 403
    assert [(w["level"], w["ip"], w["setting"]) for w in warnings(hub)] == [
        ("warn", STRANGER, "trusted_proxies")]
