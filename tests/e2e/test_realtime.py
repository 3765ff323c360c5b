"""/realtime on the running hub: the upgrade, fragments, sessions, recovery over a restart. What is
refused stands in test_bad_input.py."""
import json
import threading
import uuid

import requests
import state_keys
from harness import PATIENCE_S, wait_for
from raw_client import ACCEPT, RawSocket
from socket_client import SocketClient


def test_upgrade(make_hub):
    hub = make_hub("--cors-origins", "https://app.example")
    welcome = RawSocket(hub)
    assert welcome.status == 101 and welcome.headers["sec-websocket-accept"] == ACCEPT
    assert "sec-websocket-protocol" not in welcome.headers
    message = json.loads(welcome.until(0x81))
    assert message["type"] == "welcome" and message["auth_timeout"] == 10
    assert RawSocket(hub, Sec_WebSocket_Protocol="x, mediavault.v1").headers[
        "sec-websocket-protocol"] == "mediavault.v1"

    assert RawSocket(hub, Origin="https://app.example").status == 101
    assert RawSocket(hub, Origin=f"http://127.0.0.1:{hub.port}").status == 101
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{hub.port}.evil.example"):
        assert RawSocket(hub, Origin=origin).status == 403
    assert RawSocket(hub, Upgrade=None).status == 426
    old = RawSocket(hub, Sec_WebSocket_Version="8")
    assert old.status == 426 and old.headers["sec-websocket-version"] == "13"
    assert RawSocket(hub, Sec_WebSocket_Key="c2hvcnQ=").status == 400
    assert RawSocket(hub, path="/realtime?token=x").status == 400
    assert requests.get(hub.url + "/realtime", timeout=PATIENCE_S).status_code == 426
    assert requests.post(hub.url + "/realtime", timeout=PATIENCE_S).status_code == 405

    good = RawSocket(hub, Authorization="Bearer " + hub.login())
    assert [json.loads(good.until(0x81))["type"] for _ in range(2)] == ["welcome", "auth_ok"]
    bad = RawSocket(hub, Authorization="Bearer x.y.z")
    assert bad.status == 101
    assert [json.loads(bad.until(0x81))["type"] for _ in range(2)] == ["welcome", "auth_error"]
    assert bad.close_code() == 4001


def test_fragments(hub):
    raw = RawSocket(hub)
    text = json.dumps({"type": "ping", "id": "\u20ac", "more": "x" * 65000}, ensure_ascii=False)
    cut = text.encode().index(b"\xe2") + 1
    raw.send(0x01, text.encode()[:cut])                 # in the middle of a character
    raw.send(0x89, b"between")
    assert raw.until(0x8A) == b"between"
    for byte in bytes([0x00, 0x80, 1, 2, 3, 4]):        # an empty fragment, byte by byte
        raw.socket.sendall(bytes([byte]))
    raw.send(0x80, text.encode()[cut:])
    pong = json.loads(raw.until(0x81))
    assert pong["type"] == "pong" and pong["reply_to"] == "\u20ac"


def test_refusals_and_limits(hub):
    client = SocketClient(hub)
    client.wait("welcome")
    client.send(type="subscribe", channel="media_updates")
    assert client.wait("error")["error"]["code"] == "unauthorized"
    client.socket.send("this is not JSON")
    assert client.wait("error")["error"]["code"] == "validation_error"
    client.send(type="auth", token=hub.login(), id=1)
    assert client.wait("auth_ok")["reply_to"] == 1
    client.send(type="subscribe", channel="media_updates", resource_id="media_123")
    error = client.wait("error")
    assert error["error"]["code"] == "not_found" and error["resource_id"] == "media_123"
    client.send(type="subscribe", channel="session")
    assert client.wait("error")["error"]["code"] == "validation_error"
    client.close()


def test_too_many_messages_are_answered_later(hub):
    """A client that comes back with all its subscriptions; each is confirmed, in its order."""
    client = SocketClient(hub)
    client.send(type="auth", token=hub.login())
    for i in range(100):
        client.send(type=("subscribe", "unsubscribe", "ping")[i % 3], channel="media_updates", id=i)
    client.wait("auth_ok")
    answers = [client.receive() for _ in range(100)]
    assert [a["type"] for a in answers] == [
        ("subscribed", "unsubscribed", "pong")[i % 3] for i in range(100)]
    assert [a["reply_to"] for a in answers] == list(range(100))
    # A crowd of them, more than there is memory for: held back by the kernel, and answered all.
    # Pings of the protocol between them are answered as well.
    for i in range(20):
        client.send(type="ping", id=i, filler="x" * 40000)
    client.socket.ping("between")
    assert [client.wait("pong")["reply_to"] for _ in range(20)] == list(range(20))
    client.close()


