"""/realtime as a stream of server-sent events, against the running hub: the same messages, positions,
recovery and ends as over WebSocket, and tickets. What a browser makes of it stands in test_browser.py."""
import json
import socket
import threading

import pytest
import requests
import state_keys
from harness import PATIENCE_S, wait_for
from load import tiny_png
from raw_client import RawSocket
from socket_client import SocketClient
from stream_client import ACCEPT, StreamClient
from test_realtime import heard_of, register


@pytest.fixture(scope="module")
def shared(make_shared_hub):
    return make_shared_hub("--gateways", "2", "--cors-origins", "https://app.example")


def upload(hub, session, number):
    answer = session.post(hub.api + "/media/upload", files={"file": (f"{number}.png", tiny_png(number))},
                          timeout=PATIENCE_S)
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]["id"]


def ticket_for(hub, token):
    answer = requests.post(hub.url + "/realtime/tickets", timeout=PATIENCE_S,
                           headers={"Authorization": "Bearer " + token})
    assert answer.status_code == 201 and answer.json()["expires_in"] == 60, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json()["ticket"]


def test_the_same_messages_as_over_websocket(shared):
    session, token = shared.session(), shared.login()
    stream, frames = StreamClient(shared, token, headers={"Origin": "https://app.example"}), SocketClient(
        shared, token)
    assert stream.headers["Content-Type"] == "text/event-stream"
    assert stream.headers["Cache-Control"] == "no-store" and stream.headers["X-Accel-Buffering"] == "no"
    assert stream.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert stream.wait("auth_ok")["user_id"]
    stream.wait("subscribed", channel="media_updates", resource_id=None)
    assert stream.retry == 2000
    uploaded = upload(shared, session, 1)
    for client in (stream, frames):
        client.wait_event("media.ready", uploaded)
    stories = [[m for m in client.seen if m["type"] == "event" and m["resource_id"] == uploaded
                and m["position"]] for client in (stream, frames)]
    assert stories[0] == stories[1] and stories[0][0]["event"] == "media.uploaded"
    # The position of one is good for the other.
    position = stories[0][0]["position"]
    upload(shared, session, 2)
    again = SocketClient(shared, token, since=stream.seen[-1]["position"])
    assert again.subscribed[0]["recovered"] is True
    with_header = StreamClient(shared, token, last=frames.seen[-1]["position"])
    assert with_header.wait("subscribed")["recovered"] is True
    # A header is stronger than what the URL says, which a browser repeats.
    both = StreamClient(shared, token, f"channel=media_updates&since={position}", last="nonsense")
    assert both.wait("subscribed")["recovered"] is False
    assert both.wait("gap", channel="media_updates")["reason"] == "history_gone"
    asked = StreamClient(shared, token, f"channel=media_updates&since={position}")
    assert asked.wait("subscribed")["recovered"] is True
    asked.wait_event("media.ready", uploaded)
    for client in (stream, frames, again, with_header, both, asked):
        client.close()


@pytest.mark.parametrize("query,places", [
    ("channel=media_updates", [("media_updates", None)]),
    ("channel=media_updates&resource_id=*", [("media_updates", None)]),
    ("channel=media_updates&resource_id=", [("media_updates", None)]),
    ("channel=media_updates&channel=user_updates", [("media_updates", None), ("user_updates", None)]),
    ("channel=media_updates&resource_id={0}&resource_id={1}&channel=user_updates&channel=job_progress",
     [("media_updates", 0), ("media_updates", 1), ("user_updates", None), ("job_progress", None)]),
    ("resource_id={1}&channel=media_updates&channel=job_progress&resource_id={0}",
     [("media_updates", 1), ("job_progress", 0)]),
    ("channel=media_updates&channel=media_updates", [("media_updates", None)]),
])
def test_what_the_query_names(shared, query, places):
    session = shared.session()
    if not hasattr(shared, "two"):
        shared.two = [upload(shared, session, n) for n in (10, 11)]
        for media in shared.two:
            shared.wait_status(session, media, "ready")
    stream = StreamClient(shared, shared.login(), query.format(*shared.two))
    named = [(place, shared.two[resource] if resource is not None else None) for place, resource in places]
    for channel, resource in named:
        message = stream.wait("subscribed")
        assert (message["channel"], message["resource_id"]) == (channel, resource)
    # Each of two events once, and in its order, whatever matches it.
    for media in shared.two:
        session.patch(f"{shared.api}/media/{media}", json={"title": query}, timeout=PATIENCE_S)
    wanted = [media for media in shared.two if any(
        channel == "media_updates" and resource in (None, media) for channel, resource in named)]
    for media in wanted:
        assert stream.wait_event("media.updated")["resource_id"] == media
    stream.close()


