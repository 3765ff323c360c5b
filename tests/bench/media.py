"""Pictures and clips through the whole hub: what its workers and decoders spend on them, sandbox and fork
included, against the tools that do nothing else; and how much memory a decoder needs at most."""
import json
import pathlib
import resource
import statistics
import subprocess
import tempfile
import time

from harness import BUILD, PATIENCE_S, SAMPLES, Hub, descendants, wait_for
from measure import (LOAD_CORE, PHOTOS, ROUNDS, SERVER_CORE, cpu_s_with_ended, pin, ratios, report,
                     spread)

COPIES = 5                  # of each photo, in a round
SIZES = (200, 400, 800)     # what the hub makes of each, see schemas/variants.yaml
CLIP = SAMPLES / "movie1/VID_20191220_170832.mp4"       # 1080p H.264, 1.6 s
TEMPLATES = ("mediahub-decode",)


def children_cpu_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def spent_s(commands):
    before = children_cpu_s()
    for command in commands:
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    return children_cpu_s() - before


def workers_cpu_s(hub):
    return sum(cpu_s_with_ended(pid) for pid, name in descendants(hub.process.pid).items()
               if name in ("mediahub-worker", *TEMPLATES))


def peaks_mb(hub, since=0):
    """Of the decoders that have ended, from this place in the log on."""
    return [json.loads(line)["peak_bytes"] / 2**20
            for line in hub.log_text()[since:].splitlines() if '"decode_ended"' in line]


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
    """Rounds of our cost, that of three runs of vipsthumbnail, that of `against` if it is given; and
    our peak."""
    ours, peer, floor, since = [], [], [], len(hub.log_text())
    for i in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir=hub.folder) as folder:
            files = copies(pathlib.Path(folder), sources, number, f"{kind}-{i}")
            ours.append(through_hub(hub, session, files))
            peer.append(through_libvips(folder, files))
            floor.append(against(files) if against else 0)
    return ours, peer, floor, max(peaks_mb(hub, since))


def djpeg(files):
    return spent_s(["djpeg", "-scale", "1/8", "-outfile", "/dev/null", path]
                   for path in files) / len(files) * 1e3


def bench_pictures(hub, session, folder):
    kinds = {"JPEG": None, **other_kinds(folder)}
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


def similarity(picture, reference):
    """SSIM of the luma."""
    out = subprocess.run(["ffmpeg", "-hide_banner", "-i", picture, "-i", reference, "-lavfi", "ssim",
                          "-f", "null", "-"], check=True, capture_output=True, text=True).stderr
    return float(out.rpartition("SSIM Y:")[2].split()[0])


def bench_likeness(hub, session, folder):
    """Of the largest size to what a decode in full and Lanczos make of the photo."""
    ours, peer = [], []
    for photo in PHOTOS:
        media = hub.upload(session, photo).json()["data"]
        hub.wait_status(session, media["id"], "ready")
        made, reference = folder / "ours.jpg", folder / "reference.png"
        made.write_bytes(session.get(f"{hub.api}/media/{media['id']}/thumbnail?size=large",
                                     timeout=PATIENCE_S).content)
        subprocess.run(["/usr/bin/convert", photo, "-auto-orient", "-filter", "Lanczos", "-resize",
                        "800x800", reference], check=True)
        subprocess.run(["vipsthumbnail", "--size", "800", "-o", f"{folder}/peer.jpg[Q=80,strip]", photo],
                       check=True)
        ours.append(similarity(made, reference))
        peer.append(similarity(folder / "peer.jpg", reference))
    report("likeness (SSIM) of the large size to a whole decode and Lanczos", spread(ours, "{:.4f}"),
           f"vipsthumbnail {spread(peer, '{:.4f}')}")


