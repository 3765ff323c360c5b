"""One test per operation: the success that the schema shows, and its most likely refusal. An
operation without a function here fails test_every_operation_has_a_test."""
import contextlib
import pathlib
import re
import sys
import uuid

import backup_repository_checks
import pytest
import requests
import yaml
from backup_client import HEALTH_KEY
from contract import ROOT, asyncapi, document, operations
from harness import PATIENCE_S, wait_for
from socket_client import SocketClient

PHOTO = pathlib.Path("/usr/share/forensics-samples/original-files/pic2/IMG_20200124_231153.jpg")
ADMIN = {"username": "admin", "password": "correct horse battery"}


def code(answer):
    return answer.json()["error"]["code"]


def check_openapi_get(contract, hub):
    answer = contract.call("openapi_get", token=None)
    assert answer.json() == document("mediavault")
    contract.call("openapi_get", 304, token=None,
                  headers={"If-None-Match": answer.headers["ETag"]})
    alias = requests.get(hub.url + "/v1/openapi.json", timeout=PATIENCE_S)
    assert alias.content == answer.content and alias.headers["ETag"] == answer.headers["ETag"]


def check_hub_openapi_get(hub_contract):
    answer = hub_contract.call("hub_openapi_get")
    assert answer.json() == document("hub.yaml") and "/realtime" in answer.json()["paths"]
    hub_contract.call("hub_openapi_get", 304, headers={"If-None-Match": answer.headers["ETag"]})


def check_asyncapi_get(contract, hub):
    answer = contract.call("asyncapi_get", token=None)
    assert answer.json() == asyncapi()
    contract.call("asyncapi_get", 304, token=None, headers={"If-None-Match": answer.headers["ETag"]})


def check_auth_login(contract):
    body = contract.call("auth_login", token=None, json=ADMIN).json()
    assert body["expires_in"] == 3600
    assert all(body["data"][key] == body[key] for key in body["data"])
    refusals = [
        ({"username": "admin", "password": "wrong"}, 401, []),
        ({"username": "admin"}, 400, ["password"]),
        ({"username": "", "password": "x" * 1025, "more": 1}, 400, ["username", "password", "more"]),
        ([], 400, []),
    ]
    for body, status, fields in refusals:
        answer = contract.call("auth_login", status, token=None, json=body)
        assert [d["field"] for d in answer.json()["error"]["details"]] == fields
    contract.call("auth_login", 415, token=None, data="username=admin",
                  headers={"Content-Type": "application/x-www-form-urlencoded"})
    contract.call("auth_login", 413, token=None, json={"username": "a" * 20000})


def check_auth_refresh(contract):
    first = contract.call("auth_login", token=None, json=ADMIN).json()
    second = contract.call("auth_refresh", token=None,
                           json={"refresh_token": first["refresh_token"]}).json()
    assert second["token"] != first["token"]
    assert second["refresh_token"] != first["refresh_token"]
    contract.call("users_me", token=second["token"])
    # An answer that was lost is given again.
    again = contract.call("auth_refresh", token=None, json={"refresh_token": first["refresh_token"]})
    assert again.json()["refresh_token"] == second["refresh_token"]
    contract.call("auth_refresh", 401, token=None, json={"refresh_token": "0" * 45})
    contract.call("auth_refresh", 400, token=None, json={})


def check_auth_logout(contract):
    answer = contract.call("auth_login", token=None, json=ADMIN).json()
    contract.call("auth_logout", token=answer["token"])
    contract.call("auth_logout", 401, token=answer["token"])
    contract.call("auth_refresh", 401, token=None, json={"refresh_token": answer["refresh_token"]})
    answer = contract.call("auth_login", token=None, json=ADMIN).json()
    contract.call("auth_logout", 400, token=answer["token"], json={"more": 1})
    contract.call("auth_logout", token="x.y.z", json={"refresh_token": answer["refresh_token"]})
    contract.call("users_me", 401, token=answer["token"])
    contract.call("auth_logout", 401, token=None)


def check_auth_register(contract):
    name = "u" + uuid.uuid4().hex[:12]
    fresh = {"username": name, "email": f"{name}@example.com", "password": "long enough"}
    user = contract.call("auth_register", 201, token=None, json=fresh).json()["data"]
    assert user["username"] == name and user["is_admin"] is False and user["last_login"] is None
    assert code(contract.call("auth_register", 409, token=None, json=fresh)) == "conflict"
    for login in (name, f"{name}@EXAMPLE.com"):
        token = contract.call("auth_login", token=None, json={
            "username": login, "password": "long enough"}).json()["token"]
        me = contract.call("users_me", token=token).json()["data"]
        assert me["id"] == user["id"] and me["last_login"]
    answer = contract.call("auth_register", 400, token=None, json={
        "username": "a@b", "email": "no", "password": "short"})
    assert {d["field"] for d in answer.json()["error"]["details"]} == {
        "username", "email", "password"}


def check_users_me(contract):
    me = contract.call("users_me").json()["data"]
    assert me["username"] == "admin" and me["is_admin"] is True
    contract.call("users_me", 401, token=None)
    contract.call("users_me", 401, token="x.y.z")
    contract.call("users_me", 401, token=None, headers={"X-API-Key": "mvk_none"})


def registered(contract):
    name = "u" + uuid.uuid4().hex[:12]
    return contract.call("auth_register", 201, token=None, json={
        "username": name, "email": f"{name}@example.com", "password": "long enough"}).json()["data"]


