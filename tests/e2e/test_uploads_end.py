"""Resumable uploads whose gateway dies, whose client leaves, that nobody goes on with, and that are too
many."""
import concurrent.futures
import hashlib
import os
import random
import signal
import time

import requests
from harness import PATIENCE_S, SAMPLES, wait_for
from load import tiny_png
from people import add_user
from tus_client import BYTES, Tus, checksum, metadata

PHOTO = (SAMPLES / "pic2/IMG_20200124_231153.jpg").read_bytes()
LARGE = PHOTO + random.Random(7).randbytes(24 << 20)       # what follows a picture's end is kept as well


def client(hub, name="ada"):
    session = add_user(hub, name)[1]
    tus = Tus(hub, session.headers["Authorization"].split()[1])
    tus.session = session
    return tus


def files(hub):
    return sorted(os.listdir(hub.data / "store/partial"))


def content(tus, media_id):
    return tus.session.get(f"{tus.hub.api}/media/{media_id}/content", timeout=PATIENCE_S).content


def ask_again(ask):
    """What a client does whose server is being started again: its answer, once there is one."""
    def look():
        try:
            answer = ask()
        except OSError:
            return None
        return answer if answer.status not in (423, 503) else None
    return wait_for(look, "an answer")


def kill_gateways(hub):
    for pid in hub.pids("mediahub-gateway"):
        os.kill(pid, signal.SIGKILL)


