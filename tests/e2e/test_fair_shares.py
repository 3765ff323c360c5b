"""Nobody takes everything: uploads under way, connections, descriptors."""
import concurrent.futures
import http.client
import os
import resource
import socket

import lists
import requests
import state_keys
from harness import PATIENCE_S, wait_for
from load import tiny_png
from people import add_user
from raw_client import Answer

JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 4000
FORM = (b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n")


def token_of_new(hub, name):
    return add_user(hub, name)[1].headers["Authorization"].split()[1]


def connect(hub, by="127.0.0.1"):
    return socket.create_connection(("127.0.0.1", hub.port), PATIENCE_S, (by, 0))


def begin_upload(hub, token, by="127.0.0.1", headers=()):
    """A part of an upload; the rest does not come."""
    s = connect(hub, by)
    head = ["POST /api/v1/media/upload HTTP/1.1", "Host: hub", f"Authorization: Bearer {token}",
            "Content-Type: multipart/form-data; boundary=b", "Content-Length: 100000000", *headers]
    s.sendall("\r\n".join([*head, "", ""]).encode() + FORM + JPEG[:2000])
    return s


def uploads(hub):
    metrics = requests.get(hub.url + "/metrics", timeout=PATIENCE_S).text
    return int(next(line.split()[-1] for line in metrics.splitlines()
                    if line.startswith("mediahub_uploads ")))


def finish(hub, token, by="127.0.0.1", headers=()):
    with connect(hub, by) as s:
        body = FORM + JPEG + b"\r\n--b--\r\n"
        head = ["POST /api/v1/media/upload HTTP/1.1", "Host: hub", f"Authorization: Bearer {token}",
                "Content-Type: multipart/form-data; boundary=b", f"Content-Length: {len(body)}"]
        s.sendall("\r\n".join([*head, *headers, "", ""]).encode() + body)
        return Answer(s.makefile("rb"))


def test_uploads(make_hub):
    hub = make_hub("--uploads-per-user", "5", "--uploads-per-address", "8",
                   "--trusted-proxies", "127.0.0.2")
    ada, bob, eve = (token_of_new(hub, name) for name in ("ada", "bob", "eve"))
    away = [("127.0.0.2", [f"X-Forwarded-For: {ip}", "X-Forwarded-Proto: https"])
            for ip in ("2001:db8:1:1::1", "2001:db8:1:1::2", "2001:db8:1:2::1")]

    # A user's share; the refusal comes before the body is read, and says when to come again.
    slow = [begin_upload(hub, ada, *away[0]) for _ in range(5)]
    wait_for(lambda: uploads(hub) == 5, "five uploads")
    answer = finish(hub, ada)
    assert (answer.status, answer.json()["error"]["code"]) == (429, "rate_limited"), answer
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert finish(hub, bob).status == 201

    # An address's share, which for IPv6 is its /64's; this machine has none.
    slow += [begin_upload(hub, bob, *away[1]) for _ in range(3)]
    wait_for(lambda: uploads(hub) == 8, "eight uploads")
    assert finish(hub, eve, *away[0]).status == 429
    assert finish(hub, eve, *away[2]).status == 201
    assert finish(hub, eve).status == 201

    # What ends, however it ends, makes room.
    for s in slow:
        s.close()
    wait_for(lambda: uploads(hub) == 0, "the end of the uploads")
    assert finish(hub, ada, *away[0]).status == 201


def test_one_user_leaves_room(hub):
    """Without a word of the settings: as many slow uploads as the hub takes at a time."""
    ada, bob = token_of_new(hub, "ada"), token_of_new(hub, "bob")
    slow = [begin_upload(hub, ada) for _ in range(256)]
    wait_for(lambda: uploads(hub) == 128, "the share of one user")
    assert finish(hub, bob).status == 201
    for s in slow:
        s.close()


def served(s):
    s.sendall(b"GET /health HTTP/1.1\r\nHost: hub\r\n\r\n")
    return Answer(s.makefile("rb"))


def test_connections_of_an_address(make_hub):
    hub = make_hub("--connections-per-address", "20")
    crowd = [connect(hub, "127.0.0.2") for _ in range(20)]
    assert all(served(s).status == 200 for s in crowd)
    with connect(hub, "127.0.0.2") as one_more:
        answer = Answer(one_more.makefile("rb"))
        assert answer.status == 429 and 0 < int(answer.headers["retry-after"]) <= 60
    with connect(hub, "127.0.0.3") as other:
        assert served(other).status == 200
    for s in crowd:
        assert served(s).status == 200
    crowd.pop().close()

    def enters():
        with connect(hub, "127.0.0.2") as s:
            return served(s).status == 200
    wait_for(enters, "a place that became free")
    assert hub.log_text().count('"connections_refused"') == 1
    for s in crowd:
        s.close()


def test_no_descriptor_left(hub, photo):
    """A connection that is open gets an answer that says "later"; new ones wait and are served."""
    session = hub.session()
    media = hub.upload(session, photo).json()["data"]
    gateway = hub.pids("mediahub-gateway")[0]
    token = session.headers["Authorization"]
    client = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=PATIENCE_S)

    def ask(method, path, body=None):
        client.request(method, path, body, {
            "Authorization": token, "Content-Type": "multipart/form-data; boundary=b"})
        answer = client.getresponse()
        answer.read()
        return answer

    assert ask("GET", "/health").status == 200
    soft, hard = resource.prlimit(gateway, resource.RLIMIT_NOFILE)
    assert soft == min(hard, 65536)
    numbers = {int(n) for n in os.listdir(f"/proc/{gateway}/fd")}
    lowest_free = next(n for n in range(len(numbers) + 1) if n not in numbers)
    resource.prlimit(gateway, resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        for method, path, body in (
                ("GET", f"/api/v1/media/{media['id']}/content", None),
                ("POST", "/api/v1/media/upload", FORM + JPEG + b"\r\n--b--\r\n")):
            answer = ask(method, path, body)
            assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0, path
        waiting = connect(hub)
        waiting.sendall(b"GET /health HTTP/1.1\r\nHost: hub\r\n\r\n")
        wait_for(lambda: '"accepting_paused"' in hub.log_text(), "the pause")
        assert ask("GET", "/health").status == 200
    finally:
        resource.prlimit(gateway, resource.RLIMIT_NOFILE, (soft, hard))
    assert Answer(waiting.makefile("rb")).status == 200
    waiting.close()
    assert ask("POST", "/api/v1/media/upload", FORM + JPEG + b"\r\n--b--\r\n").status == 201


def test_a_long_search_lets_others_pass(hub):
    """Of 10,000, again and again; who asks for little meanwhile has his answers."""
    session = hub.session()
    media = session.post(hub.api + "/media/upload", timeout=PATIENCE_S,
                         files={"file": ("a.png", tiny_png(0))}).json()["data"]
    hub.wait_status(session, media["id"], "ready")
    state_keys.multiply_media(hub, media, 10000)
    lists.forget_catalogue(hub)
    assert lists.total(hub, session) == 10001
    others = hub.session()

    def search(text):
        for _ in range(20):
            answer = requests.get(hub.api + "/media", headers=session.headers, timeout=PATIENCE_S,
                                  params={"q": text, "sort": "title", "per_page": "100"})
        return answer.status_code, answer.json()["meta"]["pagination"]["total"]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        searches = [pool.submit(search, text) for text in ("number", "9999", "nothing", "number 1")]
        answered = 0
        while not all(s.done() for s in searches):
            assert others.get(hub.api + "/users/me", timeout=PATIENCE_S).status_code == 200
            answered += 1
        found = [s.result() for s in searches]
    assert [status for status, _ in found] == [200] * 4
    assert found[0][1] >= 9999 and found[1][1] == 1 and found[2][1] == 0, found
    assert answered >= 10, answered