def check_users_list(contract, stranger):
    user = registered(contract)
    assert contract.call("users_list", params={"per_page": 1}).json()["data"] == [user]
    contract.call("users_list", 403, token=stranger)
    contract.call("users_list", 400, params={"page": 0})


def check_users_get(contract, stranger):
    user = registered(contract)
    assert contract.call("users_get", path={"id": user["id"]}).json()["data"] == user
    for unknown in ("user_01H1QW8N5JZJ00X4Q2K7B3C9D6", "x", "media_01H1QW8N5JZJ00X4Q2K7B3C9D6"):
        contract.call("users_get", 404, path={"id": unknown})
    contract.call("users_get", 403, path={"id": user["id"]}, token=stranger)


def check_users_update(contract, stranger):
    user = registered(contract)
    changed = contract.call("users_update", path={"id": user["id"]}, json={
        "is_active": False, "is_admin": True}).json()["data"]
    assert changed == {**user, "is_active": False, "is_admin": True,
                       "updated_at": changed["updated_at"]}
    for body in ({"is_active": 1}, {"password": "short"}, {"username": "other"}):
        contract.call("users_update", 400, path={"id": user["id"]}, json=body)
    contract.call("users_update", 404, path={"id": "user_x"}, json={"is_active": True})
    contract.call("users_update", 403, path={"id": user["id"]}, json={}, token=stranger)
    own = contract.call("users_me").json()["data"]["id"]
    contract.call("users_update", 409, path={"id": own}, json={"is_admin": False})


def check_users_sessions(contract, stranger):
    user = registered(contract)
    contract.call("auth_login", token=None, json={"username": user["username"], "password": "long enough"})
    login, = contract.call("users_sessions", path={"id": user["id"]}).json()["data"]
    assert login["surface"] == "mediavault" and login["address"] == "127.0.0.1"
    contract.call("users_sessions", 404, path={"id": "user_x"})
    contract.call("users_sessions", 403, path={"id": user["id"]}, token=stranger)


def check_users_sessions_end(contract, stranger):
    user = registered(contract)
    token = contract.call("auth_login", token=None, json={
        "username": user["username"], "password": "long enough"}).json()["token"]
    answer = contract.call("users_sessions_end", path={"id": user["id"]})
    assert answer.json()["data"] == {"ended": 1}
    contract.call("users_me", 401, token=token)
    contract.call("users_sessions_end", 404, path={"id": "user_x"})
    contract.call("users_sessions_end", 403, path={"id": user["id"]}, token=stranger)


def check_users_me_update(contract):
    name = "u" + uuid.uuid4().hex[:12]
    fresh = {"username": name, "email": f"{name}@example.com", "password": "long enough"}
    user = contract.call("auth_register", 201, token=None, json=fresh).json()["data"]

    def login(name, password):
        return contract.call("auth_login", token=None, json={
            "username": name, "password": password}).json()["token"]

    token = login(name, "long enough")
    changed = contract.call("users_me_update", token=token, json={
        "full_name": "Ada", "email": f"{name}@EXAMPLE.org"}).json()["data"]
    assert changed == {**user, "full_name": "Ada", "email": f"{name}@EXAMPLE.org",
                       "last_login": changed["last_login"], "updated_at": changed["updated_at"]}
    assert contract.call("users_me", token=token).json()["data"] == changed
    login(f"{name}@example.org", "long enough")
    # The former address is free again.
    contract.call("auth_login", 401, token=None, json={
        "username": f"{name}@example.com", "password": "long enough"})
    contract.call("auth_register", 201, token=None, json={**fresh, "username": name + "x"})
    conflict = contract.call("users_me_update", 409, token=token,
                             json={"email": f"{name}@example.com"})
    assert code(conflict) == "conflict"
    emptied = contract.call("users_me_update", token=token, json={"full_name": None})
    assert emptied.json()["data"]["full_name"] is None

    for body, field in [({"username": "other"}, "username"), ({"is_admin": True}, "is_admin"),
                        ({"email": "no"}, "email"), ({"avatar_url": "javascript:1"}, "avatar_url"),
                        ({"password": "even longer"}, "current_password"),
                        ({"password": "even longer", "current_password": "no"}, "current_password")]:
        answer = contract.call("users_me_update", 400, token=token, json=body)
        assert [d["field"] for d in answer.json()["error"]["details"]] == [field]
    contract.call("users_me_update", token=token, json={
        "password": "even longer", "current_password": "long enough"})
    contract.call("auth_login", 401, token=None, json={
        "username": name, "password": "long enough"})
    login(name, "even longer")

@pytest.fixture(scope="session")
def stranger(hub):
    """The token of somebody who owns nothing."""
    name = "u" + uuid.uuid4().hex[:12]
    fresh = {"username": name, "email": f"{name}@example.com", "password": "long enough"}
    requests.post(hub.api + "/auth/register", json=fresh, timeout=PATIENCE_S).raise_for_status()
    return hub.login(name, "long enough")


@pytest.fixture(scope="session")
def media(hub, token):
    """A photo that is ready."""
    answer = hub.upload(hub.session(token), PHOTO, title="Night", tags="sea, night")
    assert answer.status_code == 201, answer.text
    return hub.wait_status(hub.session(token), answer.json()["data"]["id"], "ready")


def refused_fields(answer):
    return [detail["field"] for detail in answer.json()["error"]["details"]]


def uploaded(contract, **fields):
    answer = contract.call("media_upload", 201, data=fields,
                           files={"file": ("a.jpg", PHOTO.read_bytes())})
    return answer.json()["data"]


