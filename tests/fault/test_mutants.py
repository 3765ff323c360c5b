"""Files that chance has changed, of every format, through a hub's real decoders: each ends ready, with
thumbnails that are pictures, or failed with a reason of its own, and nothing of it is left behind.

MEDIAHUB_MUTANTS=1000 sends so many of each; MEDIAHUB_MUTANTS_SEED repeats those of one run;
MEDIAHUB_MUTANTS_ONLY=jpeg,png:17 sends some formats or single ones; MEDIAHUB_MUTANTS_KINDS=image,video
leaves the transcodes out, which take most of the time. What went wrong lies in the test's folder.
mutants/ has what was found so far."""
import collections
import json
import os
import pathlib
import subprocess

import pytest
import state_keys
from campaign import VARIANT_FILES, random_of
from conftest import SUMMARIES
from harness import PATIENCE_S, SANITIZED, Hub, files_made, wait_for
from mutants import FORMATS, mutant, seeds

COUNT = int(os.environ.get("MEDIAHUB_MUTANTS", 2 if SANITIZED else 4))
ONLY = os.environ.get("MEDIAHUB_MUTANTS_ONLY", ",".join(FORMATS)).split(",")
KINDS = os.environ.get("MEDIAHUB_MUTANTS_KINDS", "image,video,transcode")
AT_ONCE = 40              # between two looks at what was left behind
FOUND = sorted((pathlib.Path(__file__).parent / "mutants").glob("[!.]*"))
SIZES = {"small": 200, "medium": 400, "large": 800}
# What may be said of a file; "crashed" is a decoder that did not survive it.
REASONS = {"damaged", "unsupported", "too_many_pixels", "out_of_memory", "timed_out"}
MAX_PEAK_BYTES = 512 << 20


class Lab:
    """One hub; what it says of each file, as (status, type, size, failure)."""

    def __init__(self, folder):
        self.folder = folder
        self.wrong = folder / "wrong"
        self.wrong.mkdir()
        self.sources = seeds(folder)
        self.hub = Hub(folder, ["--workers", "2"], env={"MEDIAHUB_STORE_COLLECT_AFTER": "1",
                                                        "MEDIAHUB_LOG_LEVEL": "debug",
                                                        "MEDIAHUB_KINDS": KINDS})
        self.hub.start()
        self.session = self.hub.session()
        self.templates = set()        # of those that were wanted so far
        self.count = collections.Counter()
        self.problems = []

    def close(self):
        self.hub.stop()
        self.hub.check_log()

    def say(self, name, content, problem):
        (self.wrong / name).write_bytes(content)
        self.problems.append(f"{self.wrong / name}: {problem}")

    def media(self, media_id):
        return self.session.get(f"{self.hub.api}/media/{media_id}", timeout=PATIENCE_S).json()["data"]

    def upload(self, name, content):
        """An id, or None where the file is refused with a word why."""
        answer = self.session.post(self.hub.api + "/media/upload", files={"file": (name, content)},
                                   timeout=PATIENCE_S)
        body = answer.json()
        if answer.status_code == 201:
            return body["data"]["id"]
        if answer.status_code not in (400, 415, 422) or not body["error"]["code"]:
            self.say(name, content, (answer.status_code, body))
        self.count["refused"] += 1
        return None

    def run(self, files):
        """[(name, content)] -> {name: verdict}"""
        verdicts = {}
        for i in range(0, len(files), AT_ONCE):
            ids = {name: (content, media_id) for name, content in files[i:i + AT_ONCE]
                   if (media_id := self.upload(name, content))}
            for name, (content, media_id) in ids.items():
                self.hub.wait_status(self.session, media_id, "ready", "failed")
            if "transcode" in KINDS:
                wait_for(lambda: state_keys.work_is_over(self.hub), "the end of all work",
                         4 * PATIENCE_S)
            for name, (content, media_id) in ids.items():
                verdicts[name] = self.judge(name, content, self.media(media_id))
            self.judge_rest()
            for content, media_id in ids.values():
                self.session.delete(f"{self.hub.api}/media/{media_id}", timeout=PATIENCE_S)
        return verdicts

    def judge(self, name, content, media):
        self.count[media["status"]] += 1
        failure = media.get("failure") or {}
        if failure or media["status"] == "failed":
            if failure.get("code") not in REASONS or not failure.get("message"):
                self.say(name, content, ("reason", failure))
            self.count[failure.get("code")] += 1
        if media["status"] == "ready":
            for problem in self.problems_of_ready(media):
                self.say(name, content, (problem, media))
        elif media["variants"]:
            self.say(name, content, ("variants of a failed one", media))
        return tuple(str(media.get(key)) for key in ("status", "type", "width", "height", "failure"))

    def problems_of_ready(self, media):
        made = files_made(self.hub.data / "store/variants" / media["checksum"].rpartition(":")[2])
        thumbnails = [name for name in media["variants"] if name in SIZES]
        if media["type"] != "audio" and len(thumbnails) != len(SIZES):
            yield "lacks thumbnails"
        if media["mime_type"].startswith("image/") and media["type"] != "image":
            yield "a picture that is none"
        if "transcode" in KINDS and media["type"] == "video" and \
                "720p" not in media["variants"] and not media.get("failure"):
            yield "no rendition, and no word why"
        for name in thumbnails:
            yield from problems_of_jpeg(made[VARIANT_FILES[name]], SIZES[name], media)
        if "720p" in media["variants"]:
            film = made[VARIANT_FILES["720p"]].read_bytes()
            if film[4:8] != b"ftyp" or b"moov" not in film or b"mdat" not in film:
                yield "a rendition that is no film"

    def judge_rest(self):
        """With all work done, no process and no half-made file is there."""
        wait_for(lambda: not self.hub.pids("decode-job") + self.hub.pids("ffmpeg"), "no child")
        wait_for(lambda: not os.listdir(self.hub.data / "store/incoming"), "no half-made file")
        now = set(self.hub.pids("mediahub-decode"))
        assert self.templates <= now, "a template has died"
        self.templates = now

    def judge_store(self):
        """With all records deleted, no file is there."""
        store = self.hub.data / "store"
        wait_for(lambda: not list((store / "blobs").glob("*/*/*")) and
                 not os.listdir(store / "variants") and not os.listdir(store / "trash"),
                 "an empty store")

    def peak_bytes(self):
        """Of the child that took most."""
        return max(json.loads(line)["peak_bytes"] for line in self.hub.log_text().splitlines()
                   if '"decode_ended"' in line)


