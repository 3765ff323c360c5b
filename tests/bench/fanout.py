"""One event to many clients: the gateway against a bare send(2) program and against nchan, all with
the same subscribers, the same text and the same reader, one after the other in every round."""
import contextlib
import http.client
import json
import pathlib
import re
import socket
import statistics
import struct
import subprocess

from harness import BUILD, free_port
from measure import (LOAD_CORE, PHOTOS, ROUNDS, SERVER_CORE, cpu_us, end, memory_mb, nginx, on_core,
                     pinned_hub, ratios, report, spread)
from socket_client import SocketClient
from state import State

MARK = "fan-"              # stands in the title before the number
FIRST = 1_000_000_001      # numbers of one length, so that all frames are of one size
DELIVERIES = 100_000       # in a round, of each kind
EVENTS_MAX = 200
BURST = 5
PATIENCE_MS = 30_000


class Load:
    """So many clients of one server, through their scripts."""

    def __init__(self, port, path, clients, *script):
        self.clients = clients
        self.published = 0
        self.process = on_core(LOAD_CORE, BUILD / "bin/bench_fanout_load", port, path, clients,
                               MARK, *script, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._answer() == {"ready": clients}

    def _answer(self):
        return json.loads(self.process.stdout.readline())

    def numbers(self, n):
        """The next n numbers to publish, as titles."""
        first = FIRST + self.published
        self.published += n
        return [f"{MARK}{number}" for number in range(first, first + n)]

    def wait(self):
        """Until everything published has come to everybody."""
        total = self.published * self.clients
        self.process.stdin.write(b"%d %d\n" % (total, PATIENCE_MS))
        self.process.stdin.flush()
        counts = self._answer()
        assert counts["frames"] == total, (total, counts)
        self.counts = counts

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Http:
    """Requests that may be pipelined over one connection."""

    def __init__(self, port, *headers):
        self.head = "".join(header + "\r\n" for header in ("Host: 127.0.0.1", *headers))
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_MS / 1000)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers = self.socket.makefile("rb")

    def close(self):
        self.answers.close()
        self.socket.close()

    def send(self, method, path, bodies):
        self.socket.sendall("".join(
            f"{method} {path} HTTP/1.1\r\n{self.head}Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}" for body in bodies).encode())
        for _ in bodies:
            status = int(self.answers.readline().split()[1])
            headers = http.client.parse_headers(self.answers)
            text = self.answers.read(int(headers["Content-Length"]))
            assert status // 100 == 2, (status, text)


def publisher(port, method, path, body, *headers):
    """A context that gives publish(titles) over one connection; body(title) is a request's text."""
    @contextlib.contextmanager
    def opened():
        connection = Http(port, *headers)
        try:
            yield lambda titles: connection.send(method, path, [body(title) for title in titles])
        finally:
            connection.close()
    return opened