def test_refusals_come_before_the_stream(shared):
    token = shared.login()
    other = register(shared, shared.session())
    foreign = upload(shared, shared.session(other), 20)
    stranger = register(shared, shared.session())
    for query, given, status, says in [
            ("", token, 400, "media_updates"),
            ("channel=", token, 400, "media_updates"),
            ("resource_id=media_1", token, 400, "Name a `channel`"),
            ("channel=nothing", token, 400, "no such channel"),
            ("channel=session", token, 400, "no such channel"),
            ("channel=media_updates&resource_id=" + "x" * 129, token, 400, "resource_id"),
            ("channel=collection_updates&resource_id=%ff", token, 400, "resource_id"),
            ("channel=media_updates&resource_id=media_1", token, 404, "no such resource"),
            ("channel=media_updates&resource_id=" + foreign, stranger, 404, "no such resource"),
            ("channel=media_updates", None, 401, "Authorization"),
            ("channel=media_updates", "x.y.z", 401, ""),
            ("channel=media_updates&ticket=tkt_x", None, 401, "ticket"),
            ("channel=media_updates&ticket=" + "x" * 4000, None, 401, "ticket"),
            ("channel=media_updates&token=" + token, token, 400, "ticket"),
            ("channel=media_updates&access_token=" + token, token, 400, "ticket")]:
        stream = StreamClient(shared, given, query)
        assert stream.status == status, query
        assert says in stream.refusal(), query
        assert status != 401 or stream.headers["WWW-Authenticate"] == "Bearer"
    with_body = requests.get(shared.url + "/realtime?channel=media_updates", data="x", timeout=PATIENCE_S,
                             headers={**ACCEPT, "Authorization": "Bearer " + token})
    assert with_body.status_code == 400
    # Who does not name the type wants a WebSocket.
    for accept in ("*/*", "text/*", "application/json", "text/event-stream;q=0", "*/*, text/event-stream; Q=0.00"):
        assert requests.get(shared.url + "/realtime?channel=media_updates", timeout=PATIENCE_S, headers={
            "Accept": accept, "Authorization": "Bearer " + token}).status_code == 426
    assert requests.head(shared.url + "/realtime?channel=media_updates", timeout=PATIENCE_S, headers={
        **ACCEPT, "Authorization": "Bearer " + token}).status_code == 426
    listed = StreamClient(shared, token, headers={"Accept": "text/html, text/event-stream;q=0.9"})
    assert listed.status == 200
    listed.close()


def test_nothing_is_lost_and_nothing_comes_twice(shared):
    """Cut again and again, by either side's gateway, while things happen: each once, in order."""
    session, token, uploaded, heard = shared.session(), shared.login(), [], []
    done = threading.Event()

    def make():
        for i in range(25):
            uploaded.append(upload(shared, session, 100 + i))
        done.set()

    stream = StreamClient(shared, token, "channel=media_updates&channel=user_updates")
    stream.wait("subscribed", channel="user_updates")
    maker = threading.Thread(target=make)
    maker.start()
    cuts = 0
    while not (done.is_set() and len(heard) == len(uploaded)):
        stream.close()
        cuts += 1
        stream = StreamClient(shared, token, "channel=media_updates&channel=user_updates", last=stream.position)
        assert stream.wait("subscribed")["recovered"] is True
        for _ in range(4):
            if done.is_set() and len(heard) == len(uploaded):
                break
            event = stream.wait("event")
            if event["event"] == "media.uploaded":
                heard.append(event["resource_id"])
    maker.join()
    assert heard == uploaded and cuts > 3
    stream.close()


