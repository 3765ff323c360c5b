"""API keys as programs use them: what a key may, for how long, how often, and who can end it. One hub with
two gateways; each test has people of its own."""
import hashlib
import random
import time
import uuid
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import websocket
from harness import PATIENCE_S, Hub, wait_for
from people import add_user, one_in_each
from socket_client import SocketClient
from state_keys import api_key, records_read, let_api_key_end, redis

ALL = ["media:read", "media:write", "webhooks", "realtime"]
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    hub = Hub(tmp_path_factory.mktemp("keys"), ["--gateways", "2"]).start()
    hub.admin = hub.session()
    yield hub
    hub.stop()
    hub.check_log()


class Person:
    def __init__(self, hub):
        self.hub = hub
        self.id, self.session = add_user(hub, "u" + uuid.uuid4().hex[:10], hub.admin)

    def make(self, scopes=ALL, name="robot", status=201, headers=None, **more):
        answer = self.session.post(self.hub.api + "/api-keys", timeout=PATIENCE_S, headers=headers,
                                   json={"name": name, "scopes": scopes, **more})
        assert answer.status_code == status, answer.text
        return answer.json().get("data")

    def list(self, **query):
        return self.session.get(self.hub.api + "/api-keys", params=query, timeout=PATIENCE_S).json()

    def end(self, key):
        answer = self.session.delete(f"{self.hub.api}/api-keys/{key['id']}", timeout=PATIENCE_S)
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"] == {"id": key["id"], "deleted": True}


@pytest.fixture
def person(hub):
    return Person(hub)


def call(hub, key, method, path, **more):
    return requests.request(method, hub.api + path, timeout=PATIENCE_S,
                            headers={"X-API-Key": key, **more.pop("headers", {})}, **more)


def everywhere(hub, key, path="/media"):
    """As both gateways see it: a connection each time, until both have answered."""
    statuses = {call(hub, key, "GET", path).status_code for _ in range(8)}
    assert len(statuses) == 1, statuses
    return statuses.pop()


