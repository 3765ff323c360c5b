"""A batch of photos through the whole hub: what its worker and decoders spend on three sizes, sandbox
and fork included, and how much memory a decoder needs at most."""
import pathlib
import resource
import statistics
import subprocess
import tempfile
import threading

from harness import descendants
from measure import PHOTOS, ROUNDS, cpu_s_with_ended, memory_mb, ratios, report, spread

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


def decoders(hub):
    return [pid for pid, name in descendants(hub.process.pid).items() if name == "decode-job"]


def workers_cpu_s(hub):
    return sum(cpu_s_with_ended(pid) for pid, name in descendants(hub.process.pid).items()
               if name in ("mediahub-worker", "mediahub-decode"))


def peak_mb(hub, stop, found):
    """Looks at whatever decodes, as often as it can."""
    while not stop.is_set():
        for pid in decoders(hub):
            try:
                found.append(memory_mb(pid, "VmHWM"))
            except (OSError, KeyError):
                continue
        stop.wait(0.002)


def other_kinds(folder):
    """The first photo as other cameras and programs would have it."""
    made = {"PNG": folder / "photo.png", "WebP": folder / "photo.webp", "HEIC": folder / "photo.heic"}
    for command in (["vips", "pngsave", PHOTOS[0], made["PNG"], "--strip"],
                    ["vips", "webpsave", PHOTOS[0], made["WebP"], "--strip"],
                    ["vips", "heifsave", PHOTOS[0], made["HEIC"], "--strip", "--compression", "hevc"]):
        subprocess.run(list(map(str, command)), check=True)
    return made


def copies(folder, sources, number, salt):
    """The files, each several times with some bytes after its end: other blobs, same pictures."""
    made = []
    for source in sources:
        content = source.read_bytes()
        for i in range(number):
            made.append(folder / f"{source.stem}-{salt}-{i}{source.suffix}")
            made[-1].write_bytes(content + f"copy {salt} {i}".encode())
    return made


def through_hub(hub, session, files):
    before = workers_cpu_s(hub)
    ids = [hub.upload(session, path).json()["data"]["id"] for path in files]
    for media_id in ids:
        hub.wait_status(session, media_id, "ready")
    return (workers_cpu_s(hub) - before) / len(files) * 1e3


def through_libvips(folder, files):
    return spent_s(["env", "VIPS_CONCURRENCY=1", "vipsthumbnail", "--size", size,
                    "-o", f"{folder}/%s_{size}.jpg[Q=80,strip]", *files]
                   for size in SIZES) / len(files) * 1e3


def measured(hub, session, kind, sources, number, against):
    """Rounds of our cost, that of three runs of vipsthumbnail, and that of `against` if it is given."""
    ours, peer, floor, peaks, stop = [], [], [], [], threading.Event()
    watch = threading.Thread(target=peak_mb, args=(hub, stop, peaks))
    watch.start()
    for i in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir=hub.folder) as folder:
            files = copies(pathlib.Path(folder), sources, number, f"{kind}-{i}")
            ours.append(through_hub(hub, session, files))
            peer.append(through_libvips(folder, files))
            floor.append(against(files) if against else 0)
    stop.set()
    watch.join()
    return ours, peer, floor, max(peaks)


def djpeg(files):
    return spent_s(["djpeg", "-scale", "1/8", "-outfile", "/dev/null", path]
                   for path in files) / len(files) * 1e3


def bench_thumbnails(hub):
    session = hub.session()
    hub.wait_status(session, hub.upload(session, PHOTOS[0]).json()["data"]["id"], "ready")
    with tempfile.TemporaryDirectory(dir=hub.folder) as folder:
        kinds = {"JPEG": None, **other_kinds(pathlib.Path(folder))}
        for kind, path in kinds.items():
            jpeg = path is None
            ours, peer, floor, peak = measured(hub, session, kind, PHOTOS if jpeg else [path],
                                               COPIES if jpeg else 2, djpeg if jpeg else None)
            against = (f"{ratios(ours, peer)} x of vipsthumbnail, a process per size for all files "
                       f"({statistics.median(peer):.0f} ms)")
            if jpeg:
                against = (f"{ratios(ours, floor)} x of one djpeg -scale 1/8 "
                           f"({statistics.median(floor):.0f} ms), {against}")
            report(f"three sizes of a 12-megapixel {kind}, worker and decoder CPU",
                   f"{spread(ours, '{:.0f}')} ms, decoder's peak {peak:.0f} MB", against)
