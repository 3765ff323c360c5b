"""What hangs is found within the time that is stated for it, and the work is done all the same.
(A hung ffmpeg: tests/e2e/test_workers.py; a Redis that answers nothing: test_redis_away.py.)"""
import os
import signal
import socket
import threading
import time

import pytest
from harness import PATIENCE_S, Hub, wait_for
from traffic import make_photo

SLACK_S = 5
DECODE_S = 62             # 60 for an image (gateway/job_outcome.c), 2 of grace (workers/decoder.c)
LEASE_S = 15              # core/state/job.h
TRANSFER_S = 15           # webhooks/transfer.h


@pytest.fixture
def hub(tmp_path):
    hub = Hub(tmp_path, env={"MEDIAHUB_WORKERS": "2"}).start()
    hub.expect_deaths()
    yield hub
    hub.stop()
    hub.check_log()


@pytest.fixture
def session(hub):
    return hub.session()


def upload(hub, session):
    path = hub.folder / "upload.jpg"
    path.write_bytes(make_photo(hub.folder))
    return hub.upload(session, path).json()["data"]["id"]


def stop_all(hub, name, count):
    pids = wait_for(lambda: len(hub.pids(name)) == count and hub.pids(name), f"every {name}")
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    return pids


@pytest.mark.skipif("MEDIAHUB_FAULT_ROUNDS" not in os.environ,
                    reason="takes a minute: part of the long campaign only")
def test_a_stuck_decode(hub, session):
    wait_for(lambda: hub.log_text().count('"decoder_ready"') == 2, "the decoders")
    stuck = stop_all(hub, "mediahub-decode", 2)
    media_id = upload(hub, session)
    began = time.monotonic()
    wait_for(lambda: set(stuck) - set(hub.pids("mediahub-decode")), "its end", DECODE_S + SLACK_S)
    assert time.monotonic() - began > DECODE_S - SLACK_S
    for pid in set(stuck) & set(hub.pids("mediahub-decode")):
        os.kill(pid, signal.SIGCONT)
    hub.wait_status(session, media_id, "ready")


def test_a_worker_that_hangs_loses_its_job_to_another(hub, session):
    wait_for(lambda: hub.log_text().count('"decoder_ready"') == 2, "the decoders")
    decoders = stop_all(hub, "mediahub-decode", 2)       # so that the job is caught at work
    media_id = upload(hub, session)
    wait_for(lambda: os.listdir(hub.data / "store/incoming"), "a worker at work")
    busy = [pid for pid in hub.pids("mediahub-worker") if writes(hub, pid)]
    assert len(busy) == 1
    os.kill(busy[0], signal.SIGSTOP)
    for pid in decoders:
        os.kill(pid, signal.SIGCONT)
    began = time.monotonic()
    wait_for(lambda: status(hub, session, media_id) == "ready", "the other worker",
             LEASE_S + SLACK_S)
    assert time.monotonic() - began > 1
    os.kill(busy[0], signal.SIGCONT)


def writes(hub, pid):
    incoming = str(hub.data / "store/incoming")
    links = (os.path.join(f"/proc/{pid}/fd", fd) for fd in os.listdir(f"/proc/{pid}/fd"))
    return any(os.path.lexists(link) and os.readlink(link).startswith(incoming) for link in links)


def status(hub, session, media_id):
    return session.get(f"{hub.api}/media/{media_id}", timeout=PATIENCE_S).json()["data"]["status"]


class Staller:
    """A receiver that takes requests, says `first`, and then a byte now and then, or nothing."""

    def __init__(self, first, drop):
        self.first, self.drop, self.over = first, drop, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/hook"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            connection.recv(65536)
            connection.sendall(self.first)
            while not self.over.wait(0.5):
                connection.sendall(self.drop)
        except OSError:
            pass

    def close(self):
        self.over.set()
        self.listener.close()


@pytest.fixture
def stallers():
    found = [Staller(b"", b""), Staller(b"HTTP/1.1 100 Continue\r\nX-Slow: ", b"x")]
    yield found
    for staller in found:
        staller.close()


def attempts(hub, session, endpoint):
    answer = session.get(f"{hub.api}/webhooks/{endpoint}/deliveries", timeout=PATIENCE_S)
    return [attempt for delivery in answer.json()["data"] for attempt in delivery["attempts"]]


def test_stalled_receivers(hub, session, stallers):
    endpoints = [session.post(hub.api + "/webhooks", timeout=PATIENCE_S,
                              json={"url": staller.url, "events": ["*"]}).json()["data"]["id"]
                 for staller in stallers]
    upload(hub, session)
    began = time.monotonic()
    for endpoint in endpoints:
        tried = wait_for(lambda: attempts(hub, session, endpoint), "the end of an attempt",
                         TRANSFER_S + SLACK_S)[0]
        assert (tried["status"] or 0, tried["error"]) == (0, "timeout"), tried
        assert TRANSFER_S - 1 < tried["duration_ms"] / 1000 < TRANSFER_S + 2, tried
    assert TRANSFER_S - SLACK_S < time.monotonic() - began < TRANSFER_S + SLACK_S