def bench_poster(folder):
    """By a hub whose workers do not transcode."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        hub = Hub(place, env={"MEDIAHUB_KINDS": "image,video", "MEDIAHUB_LOG_LEVEL": "debug"}).start()
        session = hub.session()
        hub.wait_worker()
        ours, peer = [], []
        for i in range(ROUNDS):
            files = copies(folder, [CLIP], COPIES, f"poster-{i}")
            ours.append(through_hub(hub, session, files))
            peer.append(spent_s(["ffmpeg", "-v", "error", "-y", "-i", file, "-frames:v", "1", "-vf",
                                 "scale=800:-2", folder / "poster.jpg"] for file in files)
                        / len(files) * 1e3)
        report("poster of a 1080p clip in three sizes, worker and decoder CPU",
               f"{spread(ours, '{:.0f}')} ms, decoder's peak {max(peaks_mb(hub)):.0f} MB",
               f"{ratios(ours, peer)} x of ffmpeg's first frame in one size "
               f"({statistics.median(peer):.0f} ms)")
        hub.stop()


def command_of(pid):
    return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]


def transcode_s(hub, session, clip):
    """(CPU seconds of the converter in its sandbox, its command)"""
    def spent():
        return sum(cpu_s_with_ended(pid) for pid in hub.pids("mediahub-worker"))

    def running():
        return next((command for pid in hub.pids("ffmpeg") if len(command := command_of(pid)) > 1), None)

    media = hub.upload(session, clip).json()["data"]
    hub.wait_status(session, media["id"], "ready")
    command = wait_for(running, "a conversion")
    before = spent()
    wait_for(lambda: not hub.pids("ffmpeg"), "its end", 10 * PATIENCE_S)
    return spent() - before, command


def bench_transcode(hub, session, folder):
    """The same command, by hand, on the same clip: as much CPU for as many frames."""
    long = folder / "long.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-stream_loop", "5", "-i", CLIP, "-c", "copy", long],
                   check=True)
    pairs = []
    for i in range(3):
        clip, = copies(folder, [long], 1, f"transcode-{i}")
        ours, command = transcode_s(hub, session, clip)
        command[command.index("-i") + 1], command[-1] = str(clip), str(folder / "bare.mp4")
        pairs.append((ours, spent_s([["nice", "-n", "10", *command]])))    # as ours is
    report("transcode of 10 s of 1080p to 720p, speed by CPU time",
           f"{spread([bare / ours for ours, bare in pairs])} x",
           f"of the bare ffmpeg command ({statistics.median(bare for _, bare in pairs):.1f} s)")


SKILLS = {"photo": "JPEG", "pictures": "all pictures", "films": "clips and recordings"}


def bench_children(hub, session, folder):
    """What a job costs beside its decoding, with the libraries of each decoder."""
    for skill, kind in SKILLS.items():
        rounds = [list(map(float, subprocess.run([BUILD / f"bin/bench_fork_cost_{skill}"], check=True,
                                                 text=True, capture_output=True).stdout.split()))
                  for _ in range(ROUNDS)]
        report(f"fork, sandbox and end of a child for {kind}",
               f"{spread([all_of_it / 1e3 for _, all_of_it, _ in rounds])} ms CPU",
               f"without the sandbox {spread([plain / 1e3 for plain, _, _ in rounds])} ms; "
               f"{rounds[0][2]:.0f} mappings")
    for kind, empty in EMPTY.items():
        bench_empty(hub, session, folder, kind, empty)


# Of each decoder: what it refuses at once.
EMPTY = {"JPEG": (".jpg", b"\xff\xd8\xff\xd9"),
         "all pictures": (".png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
         "clips and recordings": (".wav", b"RIFF\x24\0\0\0WAVEfmt ")}


def bench_empty(hub, session, folder, kind, empty):
    suffix, content = empty
    file = folder / f"empty{suffix}"
    file.write_bytes(content)

    def templates():
        return sum(cpu_s_with_ended(pid) for pid, name in descendants(hub.process.pid).items()
                   if name in TEMPLATES)

    def refused(number, salt):
        for one in copies(folder, [file], number, salt):
            media_id = hub.upload(session, one).json()["data"]["id"]
            hub.wait_status(session, media_id, "failed")

    refused(2 * len(hub.pids("mediahub-worker")), "first")       # which starts templates
    costs = []
    for i in range(ROUNDS):
        before = templates()
        refused(60, i)
        costs.append((templates() - before) / 60 * 1e3)
    report(f"fork, sandbox and end of a child for {kind} that decodes nothing, as jobs are done",
           f"{spread(costs)} ms CPU")


def bench_throughput(hub, session, folder):
    """One worker and its decoders on a core, everything else on another; against libvips on that core."""
    for pid, name in descendants(hub.process.pid).items():
        pin(pid, {SERVER_CORE if name in ("mediahub-worker", *TEMPLATES) else LOAD_CORE})
    ours, peer = [], []
    for i in range(3):
        files = copies(folder, PHOTOS, COPIES, f"rate-{i}")
        started = time.monotonic()
        ids = [hub.upload(session, path).json()["data"]["id"] for path in files]
        for media_id in ids:
            hub.wait_status(session, media_id, "ready")
        ours.append(len(files) / (time.monotonic() - started))
        started = time.monotonic()
        for size in SIZES:
            subprocess.run(["taskset", "-c", str(SERVER_CORE), "env", "VIPS_CONCURRENCY=1", "vipsthumbnail",
                            "--size", str(size), "-o", f"{folder}/%s_{size}.jpg[Q=80,strip]",
                            *map(str, files)], check=True)
        peer.append(len(files) / (time.monotonic() - started))
    report("photos a second of one worker on one core, uploads included", spread(ours, "{:.1f}"),
           f"{ratios(ours, peer)} x of vipsthumbnail, a process per size for all files "
           f"({statistics.median(peer):.1f})")


def bench_media(hub):
    session = hub.session()
    hub.wait_status(session, hub.upload(session, PHOTOS[0]).json()["data"]["id"], "ready")
    with tempfile.TemporaryDirectory(dir=hub.folder) as folder:
        folder = pathlib.Path(folder)
        bench_pictures(hub, session, folder)
        bench_likeness(hub, session, folder)
        bench_poster(folder)
        bench_transcode(hub, session, folder)
        bench_children(hub, session, folder)
        bench_throughput(hub, session, folder)
