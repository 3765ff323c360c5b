"""Deliveries: what the dispatcher spends from the event in the stream to the recorded answer."""
import os
import pathlib
import tempfile

from harness import BUILD, free_port, wait_for
from measure import (LOAD_CORE, PHOTOS, ROUNDS, SERVER_CORE, cpu_us, nginx, pin, ratios, report,
                     spread)
from state import State

DELIVERIES = 1000           # in a round
PER_COMMIT = 50
AT_ONCE = 8                 # what the dispatcher has in flight to one endpoint, see admission.h

# As many headers, of the same length, as a delivery has.
HEADERS = ["webhook-id: evt_01ARZ3NDEKTSV4RRFFQ69G5FAV", "webhook-timestamp: 1700000000",
           "webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
           "Content-Type: application/json", "User-Agent: Mediahub-Webhooks/0.1.0",
           "X-MediaVault-Event: media.updated", "Expect:"]


def floor_us(url, body):
    """CPU microseconds a request of a bare libcurl multi program."""
    pid = os.posix_spawn(BUILD / "bin/bench_post_floor", [
        "bench_post_floor", url, str(DELIVERIES), str(AT_ONCE), body, *HEADERS], os.environ)
    pin(pid, {SERVER_CORE})
    _, status, used = os.wait4(pid, 0)
    assert status == 0, status
    return (used.ru_utime + used.ru_stime) * 1e6 / DELIVERIES


def lines(path):
    return path.read_bytes().count(b"\n")


def bench_webhooks(hub):
    session = hub.session()
    media = hub.upload(session, PHOTOS[0]).json()["data"]
    media = hub.wait_status(session, media["id"], "ready")
    dispatcher, = hub.pids("mediahub-webhooks")
    state = State(hub)
    port, url = free_port(), ""
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "received"
        receiver = (f"access_log {log} kept; location = /hook {{ return 204; }}"
                    "location = /floor { access_log off; return 204; }")
        with nginx(LOAD_CORE, port, receiver, "log_format kept '$http_webhook_id';"):
            url = f"http://127.0.0.1:{port}"
            answer = session.post(hub.api + "/webhooks", json={
                "url": url + "/hook", "events": ["media.updated"]})
            assert answer.status_code == 201, answer.text
            pin(dispatcher, {SERVER_CORE})
            ours, bare = measure(state, media, dispatcher, log, url)
    state.close()
    report("webhooks, deliveries per CPU second of the dispatcher",
           spread([1e6 / us for us in ours], "{:.0f}"),
           f"{ratios(bare, ours)} x of a bare libcurl multi program "
           f"({spread([1e6 / us for us in bare], '{:.0f}')})")


def measure(state, media, dispatcher, log, url):
    ours, bare, sent = [], [], 0

    def publish(events):
        nonlocal sent
        sent += events
        before = cpu_us(dispatcher)
        for at in range(0, events, PER_COMMIT):
            body = state.commit_updates(media, [f"hook {at + i}" for i in range(PER_COMMIT)])
        wait_for(lambda: lines(log) >= sent, "the deliveries")
        return (cpu_us(dispatcher) - before) / events, body

    publish(PER_COMMIT)      # opens the window and the connections
    for _ in range(ROUNDS):
        us, body = publish(DELIVERIES)
        ours.append(us)
        bare.append(floor_us(url + "/floor", body))
    ids = log.read_text().split()
    assert len(ids) == len(set(ids)) == sent, (len(ids), len(set(ids)), sent)
    return ours, bare
