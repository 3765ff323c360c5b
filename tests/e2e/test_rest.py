"""REST of Media Vault as a client sees it: envelopes, limits, errors, ranges, pages."""
import re
import subprocess
import time

import pytest
import requests
from harness import BUILD, PATIENCE_S
from people import add_user


def assert_error(answer, status, code):
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["success"] is False and body["error"]["code"] == code, body
    assert isinstance(body["error"]["message"], str) and isinstance(body["error"]["details"], list)
    assert body["meta"]["request_id"] == answer.headers["X-Request-Id"]
    return body["error"]


def test_login_answers_bare_and_wrapped(hub):
    body = requests.post(hub.api + "/auth/login", timeout=PATIENCE_S,
                         json={"username": "admin", "password": "correct horse battery"}).json()
    assert body["success"] is True and body["token_type"] == "Bearer" and body["expires_in"] == 3600
    assert body["data"]["token"] == body["token"] and body["token"].count(".") == 2
    me = hub.session(body["token"]).get(hub.api + "/users/me").json()["data"]
    assert me["username"] == "admin" and me["is_admin"] is True
    assert set(me) == {"id", "email", "username", "full_name", "avatar_url", "is_admin", "is_active",
                       "last_login", "created_at", "updated_at"}


def test_logout_ends_the_session_at_once(hub):
    session = hub.session()
    assert session.post(hub.api + "/auth/logout").status_code == 200
    assert_error(session.get(hub.api + "/users/me"), 401, "unauthorized")


def test_wrong_logins(hub):
    login = hub.api + "/auth/login"
    bad = requests.post(login, json={"username": "admin", "password": "wrong"}, timeout=PATIENCE_S)
    unknown = requests.post(login, json={"username": "nobody", "password": "x"}, timeout=PATIENCE_S)
    assert assert_error(bad, 401, "unauthorized") == assert_error(unknown, 401, "unauthorized")
    assert bad.headers["WWW-Authenticate"].startswith("Bearer")
    error = assert_error(requests.post(login, json={"username": "admin"}, timeout=PATIENCE_S),
                         400, "validation_error")
    assert error["details"][0]["field"] == "password"


@pytest.mark.parametrize("method,path,status,code", [
    ("GET", "/users/me", 401, "unauthorized"),
    ("GET", "/no/such/thing", 404, "not_found"),
    ("DELETE", "/users/me", 405, "method_not_allowed"),
    ("POST", "/auth/login", 415, "unsupported_media_type"),
])
def test_errors_wear_the_envelope(hub, method, path, status, code):
    answer = requests.request(method, hub.api + path, timeout=PATIENCE_S,
                              data=b"<x/>" if method == "POST" else None,
                              headers={"Content-Type": "text/xml"} if method == "POST" else {})
    assert_error(answer, status, code)
    for header in ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"):
        assert answer.headers[header].isdigit()
    if status == 405:
        assert "GET" in answer.headers["Allow"]


def test_rate_limit(make_hub):
    hub = make_hub(env={"MEDIAHUB_LIMITS_ANONYMOUS": "5"})
    # All five and the sixth must fall into one window of 60 s.
    while time.time() % 60 > 50:
        requests.get(hub.url + "/health", timeout=PATIENCE_S)
    answers = [requests.get(hub.api + "/users/me", timeout=PATIENCE_S) for _ in range(6)]
    assert [a.status_code for a in answers] == [401] * 5 + [429]
    assert [int(a.headers["X-RateLimit-Remaining"]) for a in answers] == [4, 3, 2, 1, 0, 0]
    assert_error(answers[-1], 429, "rate_limited")
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert abs(int(answers[-1].headers["X-RateLimit-Reset"]) - time.time()) <= 60


def test_ranges_and_conditions(hub, photo):
    session = hub.session()
    media = hub.upload(session, photo).json()["data"]
    url, whole = f"{hub.api}/media/{media['id']}/content", photo.read_bytes()
    full = session.get(url)
    assert full.content == whole and full.headers["Accept-Ranges"] == "bytes"
    etag = full.headers["ETag"]
    for spec, expected in [("bytes=0-99", whole[:100]), ("bytes=-50", whole[-50:]),
                           (f"bytes={len(whole) - 10}-", whole[-10:]), ("bytes=5-5", whole[5:6])]:
        part = session.get(url, headers={"Range": spec})
        assert part.status_code == 206 and part.content == expected
        assert re.fullmatch(rf"bytes \d+-\d+/{len(whole)}", part.headers["Content-Range"])
    assert session.get(url, headers={"Range": "bytes=0-9", "If-Range": '"other"'}).status_code == 200
    unsatisfiable = session.get(url, headers={"Range": f"bytes={len(whole)}-"})
    assert unsatisfiable.status_code == 416
    assert unsatisfiable.headers["Content-Range"] == f"bytes */{len(whole)}"
    assert session.get(url, headers={"If-None-Match": etag}).status_code == 304
    head = session.head(url)
    assert head.status_code == 200 and int(head.headers["Content-Length"]) == len(whole)