def test_as_many_sockets_as_are_allowed(hub):
    token = hub.login()
    sockets = [SocketClient(hub, token) for _ in range(20)]

    def listen(s):
        while s.receive()["type"] != "closed":
            pass

    threads = [threading.Thread(target=listen, args=(s,)) for s in sockets]
    for thread in threads:
        thread.start()
    for headers in ({}, {"Authorization": "Bearer " + token}):
        late = RawSocket(hub, **headers)
        if not headers:
            late.send(0x81, json.dumps({"type": "auth", "token": token}).encode())
        assert late.close_code() == 4100
    for s in sockets:
        s.socket.send_close()
    for thread in threads:
        thread.join()


def test_dead_sockets_give_way(hub):
    """Twenty that answer no ping, as after a broken network: a new one is let in, for the first."""
    token = register(hub, hub.session())        # who has no socket of another test's
    dead = [RawSocket(hub, Authorization="Bearer " + token) for _ in range(20)]
    for s in dead:
        assert [json.loads(s.until(0x81))["type"] for _ in range(2)] == ["welcome", "auth_ok"]
    late = SocketClient(hub, token)
    assert dead[0].close_code() == 4201
    late.send(type="ping", id=1)
    assert late.wait("pong")["reply_to"] == 1
    late.close()


def register(hub, admin):
    name = "u" + uuid.uuid4().hex[:10]
    answer = admin.post(hub.api + "/auth/register", timeout=PATIENCE_S, json={
        "username": name, "email": name + "@example.com", "password": "long enough"})
    assert answer.status_code == 201, answer.text
    return hub.login(name, "long enough")


def test_who_hears_what(hub, photo):
    admin = hub.session()
    ann, bob = register(hub, admin), register(hub, admin)
    hears = {name: SocketClient(hub, token) for name, token in
             {"admin": hub.login(), "ann": ann, "bob": bob}.items()}
    media = hub.upload(hub.session(ann), photo).json()["data"]
    seen = {name: hears[name].wait_event("media.uploaded", media["id"])
            for name in ("admin", "ann")}
    assert seen["admin"] == seen["ann"]

    one = SocketClient(hub, ann, subscribe=())
    one.send(type="subscribe", channel="media_updates", resource_id=media["id"])
    one.wait("subscribed", resource_id=media["id"])
    hears["bob"].send(type="subscribe", channel="media_updates", resource_id=media["id"])
    assert hears["bob"].wait("error")["error"]["code"] == "not_found"
    other = hub.upload(hub.session(ann), photo, title="other").json()["data"]
    hears["ann"].wait_event("media.uploaded", other["id"])
    assert hub.session(ann).delete(f"{hub.api}/media/{media['id']}").status_code == 200
    one.wait_event("media.deleted", media["id"])
    assert {m["resource_id"] for m in one.seen if m["type"] == "event"} == {media["id"]}
    hears["bob"].send(type="ping", id="last")
    hears["bob"].wait("pong", reply_to="last")
    assert not [m for m in hears["bob"].seen if m["type"] == "event"]


def test_logout_closes_the_sockets_of_the_session(hub):
    token, other = hub.login(), hub.login()
    client, left = SocketClient(hub, token), SocketClient(hub, other)
    assert hub.session(token).post(hub.api + "/auth/logout", timeout=PATIENCE_S).status_code == 200
    assert client.receive()["code"] == 4001
    left.send(type="ping")
    left.wait("pong")
    again = SocketClient(hub)
    again.send(type="auth", token=token)
    again.wait("auth_error")
    assert again.receive()["code"] == 4001


def heard_of(client, event):
    """The resources that this happened to, in the order in which the client heard of it."""
    return [m["resource_id"] for m in client.seen
            if m["type"] == "event" and m["event"] == event]