class Server:
    """One of those compared. publisher() is a context that gives publish(titles), which sends so
    many events at once."""

    def __init__(self, pid, publisher):
        self.pid, self.publisher = pid, publisher
        self.single, self.burst = [], []     # CPU microseconds a delivery, per round

    def measure(self, at_once, publisher=None):
        events = min(max(DELIVERIES // self.load.clients, BURST), EVENTS_MAX) // at_once * at_once
        with (publisher or self.publisher)() as publish:
            before = cpu_us(self.pid)
            for _ in range(events // at_once):
                publish(self.load.numbers(at_once))
                self.load.wait()
            return (cpu_us(self.pid) - before) / (events * self.load.clients)

    def round(self):
        self.single.append(self.measure(1))
        self.burst.append(self.measure(BURST))

    def faults(self):
        return sum(self.load.counts[fault] for fault in
                   ("gaps", "duplicates", "reordered", "closed"))


def frame(text):
    """A text frame as a server sends it."""
    text = text.encode()
    assert 126 <= len(text) < 65536
    return b"\x81\x7e" + struct.pack(">H", len(text)) + text


@contextlib.contextmanager
def subscribed(server, port, path, clients, *script):
    """So many clients on the server, and what an idle one of them costs in memory."""
    before = memory_mb(server.pid, "VmRSS")
    server.load = Load(port, path, clients, *script)
    server.kb_per_client = (memory_mb(server.pid, "VmRSS") - before) * 1024 / clients
    try:
        yield server
    finally:
        server.load.close()


@contextlib.contextmanager
def bare_send(template, clients):
    port = free_port()
    process = on_core(SERVER_CORE, BUILD / "bin/bench_fanout_floor", port, stdin=subprocess.PIPE,
                      stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"

    def publish(titles):
        block = b"".join(frame(template.replace(MARK, title)) for title in titles)
        process.stdin.write(struct.pack("<I", len(block)) + block)
        process.stdin.flush()

    server = Server(process.pid, lambda: contextlib.nullcontext(publish))
    with subscribed(server, port, "/", clients):
        yield server
    end(process)


NCHAN = """location = /sub { nchan_subscriber websocket; nchan_channel_id bench;
nchan_subscriber_first_message newest; }
location = /pub { nchan_publisher http; nchan_channel_id bench; nchan_message_buffer_length 5;
nchan_message_timeout 30s; }"""


@contextlib.contextmanager
def nchan(template, clients):
    port = free_port()
    modules = "".join(f"load_module {path};" for path in
                      pathlib.Path("/usr/lib/nginx/modules").glob("ngx_nchan_module.so"))
    with nginx(SERVER_CORE, port, NCHAN, "nchan_shared_memory_size 256m;", modules) as worker:
        server = Server(worker, publisher(port, "POST", "/pub",
                                          lambda title: template.replace(MARK, title)))
        with subscribed(server, port, "/sub", clients):
            yield server


def account(hub, name):
    """A user who is no admin, with one item: its token and the item."""
    answer = hub.session().post(hub.api + "/auth/register", json={
        "username": name, "email": f"{name}@example.com", "password": "long enough"})
    assert answer.status_code == 201, answer.text
    token = hub.login(name, "long enough")
    session = hub.session(token)
    media = hub.upload(session, PHOTOS[0]).json()["data"]
    return token, hub.wait_status(session, media["id"], "ready")


def script(token):
    return ("send", json.dumps({"type": "auth", "token": token}), "expect", '"auth_ok"',
            "send", json.dumps({"type": "subscribe", "channel": "media_updates"}),
            "expect", '"subscribed"')


def patcher(hub, token, media):
    """A publisher through REST, as clients do it."""
    return publisher(hub.port, "PATCH", f"/api/v1/media/{media['id']}",
                     lambda title: json.dumps({"title": title}), "Authorization: Bearer " + token)


def event_template(hub, token, media):
    """The hub's own text of such an event, with the mark in the place of the title."""
    listener = SocketClient(hub, token)
    with patcher(hub, token, media)() as publish:
        publish([f"{MARK}0"])
    text = json.dumps(listener.wait_event("media.updated", media["id"]), separators=(",", ":"))
    listener.close()
    return re.sub(MARK + r"\d+", MARK, text)


@contextlib.contextmanager
def one_subscriber(hub):
    """What a PATCH and its event cost by themselves: another account, heard by one."""
    token, media = account(hub, "alone")
    gateway, = hub.pids("mediahub-gateway")
    server = Server(gateway, patcher(hub, token, media))
    with subscribed(server, hub.port, "/realtime", 1, *script(token)):
        yield server


def compare(servers, hub_patch):
    ours, bare, peer = servers
    n = ours.load.clients
    kinds = (("single events", [s.single for s in servers]),
             (f"bursts of {BURST}", [s.burst for s in servers]))
    for kind, (mine, floor_us, peer_us) in kinds:
        report(f"fan-out to {n}, {kind}, gateway CPU per delivered frame", spread(mine) + " us",
               f"{ratios(mine, floor_us)} x of bare send ({statistics.median(floor_us):.2f} us), "
               f"{ratios(mine, peer_us)} x of nchan ({statistics.median(peer_us):.2f} us)")
    whole, request = hub_patch
    less = [(w * n - r) / n for w, r in zip(whole, request)]
    report(f"fan-out to {n} of a PATCH, gateway CPU per delivered frame", spread(whole) + " us",
           f"with the request; {spread(less)} us without it "
           f"(request, commit and event at one subscriber: {statistics.median(request):.0f} us), "
           f"{ratios(less, bare.single)} x of bare send, {ratios(less, peer.single)} x of nchan")
    report(f"fan-out to {n}, gaps + duplicates + reorderings + closes", str(ours.faults()),
           f"bare send {bare.faults()}, nchan {peer.faults()}")
    report("idle subscribed client, resident", f"{ours.kb_per_client:.2f} KB",
           f"nchan {peer.kb_per_client:.2f} KB")


def bench_fanout(hub, clients=1000):
    token, media = account(hub, "watched")
    template = event_template(hub, token, media)
    state = State(hub)
    patch = patcher(hub, token, media)
    whole, request = [], []
    with pinned_hub(hub) as gateway, one_subscriber(hub) as alone, \
            bare_send(template, clients) as bare, nchan(template, clients) as peer:
        ours = Server(gateway, lambda: contextlib.nullcontext(
            lambda titles: state.commit_updates(media, titles)))
        with subscribed(ours, hub.port, "/realtime", clients, *script(token)):
            for _ in range(ROUNDS):
                for server in (bare, peer, ours):
                    server.round()
                whole.append(ours.measure(1, patch))
                request.append(alone.measure(1))
    state.close()
    compare((ours, bare, peer), (whole, request))
