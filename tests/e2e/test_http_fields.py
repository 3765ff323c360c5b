"""Header fields as foreign clients and proxies send them: lists over several lines, ports that need
not be there, conditions, codings, versions."""
import concurrent.futures
import gzip
import json

import pytest
import requests
from harness import PATIENCE_S
from raw_client import KEY, ask

LOGIN = json.dumps({"username": "admin", "password": "correct horse battery"}).encode()


def upgrade(hub, *lines, host="hub"):
    return ask(hub, "\r\n".join([
        "GET /realtime HTTP/1.1", f"Host: {host}", f"Sec-WebSocket-Key: {KEY}",
        "Sec-WebSocket-Version: 13", *lines, "", ""]).encode())


def request(hub, method, path, *lines, body=b"", version="1.1"):
    return ask(hub, "\r\n".join([f"{method} {path} HTTP/{version}", "Host: hub", *lines, "", ""])
               .encode() + body)


def test_upgrades_as_proxies_send_them(hub):
    usual = ("Connection: Upgrade", "Upgrade: websocket")
    taken = [
        upgrade(hub, "Connection: keep-alive", "Connection: Upgrade", "Upgrade: websocket"),
        upgrade(hub, "Connection: Upgrade", "Connection: keep-alive", "Upgrade: websocket"),
        upgrade(hub, "Connection: upgrade", "Upgrade: h2c", "Upgrade: websocket"),
        upgrade(hub, *usual, "Content-Length: 0"),
        upgrade(hub, *usual, "Origin: http://example.com", host="example.com:80"),
        upgrade(hub, *usual, "Origin: http://example.com:80", host="example.com"),
        upgrade(hub, *usual, f"Origin: http://127.0.0.1:{hub.port}", host=f"127.0.0.1:{hub.port}"),
    ]
    assert [answer.status for answer in taken] == [101] * len(taken), taken
    refused = [
        (426, upgrade(hub, "Connection: keep-alive", "Connection: close", "Upgrade: websocket")),
        (400, upgrade(hub, *usual, "Content-Length: 3", "", "abc")),
        (400, upgrade(hub, *usual, "Transfer-Encoding: chunked", "", "0", "")),
        (403, upgrade(hub, *usual, "Origin: http://example.com:81", host="example.com:80")),
        (403, upgrade(hub, *usual, "Origin: https://example.com", host="example.com:80")),
    ]
    for status, answer in refused:
        assert answer.status == status, answer


def test_subprotocols_over_several_lines(hub):
    one = upgrade(hub, "Connection: Upgrade", "Upgrade: websocket",
                  "Sec-WebSocket-Protocol: soap", "Sec-WebSocket-Protocol: mediavault.v1, wamp")
    same = upgrade(hub, "Connection: Upgrade", "Upgrade: websocket",
                   "Sec-WebSocket-Protocol: soap, mediavault.v1, wamp")
    assert one.status == same.status == 101
    for answer in (one, same):
        assert answer.headers["sec-websocket-protocol"] == "mediavault.v1"


@pytest.mark.parametrize("version,status", [("1.2", 200), ("1.9", 200), ("2.0", 505), ("0.9", 505)])
def test_versions(hub, version, status):
    answer = request(hub, "GET", "/health", version=version)
    assert answer.status == status
    if status == 200:
        assert "connection" not in answer.headers      # kept, as HTTP/1.1 is


def test_json_after_a_byte_order_mark(hub):
    for path, body in (("/api/v1/auth/login", LOGIN), ("/api/stable/auth/login", LOGIN)):
        plain = requests.post(hub.url + path, body, timeout=PATIENCE_S,
                              headers={"Content-Type": "application/json"})
        marked = requests.post(hub.url + path, b"\xef\xbb\xbf" + body, timeout=PATIENCE_S,
                               headers={"Content-Type": "application/json"})
        assert marked.status_code == plain.status_code != 400, marked.text


def test_coded_bodies_are_refused(hub, photo):
    session = hub.session()
    for coding in ("gzip", "br", "identity, gzip", "x-gzip"):
        answer = session.post(hub.api + "/auth/login", gzip.compress(LOGIN), timeout=PATIENCE_S,
                              headers={"Content-Type": "application/json", "Content-Encoding": coding})
        assert answer.status_code == 415 and answer.headers["Accept-Encoding"] == "identity"
    answer = session.post(hub.api + "/media/upload", files={"file": open(photo, "rb")},
                          headers={"Content-Encoding": "gzip"}, timeout=PATIENCE_S)
    assert answer.status_code == 415
    assert request(hub, "POST", "/api/v1/auth/login", "Content-Type: application/json",
                   "Content-Encoding: identity", "Content-Encoding: deflate",
                   f"Content-Length: {len(LOGIN)}", body=LOGIN).status == 415
    answer = session.post(hub.api + "/auth/login", LOGIN, timeout=PATIENCE_S,
                          headers={"Content-Type": "application/json", "Content-Encoding": "Identity"})
    assert answer.status_code == 200


def test_options_lists_the_methods_of_the_path(hub):
    def allowed(path):
        answer = requests.options(hub.api + path, timeout=PATIENCE_S)
        assert answer.status_code == 204
        return set(answer.headers["Allow"].split(", "))

    assert allowed("/media/upload") == {"OPTIONS", "POST"}
    assert allowed("/media/media_x") == {"OPTIONS", "GET", "HEAD", "PATCH", "DELETE"}
    assert allowed("/media") == {"OPTIONS", "GET", "HEAD"}
    assert requests.options(hub.api + "/nothing", timeout=PATIENCE_S).status_code == 404
    answer = requests.put(hub.api + "/media/upload", timeout=PATIENCE_S)
    assert answer.status_code == 405 and answer.headers["Allow"] == "OPTIONS, POST"


