"""Lists and searches at a million items of one account beside 50 accounts of a hundredth each: the
records are copies of a real one, written straight into the state server; the catalogue is then
built of them. Times are the server's own, out of its log."""
import contextlib
import http.client
import json
import os
import random
import re
import signal
import struct
import sys
import threading
import time
import urllib.parse

from measure import PHOTOS, cpu_s, memory_mb, report
from harness import wait_for
from state import State

OTHERS, OTHERS_SHARE = 50, 100
REQUESTS, UPLOADS_A_SECOND, UPLOADERS = 300, 500, 6
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PIPELINED = 2000
BUILT_S = 1800
LINE = re.compile(rb'"path":"/api/v1/media","status":200,"operation":"media_list","us":(\d+)')


HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="%d.wav"\r\n\r\n'


def wave(number):
    """The smallest sound there is, another one for each number."""
    return struct.pack("<4sI4s4sIHHIIHH4sII", b"RIFF", 40, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16,
                       b"data", 4, number & 0xffffffff)


@contextlib.contextmanager
def no_work(hub):
    """What is uploaded is not decoded meanwhile."""
    workers = hub.pids("mediahub-worker")
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)


def base32(number, chars):
    return "".join(DIGITS[number >> 5 * (chars - 1 - i) & 31] for i in range(chars))


class Words:
    """A vocabulary as of a language: the n-th word is an n-th as frequent as the first one."""

    def __init__(self, n=5000):
        draw = random.Random(7)
        self.words = sorted({"".join(draw.choice("bcdfghklmnprstvz") + draw.choice("aeiou")
                                     for _ in range(draw.randint(2, 4))) for _ in range(2 * n)})
        draw.shuffle(self.words)
        self.words = self.words[:n]
        self.weights = [1 / (i + 1) for i in range(n)]
        for i in range(1, n):
            self.weights[i] += self.weights[i - 1]

    def some(self, n):
        return " ".join(random.choices(self.words, cum_weights=self.weights, k=n))


def resp(*words):
    return b"*%d\r\n" % len(words) + b"".join(
        b"$%d\r\n%s\r\n" % (len(word), word)
        for word in (w if isinstance(w, bytes) else str(w).encode() for w in words))


def fill(hub, media, owners, total, words):
    """The copies, from the oldest on; gives the bytes that they take in Redis."""
    state = State(hub)
    flat = state.call("HGETALL", f"{{p0}}:media:{media['id']}")
    record = dict(zip(flat[::2], flat[1::2]))
    memory = lambda: int(re.search(rb"used_memory:(\d+)", state.call("INFO", "memory"))[1])  # noqa: E731
    before, created = memory(), int(record[b"created"]) - total * 20000 - 1
    for start in range(0, total, PIPELINED):
        batch, n = [], 0
        for i in range(start, min(start + PIPELINED, total)):
            created += random.randint(1, 20000)
            name = f"media_{base32(created, 10)}00{base32(i, 14)}"
            mine = random.random() < OTHERS_SHARE / (OTHERS_SHARE + OTHERS)
            owner = owners[0] if mine else random.choice(owners[1:])
            record |= {b"owner": owner, b"title": words.some(5), b"size": random.randrange(10**7),
                       b"description": words.some(10) if i % 2 else "", b"created": created,
                       b"filename": f"IMG_{random.randrange(10**8):08}.jpg",
                       b"tags": f"tag{random.randrange(200)}", b"taken": created - random.randrange(10**11)}
            batch += [resp("HSET", "{p0}:media:" + name, *(part for pair in record.items() for part in pair)),
                      resp("ZADD", "{p0}:media_all", created, name),
                      resp("ZADD", f"{{p0}}:media_of:{owner}", created, name)]
            n += 3
        state.socket.sendall(b"".join(batch))
        for _ in range(n):
            state._read()
    taken = memory() - before
    state.close()
    return taken


def p(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] / 1000


class Client:
    def __init__(self, hub, token):
        self.connection = http.client.HTTPConnection("127.0.0.1", hub.port)
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path):
        self.connection.request("GET", path, headers=self.headers)
        answer = self.connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (path, answer.status, body)
        return json.loads(body)

    def upload(self, number):
        self.connection.request("POST", "/api/v1/media/upload", HEAD % number + wave(number) + b"\r\n--x--\r\n",
                                {**self.headers, "Content-Type": "multipart/form-data; boundary=x"})
        answer = self.connection.getresponse()
        text = answer.read()
        assert answer.status == 201, (answer.status, text)


