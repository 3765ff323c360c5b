"""A batch of photos through the whole hub: what its worker and decoder spend on three sizes."""
import pathlib
import resource
import statistics
import subprocess
import tempfile

from harness import descendants
from measure import PHOTOS, ROUNDS, cpu_s, ratios, report, spread

COPIES = 5                  # of each photo, in a round
SIZES = (200, 400, 800)     # what the hub makes of each, see schemas/variants.yaml


def children_cpu_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def spent_s(commands):
    before = children_cpu_s()
    for command in commands:
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    return children_cpu_s() - before


def workers_cpu_s(hub):
    return sum(cpu_s(pid) for pid, name in descendants(hub.process.pid).items()
               if name in ("mediahub-worker", "mediahub-decode"))


def copies(folder, salt):
    """The photos, each several times with some bytes after its end: other blobs, same pictures."""
    made = []
    for photo in PHOTOS:
        content = photo.read_bytes()
        for i in range(COPIES):
            made.append(folder / f"{photo.stem}-{salt}-{i}.jpg")
            made[-1].write_bytes(content + f"copy {salt} {i}".encode())
    return made


def through_hub(hub, session, files):
    before = workers_cpu_s(hub)
    ids = [hub.upload(session, path).json()["data"]["id"] for path in files]
    for media_id in ids:
        hub.wait_status(session, media_id, "ready")
    return workers_cpu_s(hub) - before


def bench_thumbnails(hub):
    session = hub.session()
    hub.wait_status(session, hub.upload(session, PHOTOS[0]).json()["data"]["id"], "ready")
    ours, bare, peer = [], [], []
    for i in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir=hub.folder) as folder:
            files = copies(pathlib.Path(folder), i)
            ours.append(through_hub(hub, session, files) / len(files) * 1e3)
            bare.append(spent_s(["djpeg", "-scale", "1/8", "-outfile", "/dev/null", path]
                                for path in files) / len(files) * 1e3)
            peer.append(spent_s(["env", "VIPS_CONCURRENCY=1", "vipsthumbnail", "--size", size,
                                 "-o", f"{folder}/%s_{size}.webp", *files]
                                for size in SIZES) / len(files) * 1e3)
    report("thumbnails in three sizes of a 12-megapixel photo, worker and decoder CPU",
           spread(ours, "{:.0f}") + " ms",
           f"{ratios(ours, bare)} x of one djpeg -scale 1/8 ({statistics.median(bare):.0f} ms), "
           f"{ratios(ours, peer)} x of vipsthumbnail, a process per size for all files "
           f"({statistics.median(peer):.0f} ms)")