def test_killed_gateways_lose_nothing_that_was_acknowledged(make_hub):
    """Of each dead gateway at least what it had told; the next one, which may be another, goes on."""
    hub = make_hub("--gateways", "2")
    hub.expect_deaths()
    tus, rng = client(hub), random.Random(3)
    path = tus.create(len(LARGE), Upload_Metadata=metadata(filename="large.jpg"))
    file = hub.data / "store/partial" / path.rsplit("/", 1)[1]
    told, at = 0, 0
    for turn in range(4):
        rest = LARGE[at:]
        proof = {"Upload_Checksum": checksum(rest)} if turn == 2 else {}
        stop = rng.randrange(len(rest) // 8, len(rest) // 3)
        sock = tus.begin(path, at, len(rest), rest[:stop], **proof)
        if turn % 2:
            told = wait_for(lambda: (offset := ask_again(lambda: tus.head(path)).offset) > at and offset, "some of it")
        else:
            wait_for(lambda: file.exists() and file.stat().st_size >= at + stop // 2, "half of it in the file")
        kill_gateways(hub)
        sock.close()
        was, at = at, ask_again(lambda: tus.head(path)).offset
        assert told <= at == (was if proof else at) and at <= was + stop, (told, at, was, stop)
        with open(file, "rb") as f:
            assert hashlib.sha256(f.read(at)).digest() == hashlib.sha256(LARGE[:at]).digest()
    # A client that leaves: what had come is kept.
    tus.begin(path, at, len(LARGE) - at, LARGE[at:at + 300001]).close()
    wait_for(lambda: tus.head(path).offset == at + 300001, "all of it")
    answer = ask_again(lambda: tus.patch(path, at + 300001, LARGE[at + 300001:]))
    assert answer.status == 204 and content(tus, answer["Media-Id"]) == LARGE
    assert tus.head(path)["Media-Id"] == answer["Media-Id"]
    wait_for(lambda: not files(hub), "an empty folder")


def test_a_last_answer_that_is_lost(make_hub):
    """All bytes are there, and the gateway dies before or after the record: one media, and its id is told."""
    hub = make_hub("--gateways", "2")
    hub.expect_deaths()
    tus = client(hub)
    for number in range(3):
        path = tus.create(len(LARGE))
        sock = tus.begin(path, 0, len(LARGE), LARGE)
        file = hub.data / "store/partial" / path.rsplit("/", 1)[1]
        wait_for(lambda: not file.exists() or file.stat().st_size > len(LARGE) - 40000, "nearly all of it")
        kill_gateways(hub)
        sock.close()
        seen = ask_again(lambda: tus.head(path))
        if seen.offset < len(LARGE):
            assert ask_again(lambda: tus.patch(path, seen.offset, LARGE[seen.offset:])).status == 204
            seen = ask_again(lambda: tus.head(path))
        assert seen["Media-Id"] == ask_again(lambda: tus.head(path))["Media-Id"]
        page = tus.session.get(hub.api + "/media", timeout=PATIENCE_S).json()
        assert page["meta"]["pagination"]["total"] == number + 1
        assert page["data"][0]["id"] == seen["Media-Id"] and page["data"][0]["size"] == len(LARGE)
    wait_for(lambda: not files(hub), "an empty folder")


def test_a_line_that_breaks_without_a_word(make_hub):
    """Who comes back does not wait for the old connection's deadline (30 s); one that is at work stays."""
    hub = make_hub()
    tus = client(hub)
    path = tus.create(len(PHOTO))
    silent = tus.begin(path, 0, len(PHOTO), PHOTO[:300001])
    assert wait_for(lambda: tus.head(path).offset, "the first bytes") > 0
    began = time.monotonic()
    answer = wait_for(lambda: (answer := tus.patch(path, 300001, PHOTO[300001:])).status == 204 and answer, "its place")
    assert time.monotonic() - began < 20 and content(tus, answer["Media-Id"]) == PHOTO
    silent.close()
    # What had come over that line was to be proven: it has gone with it.
    path = tus.create(len(PHOTO))
    silent = tus.begin(path, 0, len(PHOTO), PHOTO[:300001], Upload_Checksum=checksum(PHOTO))
    file = hub.data / "store/partial" / path.rsplit("/", 1)[1]
    wait_for(lambda: file.exists() and file.stat().st_size, "the first bytes")
    answer = wait_for(lambda: (answer := tus.patch(path, 0, PHOTO)).status == 204 and answer, "its place")
    assert time.monotonic() - began < 40 and content(tus, answer["Media-Id"]) == PHOTO
    silent.close()


def test_what_nobody_goes_on_with_expires(make_hub):
    hub = make_hub("--uploads-expire", "2", "--uploads-unfinished", "3")
    tus = client(hub)
    path = tus.create(len(PHOTO))
    assert tus.patch(path, 0, PHOTO[:100000]).status == 204 and len(files(hub)) == 2
    ended = tus.ask("POST", body=tiny_png(1), Upload_Length=len(tiny_png(1)), Content_Type=BYTES)
    pieces = tus.create(5, Upload_Concat="partial"), tus.create(5)
    gone = wait_for(lambda: (answer := tus.head(path)).status == 404 and answer, "the end of it")
    assert gone.offset is None
    wait_for(lambda: all(tus.head(p).status == 404 for p in (*pieces, ended["Location"])), "the end of the others")
    wait_for(lambda: not files(hub), "an empty folder")
    assert content(tus, ended["Media-Id"]) == tiny_png(1)
    others = [tus.create(5) for _ in range(3)]                            # the former count no more
    assert tus.create(5, 507)
    wait_for(lambda: all(tus.head(path).status == 404 for path in others), "the end of those three")
    # What is made of pieces lives as long as something is added to one of them.
    piece, began = tus.create(100000, Upload_Concat="partial"), time.monotonic()
    final = tus.create(None, Upload_Concat="final;" + piece)

    def add_for_a_while():
        assert tus.patch(piece, tus.head(piece).offset, b"x").status == 204
        return time.monotonic() > began + 5
    wait_for(add_for_a_while, "more than twice its life")
    assert tus.head(final).status == 200
    wait_for(lambda: tus.head(final).status == 404 and tus.head(piece).status == 404, "the end of both")
    # What a crash left beside its record goes as well.
    hub.stop()
    orphan, fresh = (hub.data / "store/partial" / ("upl_01H1QW8N5JZJ00X4Q2K7B3C9D" + c) for c in "67")
    for file in (orphan, orphan.with_suffix(".hash"), fresh):
        file.write_bytes(b"x")
        if file != fresh:
            os.utime(file, (time.time() - 7200,) * 2)
    hub.start()
    wait_for(lambda: not orphan.exists() and not orphan.with_suffix(".hash").exists(), "the end of the remains")
    assert fresh.exists()


def test_bounds(make_hub):
    """Exact whatever is asked at once; what ends makes room."""
    hub = make_hub("--uploads-unfinished", "5", "--uploads-unfinished-bytes", "1k", "--upload-max-bytes", "100k")
    tus, bob = client(hub), client(hub, "bob")
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda n: tus.ask("POST", Upload_Length=100), range(12)))
    made = [answer["Location"] for answer in answers if answer.status == 201]
    assert len(made) == 5 and {answer.status for answer in answers} == {201, 507}
    assert all(int(answer["Retry-After"]) > 0 for answer in answers if answer.status == 507)
    assert bob.create(100)
    for path in made[:3]:
        assert tus.ask("DELETE", path).status == 204
    # One of the largest size fits beside nothing; a length that comes later counts as the largest.
    assert tus.ask("POST", Upload_Defer_Length=1).status == 507 and tus.create(100 << 10, 507)
    for path in made[3:]:
        assert tus.ask("DELETE", path).status == 204
    deferred = tus.ask("POST", Upload_Defer_Length=1)
    assert deferred.status == 201 and tus.create(1, 507)
    assert tus.patch(deferred["Location"], 0, b"", Upload_Length=1000).status == 204
    assert tus.create(5000)
    small = tus.ask("POST", body=tiny_png(1), Upload_Length=len(tiny_png(1)), Content_Type=BYTES)
    assert small["Media-Id"] and tus.create(5000) and tus.create(5000)      # what is finished counts no more
    assert requests.get(hub.url + "/ready", timeout=PATIENCE_S).status_code == 200
