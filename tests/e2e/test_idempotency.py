"""Idempotency-Key: one thing per key and body, whoever asks when, and whoever dies meanwhile."""
import os
import signal
import socket
import threading
import uuid

import pytest
import requests
from harness import PATIENCE_S, SAMPLES, Hub, wait_for

PHOTO = (SAMPLES / "pic2/IMG_20200124_231153.jpg").read_bytes()


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    hub = Hub(tmp_path_factory.mktemp("once"),
              env={"MEDIAHUB_MEDIAVAULT_ALLOW_REGISTRATION": "on"}).start()
    hub.token = hub.login()
    yield hub
    hub.stop()
    hub.check_log()


@pytest.fixture
def key():
    return uuid.uuid4().hex


def post(hub, path, key, token=..., **body):
    token = hub.token if token is ... else token
    return requests.post(hub.api + path, timeout=PATIENCE_S, **body, headers={
        "Idempotency-Key": key, **({"Authorization": "Bearer " + token} if token else {})})


def upload(hub, key, content=PHOTO, name="a.jpg", **fields):
    return post(hub, "/media/upload", key, files={"file": (name, content)}, data=fields)


def total(hub, path="/media"):
    page = hub.session(hub.token).get(hub.api + path, timeout=PATIENCE_S).json()
    return page["meta"]["pagination"]["total"]


class Slow:
    """An upload whose body stops in the middle; the hub is reading it by then."""

    def __init__(self, hub, key, content=PHOTO):
        body = (b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n' +
                content + b"\r\n--cut--\r\n")
        self.rest = body[len(body) // 2:]
        self.socket = socket.create_connection(("127.0.0.1", hub.port), PATIENCE_S)
        self.socket.sendall((f"POST /api/v1/media/upload HTTP/1.1\r\nHost: hub\r\n"
                             f"Authorization: Bearer {hub.token}\r\nIdempotency-Key: {key}\r\n"
                             "Content-Type: multipart/form-data; boundary=cut\r\n"
                             "Expect: 100-continue\r\n"
                             f"Content-Length: {len(body)}\r\n\r\n").encode())
        self.answers = self.socket.makefile("rb")
        assert self.answers.readline().split()[1] == b"100" and self.answers.readline() == b"\r\n"
        self.socket.sendall(body[:len(body) // 2])

    def finish(self):
        self.socket.sendall(self.rest)
        return int(self.answers.readline().split()[1])

    def close(self):
        self.answers.close()
        self.socket.close()


def wait_for_status(hub, key, wanted, **what):
    """An answer of this status to the same upload; others come before it."""
    def look():
        answer = upload(hub, key, **what)
        return answer if answer.status_code == wanted else None
    return wait_for(look, f"an answer {wanted}")


def test_the_same_upload_again(hub, key):
    before = total(hub)
    first = upload(hub, key, title="One")
    again = upload(hub, key, title="One")           # another boundary each time
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.headers["Location"] == again.headers["Location"]
    made, shown = first.json()["data"], again.json()["data"]
    assert {k: made[k] for k in ("id", "title", "checksum", "created_at")} == {
        k: shown[k] for k in ("id", "title", "checksum", "created_at")}
    for other in ({"content": PHOTO + b"x"}, {"name": "b.jpg"}, {"title": "Two"}):
        refused = upload(hub, key, **{"title": "One", **other})
        assert refused.status_code == 422, other
        assert "Idempotency-Key" in refused.json()["error"]["message"]
    assert total(hub) == before + 1


def test_many_at_once(hub, key):
    before, answers = total(hub), []
    threads = [threading.Thread(target=lambda: answers.append(upload(hub, key))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {a.status_code for a in answers} <= {201, 409}
    assert len({a.json()["data"]["id"] for a in answers if a.status_code == 201}) == 1
    assert total(hub) == before + 1


def test_one_under_way(hub, key):
    slow = Slow(hub, key)
    busy = upload(hub, key, content=PHOTO + b"x")
    assert busy.status_code == 409 and busy.headers["Retry-After"] == "1"
    assert "under way" in busy.json()["error"]["message"]
    assert slow.finish() == 201
    assert upload(hub, key).status_code == 201
    assert upload(hub, key, content=PHOTO + b"x").status_code == 422


def test_a_failure_uses_up_no_key(hub, key):
    assert upload(hub, key, content=b"no picture").status_code == 415
    assert post(hub, "/media/upload", key, data=b"x").status_code == 415
    assert upload(hub, key, collection_id="col_1").status_code == 404
    slow = Slow(hub, key)
    assert upload(hub, key).status_code == 409
    slow.close()
    assert wait_for_status(hub, key, 201)


def test_a_deleted_record_frees_its_key(hub, key):
    first = upload(hub, key).json()["data"]
    hub.session(hub.token).delete(f"{hub.api}/media/{first['id']}", timeout=PATIENCE_S)
    second = upload(hub, key, content=PHOTO + b"x")
    assert second.status_code == 201 and second.json()["data"]["id"] != first["id"]
    assert upload(hub, key).status_code == 422


def test_keys_are_of_one_operation_and_one_user(hub, key):
    assert upload(hub, key).status_code == 201
    hook = {"url": "https://example.com/hook", "events": ["*"]}
    first = post(hub, "/webhooks", key, json=hook)
    again = post(hub, "/webhooks", key, json=dict(reversed(hook.items())))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["data"] == again.json()["data"]      # with the secret, if it was lost
    assert first.headers["Location"] == again.headers["Location"]
    assert post(hub, "/webhooks", key, json={**hook, "active": False}).status_code == 422
    path = "/webhooks/" + first.json()["data"]["id"]
    sent = [post(hub, path + "/test", key).json()["data"]["id"] for _ in range(2)]
    assert sent[0] == sent[1]
    hub.session(hub.token).delete(hub.api + path, timeout=PATIENCE_S)
    assert post(hub, "/webhooks", key, json={**hook, "active": False}).status_code == 201


def test_registration(hub, key):
    name = "u" + key[:12]
    person = {"username": name, "email": name + "@example.com", "password": "correct horse battery"}
    first = post(hub, "/auth/register", key, token=None, json=person)
    again = post(hub, "/auth/register", key, token=None, json=person)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["data"] == again.json()["data"]
    for other in ({"password": "another horse battery"}, {"full_name": "Ada"}):
        assert post(hub, "/auth/register", key, token=None,
                    json={**person, **other}).status_code == 422
    token = hub.login(name, person["password"])
    theirs = requests.post(hub.api + "/media/upload", timeout=PATIENCE_S, files={
        "file": ("a.jpg", PHOTO)}, headers={"Idempotency-Key": key, "Authorization": "Bearer " + token})
    assert theirs.status_code == 201


def test_a_long_key(hub):
    assert upload(hub, "k" * 255).status_code == 201
    for wrong in ("k" * 256, ""):
        refused = upload(hub, wrong)
        assert refused.status_code == 400 and "1 to 255" in refused.json()["error"]["message"]


def test_a_killed_gateway_holds_no_key(make_hub, key):
    hub = make_hub()
    hub.token = hub.login()
    hub.expect_deaths()
    done = uuid.uuid4().hex
    first = upload(hub, done).json()["data"]["id"]
    slow = Slow(hub, key)
    assert upload(hub, key).status_code == 409
    (gateway,) = hub.pids("mediahub-gatewa")
    os.kill(gateway, signal.SIGKILL)

    def look():
        try:
            return upload(hub, key).status_code == 201
        except requests.ConnectionError:
            return False
    wait_for(look, "the key to be free")
    slow.close()
    assert upload(hub, done).json()["data"]["id"] == first
    assert total(hub) == 2
