"""Benches of the product's promises: start, rest, one big upload, the way of an event."""
import hashlib
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

from measure import PHOTOS, memory_mb, ratios, report
from socket_client import SocketClient


def bench_start(hub):
    hub.stop()
    seconds = []
    for _ in range(3):
        began = time.monotonic()
        hub.start()
        seconds.append(time.monotonic() - began)
        hub.stop()
    hub.start()
    report("second start to the ready line", f"{statistics.median(seconds):.2f} s", "bound 3 s")


def bench_idle(hub):
    gateway, = hub.pids("mediahub-gateway")
    report("idle gateway, resident", f"{memory_mb(gateway, 'VmRSS'):.1f} MB", "bound 30 MB")


def bench_upload(hub):
    gateway, = hub.pids("mediahub-gateway")
    token = hub.login()
    folder = pathlib.Path(tempfile.mkdtemp(dir=hub.folder))
    size = 1 << 30
    big = folder / "big.mp4"
    with open(big, "wb") as f:       # an MP4's first box, then incompressible bytes
        f.write(bytes.fromhex("0000001866747970") + b"mp42\0\0\0\0mp42isom")
        block = os.urandom(1 << 20)
        for i in range(size >> 20):
            f.write(hashlib.sha256(i.to_bytes(4, "big")).digest() + block[32:])
    # The peak so far is that of the login's Argon2id.
    pathlib.Path(f"/proc/{gateway}/clear_refs").write_text("5")
    before = memory_mb(gateway, "VmRSS")
    ours, theirs = [], []
    for _ in range(3):
        os.sync()
        with open(big, "r+b") as f:      # another content each time, or it would be one blob
            f.seek(1 << 20)
            f.write(os.urandom(32))
        began = time.monotonic()
        subprocess.run(["sh", "-c", f"cp {big} {folder}/copy && sync {folder}/copy && "
                        f"sha256sum {folder}/copy >{folder}/sum"], check=True)
        theirs.append(time.monotonic() - began)
        os.unlink(folder / "copy")
        os.sync()
        began = time.monotonic()
        answer = subprocess.run(
            ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H",
             f"Authorization: Bearer {token}", "-F", f"file=@{big}", hub.api + "/media/upload"],
            check=True, capture_output=True, text=True)
        ours.append(time.monotonic() - began)
        assert answer.stdout == "201", answer.stdout
    report("1 GB upload, speed", ratios(theirs, ours), "x of cp + fsync + sha256sum; bound 0.6")
    report("1 GB upload, added peak memory", f"{memory_mb(gateway, 'VmHWM') - before:.1f} MB",
           "bound 16 MB")
    shutil.rmtree(folder)


def bench_event(hub):
    session = hub.session()
    client = SocketClient(hub, hub.login())
    gaps = []
    for i in range(60):
        media = hub.upload(session, PHOTOS[0], title=str(i)).json()["data"]
        client.wait_event("media.ready", media["id"])
        began = time.monotonic()
        session.delete(f"{hub.api}/media/{media['id']}")
        answered = time.monotonic()
        client.wait_event("media.deleted", media["id"])
        gaps.append((max(time.monotonic() - answered, 0), answered - began))
    late = sorted(gap for gap, _ in gaps)
    report("event after its request was answered", f"p50 {late[30] * 1e3:.2f} ms, "
           f"p95 {late[57] * 1e3:.2f} ms", "bound 3 ms from the commit (the answer comes after it)")
    client.close()