def server_times(hub, work):
    start = hub.log_path.stat().st_size
    work()
    with open(hub.log_path, "rb") as log:
        log.seek(start)
        return [int(us) for us in LINE.findall(log.read())]


def queries(words):
    common = sorted(words.words[20:40])
    return {
        "page 1": lambda: "page=1",
        "page 50": lambda: "page=50",
        "filtered by type and tag": lambda: f"type=image&tag=tag{random.randrange(200)}",
        "two words": lambda: "q=" + "+".join(random.sample(common, 2)),
        "the two most frequent words": lambda: "q=" + "+".join(words.words[:2]),
        "a beginning": lambda: "q=" + urllib.parse.quote(random.choice(words.words)[:random.randint(1, 3)]),
    }


def ask(hub, client, query, times=REQUESTS):
    return server_times(hub, lambda: [client.get("/api/v1/media?" + query()) for _ in range(times)])


def tell_all(hub, client, words, bound, suffix=""):
    for name, query in queries(words).items():
        times = ask(hub, client, query)
        report(f"list: {name}{suffix}", f"p50 {p(times, 0.5):.2f} ms, p99 {p(times, 0.99):.2f} ms",
               f"server time, bound {bound} ms")


class Uploading:
    """Small documents at a fixed rate, by a few clients."""

    def __init__(self, hub, token):
        self.done, self.begun, self.over = 0, time.monotonic(), threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(Client(hub, token), i))
                        for i in range(UPLOADERS)]
        for thread in self.threads:
            thread.start()

    def run(self, client, number):
        while not self.over.is_set():
            client.upload(number)
            self.done += 1
            number += UPLOADERS
            ahead = self.begun + number / UPLOADS_A_SECOND - time.monotonic()
            if ahead > 0:
                self.over.wait(ahead)

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()
        return self.done / (time.monotonic() - self.begun)


def bench_lists(hub, items=1000000):
    session, words = hub.session(), Words()
    token = hub.login()
    media = hub.upload(session, PHOTOS[0]).json()["data"]
    wait_for(lambda: session.get(f"{hub.api}/media/{media['id']}").json()["data"]["status"] == "ready")
    owners = [media["user_id"]] + [f"user_{base32(i, 10)}00{base32(i, 14)}" for i in range(1, OTHERS + 1)]
    total = items + items * OTHERS // OTHERS_SHARE
    taken = fill(hub, media, owners, total, words)
    report("record in Redis", f"{taken / total:.0f} bytes an item")
    rebuild(hub, total)
    client = Client(hub, token)
    began = time.monotonic()
    wait_for(lambda: session.get(hub.api + "/media?per_page=1").status_code == 200, "lists", BUILT_S)
    report("catalogue looked at before it is used", f"{(time.monotonic() - began) * 1e6 / total:.1f} s a million")
    print(client.get("/api/v1/media?per_page=1")["meta"]["pagination"]["total"], "items", file=sys.stderr)
    tell_all(hub, client, words, 20)
    with no_work(hub):
        uploader = Client(hub, token)
        fresh = server_times(hub, lambda: [
            (uploader.upload(10**9 + i), client.get("/api/v1/media?per_page=1")) for i in range(REQUESTS)])
        report("list right after an upload", f"p50 {p(fresh, 0.5):.2f} ms, p99 {p(fresh, 0.99):.2f} ms",
               "server time, the wait for the upload in it; bound 5 ms")
        uploading = Uploading(hub, token)
        tell_all(hub, client, words, 30, " during uploads")
        report("uploads meanwhile", f"{uploading.end():.0f} a second", f"{UPLOADS_A_SECOND} wanted")


def rebuild(hub, total):
    catalogue, = hub.pids("mediahub-catalogue")
    start, before = hub.log_path.stat().st_size, cpu_s(catalogue)
    for path in (hub.data / "catalogue").glob("catalogue-*.db"):
        path.unlink()

    def built():
        with open(hub.log_path, "rb") as log:
            log.seek(start)
            return re.search(rb'"event":"catalogue_built","ms":(\d+)', log.read())
    seconds = int(wait_for(built, "the catalogue", BUILT_S)[1]) / 1000
    report("catalogue built", f"{seconds * 1e6 / total:.1f} s a million",
           f"bound 60 s; {(cpu_s(catalogue) - before) * 1e6 / total:.0f} us of CPU an item")
    path, = (hub.data / "catalogue").glob("catalogue-*.db")
    report("catalogue on disk", f"{path.stat().st_size / total:.0f} bytes an item",
           f"process: {memory_mb(catalogue, 'VmRSS'):.0f} MB")