def invented(start="mvk_00"):
    """A key that nobody made, with the right sum."""
    text = (start + "".join(random.choice(DIGITS) for _ in range(41)))[:41]
    number, total = zlib.crc32(text.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        total = DIGITS[digit] + total
    return text + total


def test_a_key_is_shown_once(hub, person):
    made = person.make(["media:read", "media:read"], name="Küche 🍳", expires_in_days=30)
    text = made.pop("key")
    assert text == invented(text[:41]) and len(text) == 47 and text.startswith("mvk_00")
    assert made["id"].startswith("key_") and made["scopes"] == ["media:read"] and made["name"] == "Küche 🍳"
    ends = time.mktime(time.strptime(made["expires_at"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert abs(ends - time.time() - 30 * 86400) < PATIENCE_S
    assert made["last_used_at"] is None
    assert person.list()["data"] == [made]
    one = person.session.get(f"{hub.api}/api-keys/{made['id']}", timeout=PATIENCE_S)
    assert one.json()["data"] == made and text not in one.text
    record = api_key(hub, made["id"])
    assert record["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert text not in str(record)
    aof = b"".join(path.read_bytes() for path in (hub.data / "redis/state").rglob("*.aof"))
    assert record["sha256"].encode() in aof and text.encode() not in aof and text not in hub.log_text()


def test_pages(hub, person):
    made = [person.make(name=f"n{i}") for i in range(5)]
    page = person.list(page=2, per_page=2)
    assert [k["id"] for k in page["data"]] == [made[2]["id"], made[1]["id"]]
    assert page["meta"]["pagination"] == {
        "total": 5, "count": 2, "per_page": 2, "current_page": 2, "total_pages": 3,
        "links": {"next": "/api-keys?page=3&per_page=2", "prev": "/api-keys?page=1&per_page=2"}}
    assert person.list(page=9)["data"] == []


@pytest.mark.parametrize("scopes, allowed", [
    (["media:read"], {"list"}), (["media:write"], {"write"}), (["webhooks"], {"hooks"}),
    (["realtime"], set()), (ALL, {"list", "write", "hooks"}),
])
def test_scopes(hub, person, scopes, allowed):
    key = person.make(scopes)["key"]
    tries = {"list": ("GET", "/media", 200), "write": ("DELETE", "/media/media_none", 404),
             "hooks": ("GET", "/webhooks", 200)}
    for name, (method, path, good) in tries.items():
        answer = call(hub, key, method, path)
        assert answer.status_code == (good if name in allowed else 403), (name, answer.text)


@pytest.mark.parametrize("method, path, body", [
    ("GET", "/api-keys", None), ("POST", "/api-keys", {"name": "x", "scopes": ["realtime"]}),
    ("DELETE", "/api-keys/{id}", None), ("GET", "/users/me", None),
    ("PATCH", "/users/me", {"password": "another long one", "current_password": "long enough"}),
    ("GET", "/users", None),
])
def test_what_takes_a_login(hub, person, method, path, body):
    key = person.make()
    answer = call(hub, key["key"], method, path.format(id=key["id"]), json=body)
    assert answer.status_code == 401 and answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert everywhere(hub, key["key"]) == 200


@pytest.mark.parametrize("key", [
    "x", "mvk_", "vnvr_" + "a" * 42, invented(), invented("mvk_0Z"), invented("mvx_00"),
    invented() + "0", "mvk_00" + "\xff" * 41,
], ids=["a letter", "nothing", "of another system", "invented", "of no partition", "another prefix",
        "a byte more", "no ASCII"])
def test_what_is_no_key(hub, key):
    answer = call(hub, key.encode("latin-1"), "GET", "/media")
    assert answer.status_code == 401 and answer.json()["error"]["code"] == "unauthorized"


def test_a_wrong_sum_is_refused_without_asking(hub, person):
    right = person.make()["key"]
    wrong = right[:-1] + ("0" if right[-1] != "0" else "1")

    def reads(key):
        before = records_read(hub)
        for _ in range(100):
            assert call(hub, key, "GET", "/media").status_code == 401
        return records_read(hub) - before
    assert reads(wrong) < 50 and reads(invented()) >= 100      # the hub itself reads now and then


def test_wrong_bodies(hub, person):
    for body, field in [({"scopes": ALL}, "name"), ({"name": "", "scopes": ALL}, "name"),
                        ({"name": "a\nb", "scopes": ALL}, "name"), ({"name": "x" * 101, "scopes": ALL}, "name"),
                        ({"name": "x"}, "scopes"), ({"name": "x", "scopes": []}, "scopes"),
                        ({"name": "x", "scopes": ["account"]}, "scopes[0]"),
                        ({"name": "x", "scopes": ["admin"]}, "scopes[0]"),
                        ({"name": "x", "scopes": ALL, "expires_in_days": 0}, "expires_in_days"),
                        ({"name": "x", "scopes": ALL, "expires_in_days": 3651}, "expires_in_days"),
                        ({"name": "x", "scopes": ALL, "expires_in_days": "1"}, "expires_in_days"),
                        ({"name": "x", "scopes": ALL, "more": 1}, "more")]:
        answer = person.session.post(hub.api + "/api-keys", json=body, timeout=PATIENCE_S)
        assert answer.status_code == 400, body
        assert [d["field"] for d in answer.json()["error"]["details"]] == [field]
    assert person.list()["data"] == []
    assert person.make(expires_in_days=None)["expires_at"] is None


def test_a_key_ends_when_it_is_revoked_or_expires(hub, person):
    revoked, expired, kept = person.make(), person.make(expires_in_days=1), person.make(expires_in_days=1)
    assert {everywhere(hub, k["key"]) for k in (revoked, expired, kept)} == {200}
    person.end(revoked)
    let_api_key_end(hub, expired["id"], time.time() * 1000)
    assert everywhere(hub, revoked["key"]) == 401 and everywhere(hub, expired["key"]) == 401
    assert everywhere(hub, kept["key"]) == 200
    for status, method in ((404, "DELETE"), (404, "GET")):
        answer = person.session.request(method, f"{hub.api}/api-keys/{revoked['id']}", timeout=PATIENCE_S)
        assert answer.status_code == status


def test_a_key_rests_while_its_owner_is_disabled(hub, person):
    key = person.make()["key"]
    for active, status in ((False, 401), (True, 200)):
        answer = hub.admin.patch(f"{hub.api}/users/{person.id}", json={"is_active": active},
                                 timeout=PATIENCE_S)
        assert answer.status_code == 200, answer.text
        assert everywhere(hub, key) == status


def test_of_whom_a_key_is(hub, person):
    other, key = Person(hub), person.make()
    for method in ("GET", "DELETE"):
        answer = other.session.request(method, f"{hub.api}/api-keys/{key['id']}", timeout=PATIENCE_S)
        assert answer.status_code == 404
    assert other.list()["data"] == []
    assert hub.admin.get(f"{hub.api}/api-keys/{key['id']}", timeout=PATIENCE_S).status_code == 200
    assert hub.admin.delete(f"{hub.api}/api-keys/{key['id']}", timeout=PATIENCE_S).status_code == 200
    assert everywhere(hub, key["key"]) == 401


def test_a_login_beside_a_key_decides(hub, person):
    key = person.make(["webhooks"])["key"]
    login = {"Authorization": person.session.headers["Authorization"]}
    assert call(hub, key, "GET", "/media", headers=login).status_code == 200
    assert call(hub, "garbage", "GET", "/media", headers=login).status_code == 200
    assert call(hub, key, "GET", "/webhooks", headers={"Authorization": "Bearer x.y.z"}).status_code == 401


def test_a_program_uploads_and_reads(hub, person, photo):
    key = person.make(["media:read", "media:write"])["key"]
    with open(photo, "rb") as file:
        made = call(hub, key, "POST", "/media/upload", files={"file": (photo.name, file)})
    assert made.status_code == 201 and made.json()["data"]["user_id"] == person.id
    assert call(hub, key, "GET", "/media").json()["data"][0]["id"] == made.json()["data"]["id"]


def test_an_admins_key_is_no_admin(hub, person, photo):
    media = hub.upload(person.session, photo).json()["data"]
    hook = {"url": hub.url + "/hook", "events": ["*"]}
    wide = hub.admin.post(hub.api + "/webhooks", json=hook, timeout=PATIENCE_S).json()["data"]
    made = hub.admin.post(hub.api + "/api-keys", json={"name": "x", "scopes": ALL}, timeout=PATIENCE_S)
    key = made.json()["data"]["key"]
    path = f"/media/{media['id']}"
    assert hub.admin.get(hub.api + path, timeout=PATIENCE_S).status_code == 200
    assert call(hub, key, "GET", path).status_code == 404
    assert call(hub, key, "GET", "/media", params={"scope": "all"}).status_code == 403
    assert call(hub, key, "PATCH", f"/webhooks/{wide['id']}", json={"active": False}).status_code == 403
    narrow = call(hub, key, "POST", "/webhooks", json=hook)
    assert narrow.status_code == 201
    assert call(hub, key, "GET", f"/webhooks/{narrow.json()['data']['id']}").status_code == 200


def test_last_use_is_told(hub, person):
    key = person.make()
    before = int(time.time())
    assert everywhere(hub, key["key"]) == 200
    shown, = person.list()["data"]
    used = time.mktime(time.strptime(shown["last_used_at"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert before <= used <= time.time()


def test_the_same_request_again(hub, person):
    once = {"Idempotency-Key": uuid.uuid4().hex}
    first = person.make(headers=once)
    again = person.make(headers=once)
    assert again == {**first, "key": None} and len(person.list()["data"]) == 1
    person.make(["realtime"], headers=once, status=422)
    assert everywhere(hub, first["key"]) == 200


def test_no_more_than_an_account_may_have(make_hub):
    hub = make_hub("--gateways", "2", "--api-keys-per-account", "5")
    hub.admin = hub.session()
    person = Person(hub)

    def make(_):
        return requests.post(hub.api + "/api-keys", timeout=PATIENCE_S, json={"name": "x", "scopes": ALL},
                             headers={"Authorization": person.session.headers["Authorization"]})
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(make, range(32)))
    assert sorted(a.status_code for a in answers) == [201] * 5 + [507] * 27
    keys = person.list()["data"]
    assert len(keys) == 5
    # Those that have expired give way, no others.
    let_ended = keys[1:3]
    for key in let_ended:
        let_api_key_end(hub, key["id"], 1)
    assert make(0).status_code == 201 and len(person.list()["data"]) == 4
    assert not {k["id"] for k in let_ended} & {k["id"] for k in person.list()["data"]}
    person.end(keys[0])
    assert [make(0).status_code for _ in range(3)] == [201, 201, 507]
    Person(hub).make()


def test_rates(make_hub):
    hub = make_hub("--gateways", "2", env={"MEDIAHUB_LIMITS_API_KEY": "7", "MEDIAHUB_LIMITS_ANONYMOUS": "5"})
    hub.admin = hub.session()
    person = Person(hub)
    one, other = person.make()["key"], person.make()["key"]
    wait_for(lambda: time.time() % 60 < 45, "a window with room", 60)

    def left(key, times):
        answers = [call(hub, key, "GET", "/media") for _ in range(times)]
        return [(a.status_code, int(a.headers["X-RateLimit-Limit"]), int(a.headers["X-RateLimit-Remaining"]))
                for a in answers]
    assert left(one, 9) == [(200, 7, n) for n in (6, 5, 4, 3, 2, 1, 0)] + [(429, 7, 0)] * 2
    assert left(other, 1) == [(200, 7, 6)]      # each key has its own, and the user another
    person.list()
    begun = time.time() // 60
    spent = 5 - left("garbage", 1)[0][2]        # logins and the like were anonymous as well
    revoked = person.make()
    assert left(revoked["key"], 1) == [(200, 7, 6)]
    person.end(revoked)
    after = [left(invented(), 1)[0], left(revoked["key"], 1)[0]]
    if time.time() // 60 == begun:
        assert [row[1:] for row in after] == [(5, max(0, 5 - spent - n)) for n in (1, 2)]


def test_keys_of_every_partition(make_hub):
    hub = make_hub("--partitions", "3")
    for number, session in enumerate(one_in_each(hub, 3)):
        made = session.post(hub.api + "/api-keys", json={"name": "x", "scopes": ALL}, timeout=PATIENCE_S)
        key = made.json()["data"]
        assert key["key"].startswith(f"mvk_0{number}") and everywhere(hub, key["key"]) == 200
        socket = SocketClient(hub, key["key"])
        assert session.delete(f"{hub.api}/api-keys/{key['id']}", timeout=PATIENCE_S).status_code == 200
        assert everywhere(hub, key["key"]) == 401
        closed(socket)


# /realtime

def closed(socket, code=4001):
    while True:
        message = socket.receive()
        if message["type"] == "closed":
            assert message["code"] == code, message
            return socket.seen


def on_both(hub, key):
    """Sockets until each gateway has one, told apart by nothing: eight are enough."""
    return [SocketClient(hub, key["key"]) for _ in range(8)]


def test_a_socket_hears_with_a_key(hub, person, photo):
    key = person.make(["realtime"])
    first = SocketClient(hub, key["key"])
    headed = websocket.create_connection(hub.url.replace("http", "ws") + "/realtime", timeout=PATIENCE_S,
                                         header=["X-API-Key: " + key["key"]])
    assert "welcome" in headed.recv() and "auth_ok" in headed.recv()
    headed.close()
    media = hub.upload(person.session, photo).json()["data"]
    first.wait_event("media.uploaded", media["id"])
    assert [m["expires_at"] for m in first.seen if m["type"] == "auth_ok"] == [None]
    first.close()
    assert person.list()["data"][0]["last_used_at"]


@pytest.mark.parametrize("given", ["message", "header"])
@pytest.mark.parametrize("wrong", ["scope", "unknown", "sum", "revoked"])
def test_a_socket_without_a_right_key(hub, person, wrong, given):
    key = person.make(["media:read"] if wrong == "scope" else ALL)
    text = {"scope": key["key"], "unknown": invented(), "sum": key["key"][:-2] + "zz",
            "revoked": key["key"]}[wrong]
    if wrong == "revoked":
        person.end(key)
    socket = SocketClient(hub)
    if given == "header":
        socket.close()
        socket.socket = websocket.create_connection(
            hub.url.replace("http", "ws") + "/realtime", timeout=PATIENCE_S, header=["X-API-Key: " + text])
    else:
        socket.send(type="auth", token=text)
    assert closed(socket)[-1]["type"] == "auth_error"


def test_sockets_end_with_their_key(hub, person):
    key, other = person.make(), person.make()
    sockets, stays = on_both(hub, key), SocketClient(hub, other["key"])
    person.end(key)
    for socket in sockets:
        closed(socket)
    stays.send(type="ping")
    stays.wait("pong")
    stays.close()


def test_no_socket_outlives_a_key_that_it_raced(hub, person):
    for _ in range(5):
        key, sockets = person.make(), [SocketClient(hub) for _ in range(16)]
        with ThreadPoolExecutor(17) as pool:
            ended = pool.submit(person.end, key)
            for socket in sockets:
                pool.submit(socket.send, type="auth", token=key["key"])
        ended.result()
        for socket in sockets:
            closed(socket)


def test_sockets_end_with_their_owner(hub, person):
    sockets = on_both(hub, person.make())
    hub.admin.patch(f"{hub.api}/users/{person.id}", json={"is_active": False}, timeout=PATIENCE_S)
    for socket in sockets:
        closed(socket)


def test_sockets_outlive_a_new_password(hub, person):
    socket = SocketClient(hub, person.make()["key"])
    answer = person.session.patch(hub.api + "/users/me", timeout=PATIENCE_S, json={
        "password": "another long one", "current_password": "long enough"})
    assert answer.status_code == 200
    socket.send(type="ping")
    socket.wait("pong")
    socket.close()


def test_a_socket_ends_when_its_key_expires(hub, person):
    key = person.make(expires_in_days=1)
    let_api_key_end(hub, key["id"], time.time() * 1000 + 2500)
    socket = SocketClient(hub, key["key"])
    assert "token_expiring" in [m["type"] for m in closed(socket)]


def test_deleted_keys_leave_nothing(hub, person):
    key = person.make()
    assert everywhere(hub, key["key"]) == 200
    person.end(key)
    assert redis(hub, "--scan", "--pattern", f"*{key['id']}*") == ""
    assert redis(hub, "--scan", "--pattern", f"used:{key['id']}", server="volatile") == ""
