"""Each process killed once while it works: nothing acknowledged is lost, and service resumes."""
import os
import signal

import pytest
import requests
from harness import wait_for
from socket_client import SocketClient


def usable(hub, session):
    try:
        return (session.get(hub.url + "/ready", timeout=5).status_code == 200
                and session.get(hub.api + "/media", timeout=5).status_code == 200)
    except requests.RequestException:
        return False


@pytest.mark.parametrize("name", ["mediahub-gateway", "mediahub-worker", "mediahub-decode",
                                  "mediahub-webhooks", "mediahub-catalogue"])
def test_a_killed_process_comes_back(hub, photo, make_receiver, name):
    hub.expect_deaths()
    receiver = make_receiver()
    session = hub.session()
    assert session.post(hub.api + "/webhooks",
                        json={"url": receiver.url, "events": ["*"]}).status_code == 201
    first = hub.upload(session, photo).json()["data"]
    victims = wait_for(lambda: hub.pids(name), f"a {name}")
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: usable(hub, session), "recovery")
    wait_for(lambda: set(hub.pids(name)) - set(victims), f"a new {name}")
    second = hub.upload(session, photo, title="second").json()["data"]
    for media in (first, second):
        hub.wait_status(session, media["id"], "ready")
    wait_for(lambda: receiver.events().count("media.uploaded") >= 2, "both webhooks")


@pytest.mark.parametrize("which", ["state", "volatile"])
def test_a_killed_redis_comes_back_with_everything(hub, photo, which):
    hub.expect_deaths()
    session = hub.session()
    before = hub.upload(session, photo).json()["data"]
    hub.wait_status(session, before["id"], "ready")
    client = SocketClient(hub, hub.login())
    pids = hub.pids("redis-server")
    assert len(pids) == 2
    for pid in pids:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            if which.encode() in f.read():
                os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(set(hub.pids("redis-server")) - set(pids)) == 1, "a new Redis")
    wait_for(lambda: usable(hub, session), "recovery")
    assert session.get(f"{hub.api}/media/{before['id']}").json()["data"]["status"] == "ready"
    after = hub.upload(session, photo).json()["data"]
    client.wait_event("media.uploaded", after["id"])
    hub.wait_status(session, after["id"], "ready")


def test_a_killed_supervisor_leaves_nothing_and_can_start_again(hub, photo):
    session = hub.session()
    media = hub.upload(session, photo).json()["data"]
    hub.kill()
    hub.start()
    hub.wait_status(session, media["id"], "ready")
