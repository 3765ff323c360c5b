"""What hangs is found within the time that is stated for it, and the work is done all the same.
(A hung ffmpeg: tests/e2e/test_workers.py; a Redis that answers nothing: test_redis_away.py.)"""
import concurrent.futures
import os
import select
import signal
import socket
import threading
import time

import pytest
from harness import PATIENCE_S, Hub, wait_for
from raw_client import RawSocket, connect, read_answer
from traffic import make_clip, make_photo, with_free_box

SLACK_S = 5
DECODE_S = 62             # 60 for a small image (schemas/jobs.yaml), 2 of grace (workers/decoder.c)
LEASE_S = 15              # core/state/job.h
TRANSFER_S = 15           # webhooks/transfer.h
IDLE_S = 75               # a kept connection (gateway/http/exchange.c)
STALL_S = 60              # an answer that nobody takes (gateway/http/exchange.c)
AUTH_S = 10               # to the first message with a token (realtime/protocol.h)
HEARTBEAT_S = 25          # realtime/protocol.h; the first one comes after half to all of it
READ_S = 30 + 60          # a socket whose frames nobody takes (realtime/client.h); as its close frame
                          # cannot go out either, that is given up later (gateway/http/connection.c)
STUCK_S = 2               # what cannot go out for so long will not
LARGE_BYTES = 32 << 20    # more than all buffers between a hub and its client


# Clients that hang, and in which time (least, most) the hub ends the connection. All at once and
# from the beginning of this file on, so that waiting for them costs little.

def keep(crowd):
    connection = connect(crowd.hub)
    connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
    assert read_answer(connection).status == 200
    return connection


def take_no_answer(crowd):
    connection = connect(crowd.hub)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sendall(f"GET /api/v1/media/{crowd.large}/content HTTP/1.1\r\nHost: a\r\n"
                       f"Authorization: Bearer {crowd.token}\r\n\r\n".encode())
    return connection


def say_nothing(crowd):
    return RawSocket(crowd.hub).socket


def answer_no_ping(crowd):
    raw = RawSocket(crowd.hub)
    raw.say(type="auth", token=crowd.token)
    return raw.socket


def take_no_frame(crowd):
    """Asks for pongs until the hub reads no more."""
    raw = RawSocket(crowd.hub)
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.say(type="auth", token=crowd.token)
    pings, sent = (bytes([0x89, 0x80 | 125]) + bytes(4 + 125)) * 100, 0
    raw.socket.setblocking(False)
    while select.select([], [raw.socket], [], STUCK_S)[1]:
        sent += raw.socket.send(pings[sent % len(pings):])
    return raw.socket


HANGING = {
    "keeps a connection for nothing": (keep, IDLE_S, IDLE_S),
    "takes no answer": (take_no_answer, STALL_S, STALL_S),
    "opens a socket and says nothing": (say_nothing, AUTH_S, AUTH_S),
    "answers no ping": (answer_no_ping, 2.5 * HEARTBEAT_S, 3 * HEARTBEAT_S),
    "takes no frame": (take_no_frame, READ_S - STUCK_S, READ_S),
}


class Crowd:
    def __init__(self, hub):
        self.hub, self.token = hub, hub.login()
        large = hub.folder / "large.mp4"
        large.write_bytes(with_free_box(make_clip(hub.folder), bytes(LARGE_BYTES)))
        self.large = hub.upload(hub.session(self.token), large).json()["data"]["id"]

    def served(self, connection):
        """Is the hub's end of it open? (01 is ESTABLISHED)"""
        mine, its = (f":{connection.getsockname()[1]:04X}", f":{self.hub.port:04X}")
        with open("/proc/net/tcp") as table:
            return any(row[1].endswith(its) and row[2].endswith(mine) and row[3] == "01"
                       for row in map(str.split, table))

    def hang(self, act, most_s):
        """Seconds until the hub has ended it."""
        connection = act(self)
        began = time.monotonic()
        wait_for(lambda: not self.served(connection), "its end", most_s + 2 * PATIENCE_S)
        connection.close()
        return time.monotonic() - began


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    hub = Hub(tmp_path_factory.mktemp("hanging")).start()
    crowd = Crowd(hub)
    with concurrent.futures.ThreadPoolExecutor(len(HANGING)) as pool:
        yield {what: pool.submit(crowd.hang, act, most)
               for what, (act, _, most) in HANGING.items()}
    hub.stop()
    hub.check_log()


def test_clients_have_begun_to_hang(ends):
    assert len(ends) == len(HANGING)


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


@pytest.mark.parametrize("what", HANGING)
def test_clients_that_hang(ends, what):
    _, least, most = HANGING[what]
    assert least - 1 < ends[what].result() < most + SLACK_S
