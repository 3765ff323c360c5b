"""The state server's memory is full: what would make it grow is refused with 507, reading goes on, and
so does what makes room."""

import requests
from harness import PATIENCE_S, wait_for
from load import tiny_png
from socket_client import SocketClient
from state_keys import redis


def ready(hub):
    answer = requests.get(hub.url + "/ready", timeout=PATIENCE_S)
    return answer.status_code, answer.json()["checks"] if answer.status_code == 200 else answer.text


def test_bounds(make_hub):
    hub = make_hub("--redis-max-memory", "100M")
    assert redis(hub, "CONFIG", "GET", "maxmemory").split()[1] == str(100 << 20)
    assert redis(hub, "CONFIG", "GET", "maxmemory", server="volatile").split()[1] == str(25 << 20)


def test_full(hub):
    half = int(redis(hub, "CONFIG", "GET", "maxmemory").split()[1])
    total = int(next(line.split()[1] for line in open("/proc/meminfo", encoding="ascii")
                     if line.startswith("MemTotal"))) * 1024
    assert 0 < half <= total // 2
    session, token = hub.session(), hub.login()

    def upload(number):
        return session.post(hub.api + "/media/upload", timeout=PATIENCE_S,
                            files={"file": ("tiny.png", tiny_png(number))})

    media = [upload(number).json()["data"] for number in range(2)]
    for one in media:
        hub.wait_status(session, one["id"], "ready")
    path = f"{hub.api}/media/{media[0]['id']}"
    assert ready(hub)[0] == 200

    client = SocketClient(hub, token)
    redis(hub, "CONFIG", "SET", "maxmemory", "1")
    for answer in (upload(2), session.patch(path, json={"title": "Sea"}),
                   session.post(hub.api + "/webhooks",
                                json={"url": "https://example.com/", "events": ["*"]})):
        assert answer.status_code == 507, answer.text
        assert answer.json()["error"]["code"] == "insufficient_storage"
        assert int(answer.headers["Retry-After"]) > 0
    status, text = ready(hub)
    assert status == 503 and "memory" in text, text

    # Reading, also by a link and by whoever comes only now.
    assert session.get(path).json()["data"]["title"] == "tiny"
    assert session.get(hub.api + "/media").json()["meta"]["pagination"]["total"] == 2
    assert requests.get(hub.url + media[0]["url"], timeout=PATIENCE_S).content == tiny_png(0)
    late = hub.session()
    assert late.get(path).status_code == 200

    # What makes room, with its event; then everything again.
    assert late.delete(path).status_code == 200
    client.wait_event("media.deleted", media[0]["id"])
    assert late.post(hub.api + "/auth/logout").status_code == 200
    redis(hub, "CONFIG", "SET", "maxmemory", str(half))
    wait_for(lambda: ready(hub)[0] == 200, "readiness")
    assert upload(2).status_code == 201
    client.close()


def test_start_while_full(hub):
    """A restart finds what it needs without writing: nobody is locked out of making room."""
    session = hub.session()
    media = session.post(hub.api + "/media/upload", timeout=PATIENCE_S,
                         files={"file": ("tiny.png", tiny_png(0))}).json()["data"]
    used = dict(line.split(":", 1) for line in redis(hub, "INFO", "memory").split() if ":" in line)
    hub.stop()
    hub.options += ["--redis-max-memory", str(int(used["used_memory"]) // 2)]
    hub.start()
    assert ready(hub)[0] == 503
    assert session.get(f"{hub.api}/media/{media['id']}").status_code == 200
    assert session.delete(f"{hub.api}/media/{media['id']}").status_code == 200