def check_media_upload(contract):
    photo = ("../../a photo.jpg", PHOTO.read_bytes())
    answer = contract.call("media_upload", 201, files={"file": photo},
                           data={"tags": "sea,, night ,sea", "description": "Dark."})
    made = answer.json()["data"]
    assert answer.headers["Location"] == f"/api/v1/media/{made['id']}"
    assert made["title"] == "a photo" and made["filename"] == "a photo.jpg"
    assert made["tags"] == ["sea", "night"] and made["description"] == "Dark."
    assert made["mime_type"] == "image/jpeg" and made["size"] == len(photo[1])
    # The same content again is another record.
    again = contract.call("media_upload", 201, files={"file": photo}).json()["data"]
    assert again["id"] != made["id"] and again["checksum"] == made["checksum"]

    refusals = [
        ({"files": {"other": photo}}, 400, ["file"]),
        ({"files": [("file", photo), ("file", photo)]}, 400, ["file"]),
        ({"files": {"file": ("a.jpg", b"")}}, 400, ["file"]),
        ({"files": {"file": ("a.jpg", b"text")}}, 415, ["file"]),
        ({"files": {"file": photo}, "data": {"title": "t" * 256}}, 400, ["title"]),
        ({"files": {"file": photo}, "data": {"collection_id": "col_1"}}, 404, ["collection_id"]),
        ({"json": {}}, 415, []),
        ({"data": b"--b\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
         400, []),
    ]
    for arguments, status, fields in refusals:
        assert refused_fields(contract.call("media_upload", status, **arguments)) == fields
    contract.call("media_upload", 401, token=None, files={"file": photo})

    alone = contract.call("media_upload", 201, data=photo[1], params={"filename": "b.jpg", "tags": "sea"},
                          headers={"Content-Type": "image/jpeg"}).json()["data"]
    assert alone["filename"] == "b.jpg" and alone["checksum"] == made["checksum"]

    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = contract.call("media_upload", 201, files={"file": photo}, headers=key).json()["data"]
    again = contract.call("media_upload", 201, files={"file": photo}, headers=key)
    assert again.json()["data"]["id"] == first["id"]
    assert again.headers["Location"].endswith(first["id"])
    contract.call("media_upload", 400, files={"file": photo}, headers={"Idempotency-Key": "k" * 256})


TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}