def test_conditions_on_content(hub, photo):
    session = hub.session()
    media = hub.upload(session, photo).json()["data"]
    url = hub.url + media["url"]
    plain = session.get(url, timeout=PATIENCE_S)
    etag, modified = plain.headers["ETag"], plain.headers["Last-Modified"]
    old, future = "Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 31 Dec 2100 00:00:00 GMT"
    rows = [
        (304, {"If-Modified-Since": modified}),
        (304, {"If-Modified-Since": future}),
        (200, {"If-Modified-Since": old}),
        (200, {"If-Modified-Since": "Sunday, 06-Nov-94 08:49:37 GMT"}),
        (200, {"If-Modified-Since": "today"}),
        (200, {"If-None-Match": '"x"', "If-Modified-Since": modified}),
        (304, {"If-None-Match": f'"x", W/{etag}', "If-Modified-Since": old}),
        (200, {"If-Unmodified-Since": modified}),
        (412, {"If-Unmodified-Since": old}),
        (200, {"If-Match": etag, "If-Unmodified-Since": old}),
        (200, {"If-Match": "*"}),
        (412, {"If-Match": '"x"'}),
        (412, {"If-Match": f"W/{etag}"}),
        (412, {"If-Match": '"x"', "If-None-Match": etag}),
        (206, {"If-Match": etag, "Range": "bytes=0-3"}),
        (412, {"If-Match": '"x"', "Range": "bytes=0-3"}),
        (304, {"If-None-Match": etag, "Range": "bytes=0-3"}),
        (206, {"If-Range": etag, "Range": "bytes=0-3"}),
        (206, {"If-Range": modified, "Range": "bytes=0-3"}),
        (200, {"If-Range": old, "Range": "bytes=0-3"}),
        (416, {"Range": "bytes=999999999-"}),
    ]
    for method in ("GET", "HEAD"):
        for status, headers in rows:
            if method == "HEAD" and status in (206, 416):
                status = 200                            # ranges are for GET
            answer = session.request(method, url, headers=headers, timeout=PATIENCE_S)
            assert answer.status_code == status, (method, headers, answer.status_code)
            if status == 304:
                assert answer.headers["ETag"] == etag and not answer.content
                assert answer.headers["Last-Modified"] == modified
    lines = (f'If-None-Match: "x"', f"If-None-Match: {etag}")
    path = media["url"]
    assert request(hub, "GET", path, *lines).status == 304
    assert request(hub, "GET", path, *(line.replace("None-", "") for line in lines),
                   "Range: bytes=0-3").status == 206


def test_conditions_on_documents(hub):
    url = hub.api + "/openapi.json"
    etag = requests.get(url, timeout=PATIENCE_S).headers["ETag"]
    for status, headers in [(304, {"If-None-Match": etag}), (200, {"If-Match": etag}),
                            (412, {"If-Match": '"x"'})]:
        assert requests.get(url, headers=headers, timeout=PATIENCE_S).status_code == status


def test_conditions_on_changes(hub, photo):
    session = hub.session()
    media_id = hub.upload(session, photo).json()["data"]["id"]
    hub.wait_status(session, media_id, "ready")
    url = f"{hub.api}/media/{media_id}"
    first = session.get(url, timeout=PATIENCE_S).headers["ETag"]
    assert session.get(url, headers={"If-None-Match": first}, timeout=PATIENCE_S).status_code == 304

    def change(title, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return session.patch(url, json={"title": title}, headers=headers, timeout=PATIENCE_S)

    changed = change("second", If_Match=f'"x", {first}')
    assert changed.status_code == 200
    second = changed.headers["ETag"]
    assert second != first and session.get(url, timeout=PATIENCE_S).headers["ETag"] == second
    updated = changed.json()["data"]["updated_at"]
    refused = change("third", If_Match=first)
    assert refused.status_code == 412 and refused.json()["error"]["code"] == "precondition_failed"
    assert change("third", If_Match=f"W/{second}").status_code == 412
    assert change("third", If_None_Match="*").status_code == 412
    assert change("third", If_Unmodified_Since="Sun, 06 Nov 1994 08:49:37 GMT").status_code == 412
    data = session.get(url, timeout=PATIENCE_S).json()["data"]
    assert (data["title"], data["updated_at"]) == ("second", updated)
    for headers in ({"If_Match": "*"}, {"If_Unmodified_Since": "Fri, 31 Dec 2100 00:00:00 GMT"}):
        assert change("third", **headers).status_code == 200
    assert session.delete(url, headers={"If-Match": second}, timeout=PATIENCE_S).status_code == 412
    assert change("", If_Match=first).status_code == 400       # what is wrong anyway comes first
    now = session.get(url, timeout=PATIENCE_S).headers["ETag"]
    assert session.delete(url, headers={"If-Match": now}, timeout=PATIENCE_S).status_code == 200
    assert session.delete(url, headers={"If-Match": "*"}, timeout=PATIENCE_S).status_code == 404


def test_of_changes_on_one_condition_one_is_made(hub, photo):
    session = hub.session()
    media_id = hub.upload(session, photo).json()["data"]["id"]
    hub.wait_status(session, media_id, "ready")
    url = f"{hub.api}/media/{media_id}"
    for _ in range(10):
        etag = session.get(url, timeout=PATIENCE_S).headers["ETag"]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda i: session.patch(
                url, json={"title": f"by {i}"}, headers={"If-Match": etag}, timeout=PATIENCE_S), range(4)))
        made = [answer.json()["data"]["title"] for answer in answers if answer.status_code == 200]
        assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
        assert session.get(url, timeout=PATIENCE_S).json()["data"]["title"] == made[0]