def problems_of_jpeg(path, size, media):
    decoded = subprocess.run(["djpeg", "-outfile", os.devnull, path], capture_output=True)
    if decoded.returncode or decoded.stderr:
        yield f"{path.name} is no good picture: {decoded.stderr}"
    width, height = size_of_jpeg(path.read_bytes())
    longest = max(media["width"], media["height"])
    if max(width, height) != min(size, longest):
        yield f"{path.name} has {width} x {height}"


def size_of_jpeg(data):
    """ITU-T T.81, B.2.2: the frame header."""
    at = 2
    while data[at + 1] not in (0xc0, 0xc1, 0xc2):
        at += 2 + int.from_bytes(data[at + 2:at + 4], "big")
    return int.from_bytes(data[at + 7:at + 9], "big"), int.from_bytes(data[at + 5:at + 7], "big")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("mutants"))
    yield lab
    try:
        lab.judge_store()
    finally:
        SUMMARIES.append(f"mutants: {dict(lab.count)}, at most {lab.peak_bytes() >> 20} MB a child")
        lab.close()
    assert SANITIZED or lab.peak_bytes() < MAX_PEAK_BYTES


def judge(lab, files):
    """Whatever failed is sent again behind others: it must fail in the same words."""
    first = lab.run(files)
    contents = dict(files)
    failed = [name for name, verdict in first.items() if verdict[0] == "failed"]
    again = lab.run([(name, contents[name]) for name in reversed(failed)])
    for name, verdict in again.items():
        if verdict != first[name]:
            lab.say(name, contents[name], ("once", first[name], "then", verdict))


def judge_unchanged(lab):
    verdicts = lab.run([(f"{kind}-{i}.bin", content) for kind, contents in lab.sources.items()
                        for i, content in enumerate(contents)])
    assert {verdict[0] for verdict in verdicts.values()} == {"ready"}, verdicts


def judge_changed(lab):
    base = random_of("MEDIAHUB_MUTANTS_SEED").randrange(1 << 32)
    for kind, _, number in (word.partition(":") for word in ONLY):
        numbers = [int(number)] if number else range(COUNT)
        before = lab.count.copy()
        judge(lab, [(f"{kind}-{n}.bin", mutant(lab.sources[kind], f"{base} {kind} {n}"))
                    for n in numbers])
        print(kind, dict(lab.count - before), flush=True)
    assert len(ONLY) < len(FORMATS) or lab.count["ready"] > 0 and lab.count["failed"] > 0


def test_mutants(lab):
    """One test, since each of several could get a hub of its own: the files as they were made, what
    was found before, and what chance makes now."""
    judge_unchanged(lab)
    judge(lab, [(path.name, path.read_bytes()) for path in FOUND])
    judge_changed(lab)
    assert not lab.problems, "\n".join(lab.problems)