def begun(contract, length, **headers):
    headers = {**TUS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    made = contract.call("uploads_create", 201, headers={**headers, "Upload-Length": str(length)})
    return {"id": made.headers["Location"].rsplit("/", 1)[1]}


def check_uploads_options(contract):
    assert "creation" in contract.call("uploads_options", 204, token=None).headers["Tus-Extension"]


def check_upload_options(contract):
    contract.call("upload_options", 204, token=None, path={"id": "upl_x"})


def check_uploads_create(contract):
    begun(contract, 10, Upload_Metadata="filename YS5qcGc=")
    contract.call("uploads_create", 201, headers={**TUS, "Upload-Length": "9999"}, data=b"\xff\xd8")
    for status, headers, fields in [(412, {"Tus-Resumable": "2.0.0"}, []), (400, {}, ["Upload-Length"]),
                                    (400, {"Upload-Length": "x"}, ["Upload-Length"]),
                                    (413, {"Upload-Length": str(2**50)}, ["Upload-Length"]),
                                    (460, {"Upload-Length": "9", "Upload-Checksum": "sha1 YQ=="}, [])]:
        answer = contract.call("uploads_create", status, headers={**TUS, **headers},
                               data=b"x" if status == 460 else None)
        assert refused_fields(answer) == fields
    contract.call("uploads_create", 415, headers={**TUS, "Content-Type": "image/png", "Upload-Length": "9"}, data=b"x")
    contract.call("uploads_create", 401, token=None)


def check_uploads_head(contract, stranger):
    path = begun(contract, 10)
    answer = contract.call("uploads_head", path=path, headers=TUS)
    assert answer.headers["Upload-Offset"] == "0" and answer.headers["Upload-Length"] == "10"
    for status, arguments in [(412, {}), (404, {"headers": TUS, "token": stranger}), (401, {"token": None})]:
        assert requests.head(contract.base + "/uploads/" + path["id"], timeout=PATIENCE_S, headers={
            **({"Authorization": f"Bearer {arguments.get('token', contract.token)}"}
               if arguments.get("token", contract.token) else {}),
            **arguments.get("headers", {})}).status_code == status


def check_uploads_patch(contract, stranger):
    photo = PHOTO.read_bytes()
    path = begun(contract, len(photo))

    def patch(status, offset, body, **how):
        return contract.call("uploads_patch", status, path=path, data=body,
                             headers={**TUS, "Upload-Offset": str(offset), **how.pop("headers", {})}, **how)

    assert patch(204, 0, photo[:1000]).headers["Upload-Offset"] == "1000"
    patch(409, 0, b"x")
    patch(404, 1000, b"x", token=stranger)
    patch(413, 1000, photo)
    patch(415, 1000, b"x", headers={"Content-Type": "image/jpeg"})
    patch(460, 1000, b"x", headers={"Upload-Checksum": "sha1 YQ=="})
    assert refused_fields(patch(400, "x", b"x")) == ["Upload-Offset"]
    made = patch(204, 1000, photo[1000:]).headers["Media-Id"]
    assert contract.call("media_get", path={"id": made}).json()["data"]["size"] == len(photo)


def check_uploads_delete(contract, stranger):
    path = begun(contract, 10)
    contract.call("uploads_delete", 404, path=path, headers=TUS, token=stranger)
    contract.call("uploads_delete", 412, path=path)
    contract.call("uploads_delete", 204, path=path, headers=TUS)
    contract.call("uploads_delete", 404, path=path, headers=TUS)


def check_media_list(contract, media):
    tag = uuid.uuid4().hex
    ids = [uploaded(contract, tags=tag)["id"] for _ in range(3)]
    answer = contract.call("media_list", params={"tag": tag, "per_page": 2})
    body = answer.json()
    assert [m["id"] for m in body["data"]] == ids[:0:-1]
    assert body["meta"]["pagination"] == {
        "total": 3, "count": 2, "per_page": 2, "current_page": 1, "total_pages": 2,
        "links": {"next": f"/media?tag={tag}&page=2&per_page=2", "prev": None}}
    assert answer.headers["Link"] == (
        f'<{contract.base}/media?tag={tag}&page=2&per_page=2>; rel="next"')
    past = contract.call("media_list", params={"tag": tag, "page": 9}).json()
    assert past["data"] == [] and past["meta"]["pagination"]["count"] == 0
    clamped = contract.call("media_list", params={"per_page": 1000}).json()
    assert clamped["meta"]["pagination"]["per_page"] == 100
    contract.call("media_list", params={"page": "9" * 30})
    for query, found in [({"tag": "night"}, True), ({"tag": "day"}, False), ({"type": "image"}, True),
                         ({"type": "video"}, False), ({"q": "NIGHT"}, True), ({"q": "xyzzy"}, False),
                         ({"scope": "all", "tag": "night"}, True)]:
        page = contract.call("media_list", params={**query, "per_page": 100}).json()["data"]
        assert (media["id"] in [m["id"] for m in page]) is found, query
    for query in ({"sort": "size"}, {"sort": "title"}, {"sort": "taken_at", "order": "asc"}):
        contract.call("media_list", params=query)
    first = contract.call("media_list", params={"tag": tag, "per_page": 2, "cursor": ""}).json()
    assert [m["id"] for m in first["data"]] == ids[:0:-1]
    cursor = first["meta"]["next_cursor"]
    assert first["meta"]["pagination"]["links"] == {
        "next": f"/media?tag={tag}&cursor={cursor}&per_page=2", "prev": None}
    rest = contract.call("media_list", params={"tag": tag, "cursor": cursor}).json()
    assert [m["id"] for m in rest["data"]] == ids[:1] and rest["meta"]["next_cursor"] is None
    for query, found in [({"from": "2020-01-01"}, 3), ({"to": "2020-01-01T00:00:00Z"}, 0),
                         ({"taken_to": "1969-12-31"}, 0),
                         ({"type": "video", "from": "2020-01-01"}, 0)]:
        page = contract.call("media_list", params={"tag": tag, **query}).json()
        assert page["meta"]["pagination"]["total"] == found, query
    for bad in ({"from": "then"}, {"to": "2020-02-30"}, {"taken_from": "2020-01-01T00:00"},
                {"taken_to": ""}, {"cursor": "x"}, {"cursor": cursor, "sort": "title"}):
        assert refused_fields(contract.call("media_list", 400, params=bad)) == list(bad)[:1]
    for bad in ({"page": 0}, {"page": "x"}, {"per_page": -1}, {"type": "song"}, {"sort": "id"},
                {"page": ["1", "2"]}, {"order": "up"}, {"scope": "none"}):
        assert refused_fields(contract.call("media_list", 400, params=bad)) == list(bad)
    contract.call("media_list", 401, token=None)


def check_media_by_hash(contract, media, stranger):
    found = contract.call("media_by_hash", path={"sha256": media["checksum"]}).json()["data"]
    assert found["checksum"] == media["checksum"]
    contract.call("media_by_hash", 404, path={"sha256": media["checksum"]}, token=stranger)
    contract.call("media_by_hash", 404, path={"sha256": "0" * 64})
    assert refused_fields(contract.call("media_by_hash", 400, path={"sha256": "x"})) == ["sha256"]


def check_media_get(contract, media):
    got = contract.call("media_get", path={"id": media["id"]}).json()["data"]
    assert got["metadata"]["location"]["latitude"] and got["taken_at"]
    for unknown in ("media_01H1QW8N5JZJ8X4Q2K7B3C9D6E", "user_01H1QW8N5JZJ8X4Q2K7B3C9D6E", "42"):
        contract.call("media_get", 404, path={"id": unknown})
    contract.call("media_get", 401, path={"id": media["id"]}, token=None)


def check_media_update(contract, stranger):
    made = uploaded(contract, title="Old", tags="a,b", description="Text")
    path = {"id": made["id"]}
    new = {"title": "New \u00e4", "tags": ["b", "c"], "description": None, "is_public": False}
    now = contract.call("media_update", path=path, json=new).json()["data"]
    assert {key: now[key] for key in new} == new
    assert contract.call("media_get", path=path).json()["data"]["tags"] == ["b", "c"]
    for tag, found in (("a", False), ("b", True), ("c", True)):
        page = contract.call("media_list", params={"tag": tag, "per_page": 100}).json()["data"]
        assert (made["id"] in [m["id"] for m in page]) is found
    for bad, field in [({"title": ""}, "title"), ({"title": "a\nb"}, "title"), ({"id": "x"}, "id"),
                       ({"tags": ["a\u001fb"]}, "tags[0]"), ({"is_public": "yes"}, "is_public")]:
        assert refused_fields(contract.call("media_update", 400, path=path, json=bad)) == [field]
    # A stranger may look at what is public, and only that.
    contract.call("media_update", 404, path=path, token=stranger, json={"title": "Mine"})
    contract.call("media_update", path=path, json={"is_public": True})
    shown = contract.call("media_get", path=path, token=stranger).json()["data"]
    assert shown["title"] == new["title"]
    contract.call("media_update", 403, path=path, token=stranger, json={"title": "Mine"})
    contract.call("media_delete", 403, path=path, token=stranger)


def check_media_delete(contract, stranger):
    path = {"id": uploaded(contract)["id"]}
    contract.call("media_delete", 404, path=path, token=stranger)
    gone = contract.call("media_delete", path=path).json()["data"]
    assert gone == {"id": path["id"], "deleted": True}
    contract.call("media_delete", 404, path=path)
    contract.call("media_get", 404, path=path)
    contract.call("media_content", 404, path=path)


@pytest.fixture(scope="session")
def parked(hub, token):
    """A job that cannot be done."""
    session = hub.session(token)
    answer = session.post(hub.api + "/media/upload", timeout=PATIENCE_S,
                          files={"file": ("a.jpg", PHOTO.read_bytes()[:1000])})
    assert answer.status_code == 201, answer.text
    media = answer.json()["data"]["id"]
    hub.wait_status(session, media, "failed")
    found = session.get(hub.api + "/jobs", params={"status": "parked", "per_page": 100},
                        timeout=PATIENCE_S).json()["data"]
    return next(job for job in found if job["subject"]["id"] == media)


def check_jobs_list(contract, parked, stranger):
    everybody = {"scope": "all", "status": "parked", "per_page": 100}
    for query in ({"status": "parked", "per_page": 100}, everybody):
        assert parked["id"] in [job["id"] for job in
                                contract.call("jobs_list", params=query).json()["data"]]
    assert contract.call("jobs_list", token=stranger).json()["data"] == []
    contract.call("jobs_list", 403, params=everybody, token=stranger)
    assert refused_fields(contract.call("jobs_list", 400, params={"status": "no"})) == ["status"]


def check_jobs_get(contract, parked, stranger):
    path = {"id": parked["id"]}
    assert contract.call("jobs_get", path=path).json()["data"]["subject"] == parked["subject"]
    contract.call("jobs_get", 404, path=path, token=stranger)
    contract.call("jobs_get", 404, path={"id": "job_01H1QW8N5JZJ8X4Q2K7B3C9D6E"})
    contract.call("jobs_get", 401, path=path, token=None)


def check_jobs_retry(contract, hub, parked, stranger):
    path = {"id": parked["id"]}
    contract.call("jobs_retry", 404, path=path, token=stranger)
    contract.call("jobs_retry", 202, path=path)
    wait_for(lambda: contract.call("jobs_get", path=path).json()["data"]["status"] == "parked",
             "its end")


def check_media_content(contract, media, stranger):
    path, whole = {"id": media["id"]}, PHOTO.read_bytes()
    full = contract.call("media_content", path=path)
    assert full.content == whole and full.headers["Content-Type"] == "image/jpeg"
    assert full.headers["Content-Disposition"].startswith("inline; filename=")
    part = contract.call("media_content", 206, path=path, headers={"Range": "bytes=-7"})
    assert part.content == whole[-7:]
    contract.call("media_content", 304, path=path, headers={"If-None-Match": full.headers["ETag"]})
    contract.call("media_content", 416, path=path, headers={"Range": f"bytes={len(whole)}-"})
    small = contract.call("media_content", path=path, params={"variant": "small"})
    assert small.headers["Content-Type"] == "image/jpeg"
    contract.call("media_content", 404, path=path, params={"variant": "720p"})
    assert refused_fields(contract.call("media_content", 400, path=path,
                                        params={"variant": "huge"})) == ["variant"]
    contract.call("media_content", 404, path=path, token=stranger)
    contract.call("media_content", 401, path=path, token=None)
    assert requests.get(contract.hub.url + media["url"], timeout=PATIENCE_S).content == whole


def check_media_thumbnail(contract, hub, media, stranger):
    path = {"id": media["id"]}
    sizes = [len(contract.call("media_thumbnail", path=path, params={"size": size}).content)
             for size in ("small", "medium", "large")]
    assert sizes == sorted(sizes)
    assert refused_fields(contract.call("media_thumbnail", 400, path=path,
                                        params={"size": "720p"})) == ["size"]
    contract.call("media_thumbnail", 404, path=path, token=stranger)
    # What cannot be decoded says so, in the record and here.
    broken = contract.call("media_upload", 201, files={
        "file": ("a.jpg", PHOTO.read_bytes()[:3] + b"no picture" * 100)}).json()["data"]
    failed = hub.wait_status(hub.session(contract.token), broken["id"], "failed")
    answer = contract.call("media_thumbnail", 404, path={"id": broken["id"]})
    assert failed["failure"]["message"] in answer.json()["error"]["message"]
    assert "Retry-After" not in answer.headers
    # By signed link, which opens exactly what it names.
    link = hub.url + media["thumbnail_url"]
    assert len(requests.get(link, timeout=PATIENCE_S).content) == sizes[1]
    assert requests.head(link, timeout=PATIENCE_S).headers["Content-Length"] == str(sizes[1])
    for bent in (link + "&size=large", link.replace("/thumbnail", "/content"), link[:-1]):
        assert requests.get(bent, timeout=PATIENCE_S).status_code == 401


KEY = {"name": "robot", "scopes": ["media:read"], "expires_in_days": 1}


@pytest.fixture
def collection(contract, media):
    """The path of one with a photo in it."""
    made = contract.call("collections_create", 201, json={"name": "Sea", "description": "Blue."}).json()["data"]
    path = {"id": made["id"]}
    contract.call("collection_media_add", path=path, json={"media_id": media["id"]})
    return path


def check_collections_create(contract):
    answer = contract.call("collections_create", 201, json={"name": "Sea", "is_public": True})
    made = answer.json()["data"]
    assert answer.headers["Location"] == f"/api/v1/collections/{made['id']}"
    assert (made["name"], made["is_public"], made["media_count"]) == ("Sea", True, 0)
    assert refused_fields(contract.call("collections_create", 400, json={"name": ""})) == ["name"]
    contract.call("collections_create", 401, token=None, json={"name": "Sea"})


def check_collections_list(contract, collection, stranger):
    body = contract.call("collections_list", params={"per_page": 1}).json()
    assert body["data"][0]["id"] == collection["id"]
    assert contract.call("collections_list", token=stranger).json()["data"] == []
    assert refused_fields(contract.call("collections_list", 400, params={"page": 0})) == ["page"]


def check_collections_get(contract, collection, media, stranger):
    answer = contract.call("collections_get", path=collection)
    assert answer.json()["data"]["cover_media_id"] == media["id"]
    contract.call("collections_get", 304, path=collection, headers={"If-None-Match": answer.headers["ETag"]})
    contract.call("collections_get", 404, path=collection, token=stranger)
    contract.call("collections_get", 404, path={"id": "col_x"})


def check_collections_update(contract, collection, media, stranger):
    new = contract.call("collections_update", path=collection, json={
        "name": "Lake", "description": None, "is_public": True, "cover_media_id": media["id"]}).json()["data"]
    assert (new["name"], new["description"], new["is_public"]) == ("Lake", None, True)
    assert refused_fields(contract.call("collections_update", 400, path=collection, json={
        "cover_media_id": "media_x"})) == ["cover_media_id"]
    contract.call("collections_update", 412, path=collection, json={"name": "x"}, headers={"If-Match": '"0-"'})
    contract.call("collections_update", 403, path=collection, token=stranger, json={"name": "Mine"})
    contract.call("collections_update", 404, path={"id": "col_x"}, json={"name": "x"})


def check_collections_delete(contract, collection, stranger):
    contract.call("collections_delete", 404, path=collection, token=stranger)
    gone = contract.call("collections_delete", path=collection).json()["data"]
    assert gone == {"id": collection["id"], "deleted": True}
    contract.call("collections_get", 404, path=collection)


def check_collection_media_list(contract, collection, media, stranger):
    found, = contract.call("collection_media_list", path=collection).json()["data"]
    assert found["id"] == media["id"]
    contract.call("collection_media_list", 404, path=collection, token=stranger)
    assert refused_fields(contract.call("collection_media_list", 400, path=collection,
                                        params={"per_page": 0})) == ["per_page"]
    assert contract.call("media_list", params={"collection_id": collection["id"]}).json()["data"] == [found]
    contract.call("media_list", 404, params={"collection_id": "col_x"})


def check_collection_media_add(contract, collection):
    one = uploaded(contract, collection_id=collection["id"])
    two = uploaded(contract)
    many = contract.call("collection_media_add", path=collection, json={"media_ids": [one["id"], two["id"]]})
    assert many.json()["data"]["media_count"] == 3
    assert refused_fields(contract.call("collection_media_add", 404, path=collection, json={
        "media_id": "media_x"})) == ["media_ids"]
    assert refused_fields(contract.call("collection_media_add", 400, path=collection, json={})) == ["media_ids"]


def check_collection_media_move(contract, collection, media):
    new = uploaded(contract, collection_id=collection["id"])
    contract.call("collection_media_move", path=collection, json={"media_id": new["id"], "before": media["id"]})
    found = contract.call("collection_media_list", path=collection).json()["data"]
    assert [m["id"] for m in found] == [new["id"], media["id"]]
    contract.call("collection_media_move", 404, path=collection, json={"media_id": "media_x", "position": 1})
    contract.call("collection_media_move", 400, path=collection, json={"media_id": media["id"]})


def check_collection_media_remove(contract, collection, media, stranger):
    path = {**collection, "media_id": media["id"]}
    contract.call("collection_media_remove", 404, path=path, token=stranger)
    assert contract.call("collection_media_remove", path=path).json()["data"] == {"id": media["id"], "deleted": True}
    contract.call("collection_media_remove", 404, path=path)
    contract.call("media_get", path={"id": media["id"]})


@pytest.fixture
def api_key(contract):
    """A key that may read media, gone at the end."""
    made = contract.call("api_keys_create", 201, json=KEY).json()["data"]
    yield made
    contract.call("api_keys_delete", path={"id": made["id"]})


def check_api_keys_create(contract, api_key):
    assert api_key["name"] == KEY["name"] and api_key["scopes"] == KEY["scopes"] and api_key["expires_at"]
    headers = {"X-API-Key": api_key["key"]}
    contract.call("media_list", token=None, headers=headers)
    contract.call("webhooks_list", 403, token=None, headers=headers)
    contract.call("api_keys_create", 401, token=None, headers=headers, json=KEY)
    assert refused_fields(contract.call("api_keys_create", 400, json={"scopes": ["admin"], "more": 1})) == [
        "name", "scopes[0]", "more"]


def check_api_keys_list(contract, api_key, stranger):
    shown = {name: value for name, value in api_key.items() if name != "key"}
    assert contract.call("api_keys_list", params={"per_page": 1}).json()["data"] == [shown]
    assert contract.call("api_keys_list", token=stranger).json()["data"] == []
    contract.call("api_keys_list", 401, token=None, headers={"X-API-Key": api_key["key"]})
    contract.call("api_keys_list", 400, params={"page": 0})


def check_api_keys_get(contract, api_key, stranger):
    path = {"id": api_key["id"]}
    shown = {name: value for name, value in api_key.items() if name != "key"}
    assert contract.call("api_keys_get", path=path).json()["data"] == shown
    contract.call("api_keys_get", 404, path=path, token=stranger)
    contract.call("api_keys_get", 404, path={"id": "key_none"})


def check_api_keys_delete(contract, stranger):
    made = contract.call("api_keys_create", 201, json=KEY).json()["data"]
    path = {"id": made["id"]}
    contract.call("api_keys_delete", 404, path=path, token=stranger)
    gone = contract.call("api_keys_delete", path=path).json()["data"]
    assert gone == {"id": made["id"], "deleted": True}
    contract.call("api_keys_delete", 404, path=path)
    contract.call("media_list", 401, token=None, headers={"X-API-Key": made["key"]})


@pytest.fixture
def webhook(contract, receiver):
    """An endpoint whose receiver answers 200, gone at the end."""
    made = contract.call("webhooks_create", 201, json={"url": receiver.url, "events": ["*"]})
    webhook = made.json()["data"]
    yield webhook
    contract.call("webhooks_delete", path={"id": webhook["id"]})


def delivered(contract, webhook, evt):
    """The delivery of this message to the endpoint, once it has arrived."""
    def look():
        page = contract.call("webhooks_deliveries", path={"id": webhook["id"]}).json()["data"]
        return [d for d in page if d["id"] == evt and d["state"] == "delivered"]
    return wait_for(look, f"the delivery of {evt}")[0]


def check_webhooks_create(contract):
    good = {"url": "https://example.com/hook", "events": ["media.uploaded"], "description": "d"}
    answer = contract.call("webhooks_create", 201, json=good)
    made = answer.json()["data"]
    assert answer.headers["Location"].endswith(made["id"]) and made["secret"].startswith("whsec_")
    assert {key: made[key] for key in good} == good and made["active"] is True
    contract.call("webhooks_delete", path={"id": made["id"]})
    for bad, field in (({"url": "x"}, "url"), ({"events": ["no.such"]}, "events[0]"),
                       ({"more": 1}, "more")):
        refused = contract.call("webhooks_create", 400, json={**good, **bad})
        assert field in refused_fields(refused)
    contract.call("webhooks_create", 401, token=None, json=good)


def check_webhooks_list(contract, webhook, stranger):
    listed = contract.call("webhooks_list").json()["data"]
    assert webhook["id"] in [w["id"] for w in listed]
    assert all("secret" not in w for w in listed)
    assert contract.call("webhooks_list", token=stranger).json()["data"] == []
    contract.call("webhooks_list", 401, token=None)


def check_webhooks_get(contract, webhook, stranger):
    path = {"id": webhook["id"]}
    shown = contract.call("webhooks_get", path=path).json()["data"]
    assert shown == {key: value for key, value in webhook.items() if key != "secret"}
    contract.call("webhooks_get", 404, path=path, token=stranger)
    contract.call("webhooks_get", 404, path={"id": "whk_none"})


def check_webhooks_update(contract, webhook, stranger):
    path = {"id": webhook["id"]}
    changed = contract.call("webhooks_update", path=path, json={
        "description": "other", "active": False}).json()["data"]
    assert changed["description"] == "other" and changed["active"] is False
    assert contract.call("webhooks_get", path=path).json()["data"] == changed
    assert refused_fields(contract.call("webhooks_update", 400, path=path,
                                        json={"events": []})) == ["events"]
    contract.call("webhooks_update", 404, path=path, token=stranger, json={"active": True})


def check_webhooks_delete(contract, receiver, stranger):
    made = contract.call("webhooks_create", 201, json={"url": receiver.url, "events": ["*"]})
    path = {"id": made.json()["data"]["id"]}
    contract.call("webhooks_delete", 404, path=path, token=stranger)
    gone = contract.call("webhooks_delete", path=path).json()["data"]
    assert gone == {"id": path["id"], "deleted": True}
    contract.call("webhooks_delete", 404, path=path)


def check_webhooks_rotate_secret(contract, webhook, stranger):
    path = {"id": webhook["id"]}
    turned = contract.call("webhooks_rotate_secret", path=path).json()["data"]
    assert turned["id"] == webhook["id"] and turned["secret"] != webhook["secret"]
    contract.call("webhooks_rotate_secret", 404, path=path, token=stranger)


def check_webhooks_test(contract, webhook, receiver, stranger):
    path = {"id": webhook["id"]}
    queued = contract.call("webhooks_test", 202, path=path).json()["data"]
    delivered(contract, webhook, queued["id"])
    assert receiver.received[-1]["headers"]["webhook-id"] == queued["id"]
    contract.call("webhooks_test", 404, path=path, token=stranger)


def check_webhooks_deliveries(contract, webhook, stranger):
    path = {"id": webhook["id"]}
    queued = contract.call("webhooks_test", 202, path=path).json()["data"]
    delivery = delivered(contract, webhook, queued["id"])
    assert [attempt["status"] for attempt in delivery["attempts"]] == [200]
    contract.call("webhooks_deliveries", 404, path=path, token=stranger)
    contract.call("webhooks_deliveries", 400, path=path, params={"page": 0})


def check_webhooks_retry(contract, webhook, receiver, stranger):
    evt = contract.call("webhooks_test", 202, path={"id": webhook["id"]}).json()["data"]["id"]
    delivered(contract, webhook, evt)
    path = {"id": webhook["id"], "evt": evt}
    contract.call("webhooks_retry", 202, path=path)
    wait_for(lambda: [r["headers"]["webhook-id"] for r in receiver.received].count(evt) == 2,
             "the same message again")
    contract.call("webhooks_retry", 404, path=path, token=stranger)
    contract.call("webhooks_retry", 404, path={**path, "evt": "evt_none"})


def check_hub_root(hub_contract):
    hub_contract.call("hub_root")


def check_hub_health(hub_contract):
    assert hub_contract.call("hub_health").json()["data"]["msg"] == "alive"


def check_hub_ready(hub_contract):
    for given in ({}, {"headers": {"Authorization": "Bearer of.some.token"}}):
        assert hub_contract.call("hub_ready", **given).json()["status"] == "ready"
    # With a code it is the Backup Repository's.
    names = ["DbValidator", "StorageValidator", "ConfigurationProviderValidator"]
    for given in ({"params": {"code": HEALTH_KEY}}, {"headers": {"Authorization": HEALTH_KEY}}):
        checks = hub_contract.call("hub_ready", **given).json()["data"]["health"]
        assert [check["name"] for check in checks] == names
        assert all(check["status"] for check in checks)
    for given in ({"params": {"code": "no"}}, {"headers": {"Authorization": ""}}):
        error = hub_contract.call("hub_ready", 403, **given).json()["error"]
        assert "Authorization header" in error and "query" in error


def check_hub_realtime_page(hub_contract, hub):
    """It names all events and channels, and the codes that the protocol has."""
    answer = hub_contract.call("hub_realtime_page")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    hub_contract.call("hub_realtime_page", 304, headers={"If-None-Match": answer.headers["ETag"]})
    table = yaml.safe_load((ROOT / "schemas/events.yaml").read_text())
    names = [name for name, channel in table["channels"].items() if channel["clients"]]
    names += [e["type"] for e in table["events"].values() if e["channel"] in names]
    protocol = yaml.safe_load((ROOT / "schemas/realtime.yaml").read_text())
    codes = [str(row["code"]) for row in protocol["closes"].values()]
    for word in [*names, *codes, "job_progress", "resource_id", "since", "heartbeat", "when named"]:
        assert word in answer.text, word
    assert "session.ended" not in answer.text
    with contextlib.closing(SocketClient(hub)) as client:
        welcome = client.wait("welcome")
    assert f"every {welcome['heartbeat']} s" in answer.text
    assert f"within {welcome['auth_timeout']} s" in answer.text


def check_hub_metrics(hub_contract):
    lines = hub_contract.call("hub_metrics").text.splitlines()
    series = {line.split("{")[0].split()[0] for line in lines if not line.startswith("#")}
    helped = {line.split()[2] for line in lines if line.startswith("# HELP") and len(line.split()) > 4}
    typed = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert helped == typed and len(helped) > 20
    for name in series:
        assert name in helped or name.rpartition("_")[0] in helped, name


def check_hub_realtime(hub_contract):
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    answer = hub_contract.call("hub_realtime", 101, token=None, headers=upgrade)
    assert answer.headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    answer.close()
    hub_contract.call("hub_realtime", 426, token=None)
    hub_contract.call("hub_realtime", 426, token=None,
                      headers={**upgrade, "Sec-WebSocket-Version": "8"})
    hub_contract.call("hub_realtime", 400, token=None,
                      headers={**upgrade, "Sec-WebSocket-Key": "short"})
    hub_contract.call("hub_realtime", 403, token=None,
                      headers={**upgrade, "Origin": "https://elsewhere.example"})


def check_hub_realtime_ticket(hub_contract, token):
    ticket = hub_contract.call("hub_realtime_ticket", 201, token=token).json()["ticket"]
    hub_contract.call("hub_realtime_ticket", 401)
    hub_contract.call("hub_realtime_ticket", 401, token="x.y.z")
    hub_contract.call("hub_realtime_ticket", 400, token=token, params={"token": token})
    stream = {"Accept": "text/event-stream"}
    for status, query in ((200, {"channel": "media_updates", "ticket": ticket}),
                          (401, {"channel": "media_updates", "ticket": ticket}), (400, {"ticket": ticket}),
                          (401, {"channel": "media_updates"})):
        hub_contract.call("hub_realtime", status, headers=stream, params=query, stream=True).close()
    hub_contract.call("hub_realtime", 404, token=token, headers=stream,
                      params={"channel": "media_updates", "resource_id": "media_x"})


def check_realtime_tickets_create(contract):
    assert contract.call("realtime_tickets_create", 201).json()["data"]["ticket"].startswith("tkt_")
    contract.call("realtime_tickets_create", 401, token=None)


OPERATIONS = {name: operation for surface in ("mediavault", "backup_repository", "hub.yaml")
              for name, operation in operations(document(surface)).items()}
CHECKS = {name.removeprefix("check_"): check
          for module in (sys.modules[__name__], backup_repository_checks)
          for name, check in vars(module).items() if name.startswith("check_")}


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_operation(name, request):
    assert name in CHECKS, f"operation {name} has no check_{name}"
    check = CHECKS[name]
    names = check.__code__.co_varnames[:check.__code__.co_argcount]
    check(**{fixture: request.getfixturevalue(fixture) for fixture in names})


def test_every_check_has_an_operation():
    assert set(CHECKS) == set(OPERATIONS)