def test_a_lost_history_is_told(make_hub):
    hub = make_hub()
    hub.expect_deaths()
    token, session = hub.login(), hub.session()
    stream = StreamClient(hub, token, query=f"channel=media_updates&ticket={ticket_for(hub, token)}")
    begun = StreamClient(hub, query=f"channel=media_updates&ticket={(ticket := ticket_for(hub, token))}")
    upload(hub, session, 1)
    for client in (stream, begun):
        client.wait_event("media.uploaded")
    stale = begun.last
    begun.close()
    state_keys.lose_history(hub)
    gap = stream.wait("gap")
    assert gap["reason"] == "history_forked" and gap["position"] == stream.last != stale
    # Who was away hears of it when he comes back, by his header or by the ticket that he began with.
    for again in (StreamClient(hub, hub.login(), last=stale),
                  StreamClient(hub, query=f"channel=media_updates&ticket={ticket}", last=stale)):
        assert again.status == 200, again.refusal()
        assert again.wait("subscribed")["recovered"] is False
        assert again.wait("gap")["reason"] == "history_gone"
        again.close()


def test_an_ended_login_ends_its_streams(shared):
    """On both gateways, wherever the logout came to."""
    token, other = shared.login(), shared.login()
    streams = [StreamClient(shared, token) for _ in range(6)]
    left = StreamClient(shared, other)
    for stream in [*streams, left]:
        stream.wait("subscribed")
    spare = ticket_for(shared, token)
    assert shared.session(token).post(shared.api + "/auth/logout", timeout=PATIENCE_S).status_code == 200
    for stream in streams:
        assert stream.wait_closed() == {"type": "closed", "code": 4001, "reason": "The session or key has ended."}
    # Its token opens nothing any more, nor does a ticket for it.
    assert StreamClient(shared, token).status == 401
    assert StreamClient(shared, query="channel=media_updates&ticket=" + spare).status == 401
    upload(shared, shared.session(), 30)
    left.wait_event("media.uploaded")
    left.close()


# Tickets

def test_a_ticket_opens_one_thing_once(shared):
    token = shared.login()
    ticket = ticket_for(shared, token)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(
        StreamClient(shared, query="channel=media_updates&ticket=" + ticket))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(a.status for a in answers) == [200] + 7 * [401]
    winner = next(a for a in answers if a.status == 200)
    winner.wait("subscribed")
    # Neither the ticket nor the token is in the server or in the log.
    keys = state_keys.redis(shared, "KEYS", "*", server="volatile").split()
    mine = [key for key in keys if key.startswith(("ticket:", "stream:"))]
    assert mine and not any(ticket in key for key in keys)
    values = [state_keys.redis(shared, "GET", key, server="volatile") for key in mine]
    assert not any(ticket in value or token in value for value in values)
    assert all(0 < int(state_keys.redis(shared, "TTL", key, server="volatile")) <= 3600 for key in mine)
    assert ticket not in shared.log_text() and token not in shared.log_text()
    winner.close()


def test_a_ticket_lives_a_minute(shared):
    fresh = ticket_for(shared, shared.login())
    keys = [k for k in state_keys.redis(shared, "KEYS", "ticket:*", server="volatile").split()]
    assert keys and all(
        50 < int(state_keys.redis(shared, "TTL", key, server="volatile")) <= 60 for key in keys[-1:])
    for key in keys:
        state_keys.redis(shared, "PEXPIRE", key, "1", server="volatile")
    wait_for(lambda: not state_keys.redis(shared, "KEYS", "ticket:*", server="volatile"), "the minute's end")
    assert StreamClient(shared, query="channel=media_updates&ticket=" + fresh).status == 401