def test_nothing_is_lost_over_reconnects_and_a_restart(hub, photo):
    session = hub.session()
    token = hub.login()
    client = SocketClient(hub, token)
    position = client.subscribed[0]["position"]
    client.close()

    uploaded = []
    for i in range(5):
        uploaded.append(hub.upload(session, photo, title=str(i)).json()["data"]["id"])
    client = SocketClient(hub, token, since=position)
    assert client.subscribed[0]["recovered"] is True
    client.wait_event("media.uploaded", uploaded[-1])
    assert heard_of(client, "media.uploaded") == uploaded
    client.close()

    hub.stop()
    hub.start()
    client = SocketClient(hub, token, since=position)      # memory is empty now
    assert client.subscribed[0]["recovered"] is True
    client.wait_event("media.uploaded", uploaded[-1])
    assert heard_of(client, "media.uploaded") == uploaded
    middle = next(m for m in client.seen
                  if m["type"] == "event" and m["resource_id"] == uploaded[2])
    client.close()
    client = SocketClient(hub, token, since=middle["position"])
    client.wait_event("media.uploaded", uploaded[-1])
    assert heard_of(client, "media.uploaded") == uploaded[3:]
    client.send(type="subscribe", channel="media_updates", since="nonsense")
    assert client.wait("subscribed")["recovered"] is False
    client.close()


def test_live_and_replayed_events_meet_without_a_seam(hub, photo):
    """Reconnects while events are being made: each exactly once, in order."""
    session = hub.session()
    token = hub.login()
    uploaded, position, heard = [], None, []
    done = threading.Event()

    def make():
        for i in range(30):
            uploaded.append(hub.upload(session, photo, title=str(i)).json()["data"]["id"])
        done.set()

    client = SocketClient(hub, token)
    position = client.subscribed[0]["position"]
    maker = threading.Thread(target=make)
    maker.start()
    while not (done.is_set() and heard and len(heard) == len(uploaded)):
        client.close()
        client = SocketClient(hub, token, since=position)
        assert client.subscribed[0]["recovered"] is True
        for _ in range(3):
            if done.is_set() and len(heard) == len(uploaded):
                break
            event = client.wait("event")
            position = event["position"]
            if event["event"] == "media.uploaded":
                heard.append(event["resource_id"])
    maker.join()
    assert heard == uploaded
    client.close()


def test_a_lost_history_is_told(hub, photo):
    hub.expect_deaths()
    client = SocketClient(hub, hub.login())
    hub.upload(hub.session(), photo)
    client.wait_event("media.uploaded")
    stale = client.seen[-1]["position"]
    state_keys.lose_history(hub)
    gap = client.wait("gap")
    assert gap["reason"] == "history_forked" and gap["position"] != stale
    again = SocketClient(hub, hub.login(), since=stale)
    assert again.subscribed[0]["recovered"] is False


def test_drain_sends_everybody_away_in_turn(hub):
    token = hub.login()
    clients = [SocketClient(hub, token) for _ in range(8)]
    stop = threading.Thread(target=hub.stop)
    stop.start()
    reasons = []
    for client in clients:
        closed = client.receive()
        assert closed["code"] == 4200, closed
        reasons.append(int(closed["reason"].removeprefix("retry_ms=")))
    assert all(0 <= r <= 1000 for r in reasons) and len(set(reasons)) > 1
    stop.join()
    assert hub.process is None                          # it ended well


def test_metrics_and_no_leaks(hub, photo):
    def figures():
        text = requests.get(hub.url + "/metrics", timeout=PATIENCE_S).text
        return {line.split()[0]: float(line.split()[1]) for line in text.splitlines()
                if line.startswith("mediahub_realtime")}

    token = hub.login()
    clients = [SocketClient(hub, token) for _ in range(10)]
    hub.upload(hub.session(), photo)
    for client in clients:
        client.wait_event("media.ready")
    now = figures()
    assert now["mediahub_realtime_clients"] == 10 and now["mediahub_realtime_subscriptions"] == 10
    assert now["mediahub_realtime_frames_sent_total"] > now["mediahub_realtime_encoded_total"]
    for client in clients[:5]:
        client.close()
    for client in clients[5:]:
        client.socket.sock.close()                                    # without a word
    wait_for(lambda: figures()["mediahub_realtime_clients"] == 0, "the end of all clients")
    assert figures()["mediahub_realtime_users"] == 0


def test_several_partitions(make_hub, photo):
    hub = make_hub("--partitions", "3")
    admin = hub.session()
    tokens = [register(hub, admin) for _ in range(4)]
    watcher = SocketClient(hub, hub.login())
    start = watcher.subscribed[0]["position"]
    uploaded = {hub.upload(hub.session(t), photo).json()["data"]["id"] for t in tokens}
    for client in (watcher, SocketClient(hub, hub.login(), since=start)):
        while set(heard_of(client, "media.uploaded")) != uploaded:
            client.wait("event", event="media.uploaded")
        client.close()
    assert client.subscribed[0]["recovered"] is True
    assert len(heard_of(client, "media.uploaded")) == len(uploaded)
