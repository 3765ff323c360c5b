"""./hub bench [name..]: figures of the whole product, each as a ratio to a peer or to a raw limit
measured in the same run, as CPU time per unit of work, or as memory. Prints a Markdown table.

    run.py BUILD_FOLDER [name..]       names: see BENCHES at the end
"""
import hashlib
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ["MEDIAHUB_BUILD"] = str(pathlib.Path(sys.argv[1]).resolve())
sys.path.insert(0, str(ROOT / "tests/e2e"))
sys.dont_write_bytecode = True
from harness import BUILD, Hub, free_port, wait_for          # noqa: E402
from socket_client import SocketClient                       # noqa: E402

PHOTO = "/usr/share/forensics-samples/original-files/pic2/IMG_20200124_231153.jpg"
ROUNDS = 5
rows = []


def report(what, figure, against=""):
    rows.append((what, figure, against))
    print(f"{what}: {figure} {against}", file=sys.stderr)


def cpu_s(pid):
    """User and system time of a process with all its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(field)


def ratios(ours, theirs):
    pairs = [a / b for a, b in zip(ours, theirs)]
    return f"{statistics.median(pairs):.2f} ({min(pairs):.2f}-{max(pairs):.2f})"


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
    for i in range(3):
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
        media = hub.upload(session, PHOTO, title=str(i)).json()["data"]
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


def redis_info(hub, name, section, field):
    out = subprocess.run(["redis-cli", "-s", hub.data / f"run/{name}.sock", "info", section],
                         check=True, capture_output=True, text=True).stdout
    return next(int(line.split(":")[1]) for line in out.splitlines() if line.startswith(field + ":"))


def bench_media_get(hub):
    session = hub.session()
    media = hub.upload(session, PHOTO).json()["data"]
    hub.wait_status(session, media["id"], "ready")
    url = f"{hub.api}/media/{media['id']}"
    session.get(url)

    aof = redis_info(hub, "state", "persistence", "aof_current_size")
    for _ in range(1000):
        assert session.get(url).status_code == 200
    grown = redis_info(hub, "state", "persistence", "aof_current_size") - aof
    report("AOF growth by 1,000 reads", f"{grown} bytes", "bound 0")

    gateway, = hub.pids("mediahub-gateway")
    wrk = ["taskset", "-c", "1", "wrk", "-t1", "-c64", "-d4s", "-H",
           session.headers["Authorization"].join(["Authorization: ", ""]), url]
    before = cpu_s(gateway)
    out = subprocess.run(wrk, check=True, capture_output=True, text=True).stdout
    spent = cpu_s(gateway) - before
    requests = int(next(l.split()[0] for l in out.splitlines() if "requests in" in l))
    assert "Non-2xx" not in out, out
    report("GET /api/v1/media/{id}", f"{requests / 4:.0f}/s, {spent / requests * 1e6:.0f} us CPU",
           "of the gateway, 64 connections, whole machine shared with wrk and Redis")


NGINX = """worker_processes 1; daemon off; pid {dir}/pid; error_log {dir}/log warn;
events {{ worker_connections 1000; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {dir}/b;
proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
server {{ listen 127.0.0.1:{port}; location = /bare {{ default_type application/json;
return 200 '{body}'; }} }} }}
"""


def wrk_rate(url, pid):
    """Requests a second and CPU microseconds a request."""
    before = cpu_s(pid)
    out = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", "-c64", "-d3s", url], check=True,
                         capture_output=True, text=True).stdout
    assert "Non-2xx" not in out, out
    requests = int(next(l.split()[0] for l in out.splitlines() if "requests in" in l))
    return requests / 3, (cpu_s(pid) - before) / requests * 1e6


def bench_bare_answer(hub):
    folder = pathlib.Path(tempfile.mkdtemp(dir=hub.folder))
    port, nginx_port = free_port(), free_port()
    (folder / "nginx.conf").write_text(NGINX.format(dir=folder, port=nginx_port, body="x" * 200))
    ours = subprocess.Popen(["taskset", "-c", "0", BUILD / "bin/bench_bare_answer", str(port)],
                            stdout=subprocess.PIPE)
    ours.stdout.readline()
    nginx = subprocess.Popen(["taskset", "-c", "0", "nginx", "-p", folder, "-c",
                              folder / "nginx.conf"])
    worker = wait_for(lambda: pathlib.Path(f"/proc/{nginx.pid}/task/{nginx.pid}/children")
                      .read_text().split(), "nginx's worker")[0]
    rates, nginx_rates, cpu, nginx_cpu = [], [], [], []
    for _ in range(ROUNDS):
        rate, us = wrk_rate(f"http://127.0.0.1:{port}/bare", ours.pid)
        rates.append(rate), cpu.append(us)
        rate, us = wrk_rate(f"http://127.0.0.1:{nginx_port}/bare", worker)
        nginx_rates.append(rate), nginx_cpu.append(us)
    for process in (ours, nginx):
        process.terminate()
        process.wait()
    report("bare answer, requests/s", ratios(rates, nginx_rates), "x of nginx static; bound 1.0")
    report("bare answer, CPU per request", ratios(cpu, nginx_cpu),
           f"x of nginx ({statistics.median(nginx_cpu):.1f} us)")


BENCHES = {name.removeprefix("bench_"): fn for name, fn in list(globals().items())
           if name.startswith("bench_")}


def main():
    names = sys.argv[2:] or list(BENCHES)
    if unknown := set(names) - set(BENCHES):
        sys.exit(f"no such bench: {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        hub = Hub(folder).start()
        try:
            for name in names:
                BENCHES[name](hub)
        finally:
            hub.stop()
    print("| What | Figure | Against |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


main()