def test_a_ticket_opens_a_websocket(shared):
    token = shared.login()
    ticket = ticket_for(shared, token)
    good = RawSocket(shared, path="/realtime?ticket=" + ticket)
    assert [json.loads(good.until(0x81))["type"] for _ in range(2)] == ["welcome", "auth_ok"]
    for spent in (ticket, "tkt_nonsense"):
        bad = RawSocket(shared, path="/realtime?ticket=" + spent)
        assert [json.loads(bad.until(0x81))["type"] for _ in range(2)] == ["welcome", "auth_error"]
        assert bad.close_code() == 4001
    # A WebSocket's ticket is not one that a stream goes on with.
    position = SocketClient(shared, token).subscribed[0]["position"]
    assert StreamClient(shared, query="channel=media_updates&ticket=" + ticket, last=position).status == 401


def test_a_stream_goes_on_with_its_ticket(shared):
    """As EventSource does by itself: the same URL, and the position that was heard last."""
    token, session = shared.login(), shared.session()
    query = "channel=media_updates&ticket=" + ticket_for(shared, token)
    stream = StreamClient(shared, query=query)
    stream.wait("subscribed")
    position = stream.last
    stream.close()
    missed = upload(shared, session, 40)
    # Whoever has only read the URL somewhere knows no position.
    for forged in (None, "x", "AQEAAAAAAAAAAAAA", position[:-4]):
        assert StreamClient(shared, query=query, last=forged).status == 401, forged
    for _ in range(2):
        again = StreamClient(shared, query=query, last=position)
        assert again.wait("subscribed")["recovered"] is True
        again.wait_event("media.uploaded", missed)
        again.close()
    shared.session(token).post(shared.api + "/auth/logout", timeout=PATIENCE_S)
    assert StreamClient(shared, query=query, last=position).status == 401


def test_who_may_have_a_ticket(shared):
    token = shared.login()
    enveloped = requests.post(shared.api + "/realtime/tickets", timeout=PATIENCE_S,
                              headers={"Authorization": "Bearer " + token})
    assert enveloped.status_code == 201
    stream = StreamClient(shared, query="channel=media_updates&ticket=" + enveloped.json()["data"]["ticket"])
    stream.wait("subscribed")
    stream.close()
    for url in (shared.url, shared.api):
        for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"Authorization": "Basic eDp5"},
                        {"X-API-Key": "mvk_x"}):
            answer = requests.post(url + "/realtime/tickets", timeout=PATIENCE_S, headers=headers)
            assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer"
    assert requests.post(shared.url + "/realtime/tickets?token=" + token, timeout=PATIENCE_S,
                         headers={"Authorization": "Bearer " + token}).status_code == 400


def test_keys_open_streams_and_have_tickets(shared):
    session = shared.session()
    keys = {scope: session.post(shared.api + "/api-keys", timeout=PATIENCE_S, json={
        "name": "stream", "scopes": [scope]}).json()["data"] for scope in ("realtime", "media:read")}
    for url in (shared.url, shared.api):
        assert requests.post(url + "/realtime/tickets", timeout=PATIENCE_S, headers={
            "X-API-Key": keys["media:read"]["key"]}).status_code == 403
    narrow = StreamClient(shared, headers={"X-API-Key": keys["media:read"]["key"]})
    assert narrow.status == 403 and "scope" in narrow.refusal()
    given = {"X-API-Key": keys["realtime"]["key"]}
    ticket = requests.post(shared.url + "/realtime/tickets", timeout=PATIENCE_S, headers=given).json()["ticket"]
    streams = [StreamClient(shared, headers=given),
               StreamClient(shared, query="channel=media_updates&ticket=" + ticket)]
    for stream in streams:
        stream.wait("subscribed")
    assert session.delete(f"{shared.api}/api-keys/{keys['realtime']['id']}", timeout=PATIENCE_S).status_code == 200
    for stream in streams:
        assert stream.wait_closed()["code"] == 4001
    assert StreamClient(shared, query="channel=media_updates&ticket=" + ticket,
                        last=streams[1].last).status == 401


