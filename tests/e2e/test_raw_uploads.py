"""The file alone as the body of POST /media/upload: named by a header or the query, and held to all that
a form is held to."""
import uuid

import pytest
import requests
from harness import PATIENCE_S, SAMPLES, Hub
from load import tiny_png
from people import add_user

PHOTO = (SAMPLES / "pic2/IMG_20200124_231153.jpg").read_bytes()
MOST, QUOTA = len(PHOTO) + 1000, 4 * len(PHOTO)


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    hub = Hub(tmp_path_factory.mktemp("raw"),
              ["--upload-max-bytes", str(MOST), "--quota-bytes", str(QUOTA), "--quota-text", "2k"]).start()
    yield hub
    hub.stop()
    hub.check_log()


@pytest.fixture
def user(hub):
    return add_user(hub, "u" + uuid.uuid4().hex[:12])[1]


def post(hub, session, body=PHOTO, kind="image/jpeg", headers=(), **query):
    answer = requests.post(hub.api + "/media/upload", body, params=query, timeout=PATIENCE_S, headers={
        **session.headers, **({"Content-Type": kind} if kind else {}), **dict(headers)})
    return answer.status_code, answer.json()


def made(answer):
    status, body = answer
    assert status == 201, body
    return body["data"]


def test_the_file_and_what_is_said_of_it(hub, user):
    media = made(post(hub, user, filename="sea.jpg", title="Sea", description="Dark ä.", tags="sea, night,sea"))
    assert {key: media[key] for key in ("filename", "title", "description", "tags", "mime_type", "size")} == {
        "filename": "sea.jpg", "title": "Sea", "description": "Dark ä.", "tags": ["sea", "night"],
        "mime_type": "image/jpeg", "size": len(PHOTO)}
    got = user.get(f"{hub.api}/media/{media['id']}/content", timeout=PATIENCE_S)
    assert got.content == PHOTO
    # What the sender calls it does not count; a body of unknown length is taken as well.
    for kind in ("application/octet-stream", "video/mp4; codecs=avc1", "IMAGE/PNG"):
        assert made(post(hub, user, tiny_png(1), kind))["mime_type"] == "image/png"
    assert made(post(hub, user, iter([tiny_png(2)[:20], tiny_png(2)[20:]])))["title"] == "Untitled"
    # Parameters that say nothing of it are left alone.
    assert made(post(hub, user, tiny_png(3), user_id="user_x", utm="1"))["user_id"] == media["user_id"]


@pytest.mark.parametrize("disposition,query,name", [
    ('attachment; filename="a photo.jpg"', None, "a photo.jpg"),
    ("attachment; filename*=UTF-8''M%C3%BCnchen.jpg; filename=x.jpg", None, "München.jpg"),
    (b'inline; filename="M\xfcnchen.jpg"', "y.jpg", "München.jpg"),
    ("attachment", "../../y.jpg", "y.jpg"),
    (None, "one, two; 写真.jpg", "one, two; 写真.jpg"),
    (None, "photo\u202egpj.exe\r\nX: y", "photogpj.exe  X: y"),
    (None, None, None),
])
def test_names(hub, user, disposition, query, name):
    headers = {"Content-Disposition": disposition} if disposition else {}
    named = {"filename": query} if query else {}
    assert made(post(hub, user, tiny_png(9), headers=headers, **named))["filename"] == name


def test_what_is_refused(hub, user):
    def refused(status, *fields, **how):
        got, body = post(hub, user, **how)
        assert (got, [d["field"] for d in body["error"]["details"]]) == (status, list(fields)), body

    for kind in (None, "application/json", "text/plain", "application/x-www-form-urlencoded", "image", "image/",
                 "multipart/form-data", "imagery/jpeg"):
        refused(415, kind=kind)
    refused(415, "file", body=b"no picture at all")
    refused(400, "file", body=b"")
    refused(413, "file", body=PHOTO + bytes(2000))
    refused(413, "file", body=iter([PHOTO, bytes(2000)]))
    refused(400, "title", title="t" * 256)
    refused(400, "tags", tags="a\nb")
    refused(404, "collection_id", collection_id="col_1")
    refused(413, description="d" * 3000)
    refused(400, headers={"Content-Disposition": "attachment; filename=a; filename=b"})
    refused(415, headers={"Content-Encoding": "gzip"})
    assert user.get(hub.api + "/media", timeout=PATIENCE_S).json()["meta"]["pagination"]["total"] == 0
    for _ in range(4):
        made(post(hub, user))
    refused(507, body=tiny_png(4))


def test_the_same_upload_again(hub, user):
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = made(post(hub, user, headers=key, filename="a.jpg", title="One"))
    assert made(post(hub, user, headers=key, filename="a.jpg", title="One", more="x"))["id"] == first["id"]
    form = requests.post(hub.api + "/media/upload", headers={**user.headers, **key}, timeout=PATIENCE_S,
                         files={"file": ("a.jpg", PHOTO)}, data={"title": "One"})
    assert form.json()["data"]["id"] == first["id"]         # a form that says the same is the same
    for other in ({"filename": "b.jpg", "title": "One"}, {"filename": "a.jpg"}):
        assert post(hub, user, headers=key, **other)[0] == 422
    assert post(hub, user, PHOTO + b"x", headers=key, filename="a.jpg", title="One")[0] == 422
