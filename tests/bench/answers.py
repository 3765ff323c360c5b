"""Benches of small answers: the bare connection layer, and a media item through all of the hub."""
import contextlib
import statistics
import subprocess

from harness import BUILD, free_port
from measure import (PHOTOS, ROUNDS, SERVER_CORE, end, nginx, on_core, pinned_hub, ratios, report,
                     spread, wrk)

STATIC = "location = /bare {{ default_type application/json; return 200 '{}'; }}"


@contextlib.contextmanager
def bare_answer():
    """Our connection layer alone; gives its URL and pid."""
    port = free_port()
    process = on_core(SERVER_CORE, BUILD / "bin/bench_bare_answer", port, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"ready\n"
        yield f"http://127.0.0.1:{port}/bare", process.pid
    finally:
        end(process)


def bench_bare_answer(hub):
    port = free_port()
    ours, theirs = [], []
    with bare_answer() as (url, pid), \
            nginx(SERVER_CORE, port, STATIC.format("x" * 200)) as worker:
        for _ in range(ROUNDS):
            ours.append(wrk(url, pid))
            theirs.append(wrk(f"http://127.0.0.1:{port}/bare", worker))
    report("bare answer, requests/s", ratios([rate for rate, _ in ours], [r for r, _ in theirs]),
           "x of nginx static; bound 1.0")
    report("bare answer, CPU per request", ratios([us for _, us in ours], [us for _, us in theirs]),
           f"x of nginx ({statistics.median(us for _, us in theirs):.1f} us)")


def redis_info(hub, name, section, field):
    out = subprocess.run(["redis-cli", "-s", hub.data / f"run/{name}.sock", "info", section],
                         check=True, capture_output=True, text=True).stdout
    return next(int(line.split(":")[1]) for line in out.splitlines()
                if line.startswith(field + ":"))


def bench_media_get(hub):
    session = hub.session()
    media = hub.upload(session, PHOTOS[0]).json()["data"]
    hub.wait_status(session, media["id"], "ready")
    url = f"{hub.api}/media/{media['id']}"
    answer = session.get(url)

    aof = redis_info(hub, "state", "persistence", "aof_current_size")
    for _ in range(1000):
        assert session.get(url).status_code == 200
    grown = redis_info(hub, "state", "persistence", "aof_current_size") - aof
    report("AOF growth by 1,000 reads", f"{grown} bytes", "bound 0")

    header = "-HAuthorization: " + session.headers["Authorization"]
    port = free_port()
    ours, bare, static = [], [], []
    with pinned_hub(hub) as gateway, bare_answer() as (bare_url, bare_pid), \
            nginx(SERVER_CORE, port, STATIC.format("x" * len(answer.content))) as worker:
        for _ in range(ROUNDS):
            ours.append(wrk(url, gateway, header))
            bare.append(wrk(bare_url, bare_pid))
            static.append(wrk(f"http://127.0.0.1:{port}/bare", worker))
    rates, cpu = zip(*ours)
    report("GET /api/v1/media/{id}, requests/s", spread(rates, "{:.0f}"),
           f"{ratios(rates, [r for r, _ in bare])} x of the bare answer, "
           f"{ratios(rates, [r for r, _ in static])} x of nginx static; Redis shares wrk's core")
    report("GET /api/v1/media/{id}, gateway CPU", spread(cpu, "{:.1f}") + " us",
           f"{ratios(cpu, [us for _, us in bare])} x of the bare answer, "
           f"{ratios(cpu, [us for _, us in static])} x of nginx static "
           f"({len(answer.content)} bytes)")