def test_media_answers_are_kept_apart(hub, photo):
    session = hub.session()
    media = hub.upload(session, photo).json()["data"]
    whole = session.get(f"{hub.api}/media/{media['id']}/content")
    for headers in ({}, {"Range": "bytes=0-9"}, {"If-None-Match": whole.headers["ETag"]}):
        answer = requests.get(hub.url + media["url"], headers=headers, timeout=PATIENCE_S)
        assert answer.status_code in (200, 206, 304)
        assert answer.headers["Content-Security-Policy"] == "sandbox"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_links_hold_while_their_user_may_see(hub, photo):
    admin, ada, bob = hub.session(), *(add_user(hub, name)[1] for name in ("ada", "bob"))
    media = hub.upload(ada, photo).json()["data"]
    path = f"{hub.api}/media/{media['id']}"
    hub.wait_status(ada, media["id"], "ready")
    assert ada.patch(path, json={"is_public": True}).status_code == 200
    links = {name: [hub.url + record[key] for key in ("url", "thumbnail_url")]
             for name, session in (("ada", ada), ("bob", bob), ("admin", admin))
             for record in [session.get(path).json()["data"]]}

    def statuses(name):
        return [requests.get(link, timeout=PATIENCE_S).status_code for link in links[name]]

    assert [statuses(name) for name in links] == [[200, 200]] * 3
    assert ada.patch(path, json={"is_public": False}).status_code == 200
    assert [statuses(name) for name in links] == [[200, 200], [404, 404], [200, 200]]
    assert ada.patch(path, json={"is_public": True}).status_code == 200
    assert statuses("bob") == [200, 200]

    def user(command):
        subprocess.run([BUILD / "bin/mediahub", "user", command, "bob", "--data", hub.data],
                       cwd=hub.folder, env=hub.env, check=True, timeout=PATIENCE_S,
                       stdout=subprocess.DEVNULL)

    user("disable")
    assert [statuses(name) for name in links] == [[200, 200], [403, 403], [200, 200]]
    user("enable")
    assert statuses("bob") == [200, 200]


def test_pages(hub, photo):
    session = hub.session()
    ids = [hub.upload(session, photo, title=f"t{i}").json()["data"]["id"] for i in range(5)]
    body = session.get(hub.api + "/media", params={"per_page": 2, "page": 2}).json()
    assert [m["id"] for m in body["data"]] == [ids[2], ids[1]]
    assert body["meta"]["pagination"] == {
        "total": 5, "count": 2, "per_page": 2, "current_page": 2, "total_pages": 3,
        "links": {"next": "/media?page=3&per_page=2", "prev": "/media?page=1&per_page=2"}}
    assert session.get(hub.api + "/media", params={"page": 9}).json()["data"] == []
    assert_error(session.get(hub.api + "/media", params={"page": 0}), 400, "validation_error")
    assert_error(session.get(hub.api + "/media", params={"page": "x"}), 400, "validation_error")
    clamped = session.get(hub.api + "/media", params={"per_page": 1000}).json()
    assert clamped["meta"]["pagination"]["per_page"] == 100


def test_upload_without_file_part(hub):
    answer = hub.session().post(hub.api + "/media/upload", files={"other": ("a", b"b")})
    assert assert_error(answer, 400, "validation_error")["details"][0]["field"] == "file"


def test_uploads_past_a_bound(make_hub, photo):
    hub = make_hub(env={"MEDIAHUB_UPLOAD_MAX_BYTES": "1M"})
    session = hub.session()
    error = assert_error(hub.upload(session, photo), 413, "payload_too_large")
    assert error["details"][0]["field"] == "file"
    # The same without a length told in advance: noticed on the way.
    form = requests.Request("POST", "http://x/", files={"file": ("a.jpg", photo.read_bytes())}).prepare()
    answer = session.post(hub.api + "/media/upload", data=(form.body[i:i + 50000] for i in
                                                           range(0, len(form.body), 50000)),
                          headers={"Content-Type": form.headers["Content-Type"]})
    assert_error(answer, 413, "payload_too_large")
    assert not list((hub.data / "store/incoming").iterdir())


def test_full_disk(make_hub, photo):
    hub = make_hub(env={"MEDIAHUB_STORE_RESERVE": "900000G"})
    assert_error(hub.upload(hub.session(), photo), 507, "insufficient_storage")
    assert not list((hub.data / "store/incoming").iterdir())


def test_other_peoples_media_do_not_exist(hub, photo):
    admin = hub.session()
    media = hub.upload(admin, photo).json()["data"]
    for path in ("", "/content", "/thumbnail"):
        answer = requests.get(f"{hub.api}/media/{media['id']}{path}", timeout=PATIENCE_S)
        assert answer.status_code == 401
    tampered = media["url"].replace("sig=", "sig=A")
    assert requests.get(hub.url + tampered, timeout=PATIENCE_S).status_code == 401