# How it ends

def test_streams_and_sockets_count_together(make_hub):
    hub = make_hub("--realtime-sockets-per-user", "3")
    token = hub.login()
    streams = [StreamClient(hub, token) for _ in range(2)]
    for stream in streams:
        stream.wait("subscribed")
    frames = SocketClient(hub, token)

    def answer_pings():
        while frames.receive()["type"] != "closed":
            pass

    listening = threading.Thread(target=answer_pings)
    listening.start()
    late = StreamClient(hub, token)
    closed = late.wait_closed()
    assert closed["code"] == 4100 and closed["reason"] == f"retry_ms={late.retry}"
    assert 5000 <= late.retry <= 10000
    for stream in streams:                             # asked, and alive
        assert wait_for(lambda: stream.comments, "a comment")
        upload(hub, hub.session(), 1)
        stream.wait_event("media.uploaded")
    streams[0].close()                                 # a place is free
    wait_for(lambda: "\nmediahub_realtime_streams 1\n" in requests.get(
        hub.url + "/metrics", timeout=PATIENCE_S).text, "the end of one")
    StreamClient(hub, token).wait("subscribed")
    frames.socket.send_close()
    listening.join()


def test_a_drain_sends_streams_away_in_turn(make_hub):
    hub = make_hub()
    streams = [StreamClient(hub, hub.login()) for _ in range(6)]
    for stream in streams:
        stream.wait("subscribed")
    stop = threading.Thread(target=hub.stop)
    stop.start()
    for stream in streams:
        closed = stream.wait_closed()
        assert closed["code"] == 4200 and closed["reason"] == f"retry_ms={stream.retry}"
    assert all(0 <= s.retry <= 1000 for s in streams) and len({s.retry for s in streams}) > 1
    stop.join()
    assert hub.process is None


def test_a_silent_stream_is_kept_awake(shared):
    stream = StreamClient(shared, shared.login(), "channel=user_updates")
    stream.wait("subscribed")
    wait_for(lambda: stream.comments, "a comment within 15 s", 16)
    stream.close()


def test_without_chunks_for_old_proxies(shared):
    with socket.create_connection(("127.0.0.1", shared.port), PATIENCE_S) as old:
        token = shared.login()
        old.sendall(b"GET /realtime?channel=media_updates HTTP/1.0\r\nAccept: text/event-stream\r\n"
                    b"Authorization: Bearer " + token.encode() + b"\r\n\r\n")
        stream = old.makefile("rb")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += stream.readline()
        assert b" 200 " in head and b"chunked" not in head and b"Connection: close" in head
        assert stream.readline() == b"retry: 2000\n"
        old.sendall(b"GET / HTTP/1.1\r\n\r\n")         # means nothing any more
        shared.session(token).post(shared.api + "/auth/logout", timeout=PATIENCE_S)
        rest = stream.read().decode().split("\n\n")    # until its end
        assert rest[-1] == "" and json.loads(rest[-2].removeprefix("data: "))["code"] == 4001


def test_several_partitions(make_hub):
    hub = make_hub("--partitions", "3")
    admin = hub.session()
    tokens = [register(hub, admin) for _ in range(4)]
    watcher = StreamClient(hub, hub.login(), "channel=media_updates&channel=user_updates")
    watcher.wait("subscribed", channel="user_updates")
    start = watcher.last
    uploaded = {upload(hub, hub.session(t), i) for i, t in enumerate(tokens)}
    for client in (watcher, StreamClient(hub, hub.login(), last=start)):
        while set(heard_of(client, "media.uploaded")) != uploaded:
            client.wait("event")
        client.close()
    assert len(heard_of(client, "media.uploaded")) == len(uploaded)
