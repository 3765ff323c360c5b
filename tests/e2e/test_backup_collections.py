"""Backup Repository: versions of backups, from the first byte of an upload to their removal."""
import hashlib
import os
import signal
import threading
import time

import pytest
import requests
from backup_client import KEY_PASSWORD, PASSWORD, BackupClient, armoured
from harness import PATIENCE_S, wait_for
from raw_client import connect, read_answer
from socket_client import SocketClient
from test_redis_away import disk_left

# A minute in the year that is half a year away, and one that is always.
CLOSED = [{"from": f"0 0 1 {(time.gmtime().tm_mon + 5) % 12 + 1} *", "duration": "1m"}]
OPEN = [{"from": "*/30 * * * *", "duration": "30m"}]
BEGUN = "cannot upload version. cannot upload file, cannot copy stream, error: "
BIG_BYTES = int(os.environ.get("MEDIAHUB_BACKUP_BYTES", 256 << 20))


@pytest.fixture
def hub(make_hub, files):
    return make_hub(*files.options())


def refused(answer, status, text):
    assert (answer.status_code, answer.json()["error"]) == (status, text), answer.text


def blobs(hub):
    return {path.name for path in (hub.data / "store/blobs").glob("*/*/*")}


def incoming(hub):
    return os.listdir(hub.data / "store/incoming")


# --- bounds ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("partitions", [1, 3])
def test_rotation(make_hub, files, partitions):
    """The oldest give way, numbers only grow, and what is gone leaves the disk."""
    files.collection("daily", maxBackupsCount=3)
    hub = make_hub(*files.options(), "--partitions", str(partitions))
    admin = BackupClient(hub)
    contents = [armoured() for _ in range(5)]
    for number, content in enumerate(contents, 1):
        version = admin.uploaded("daily", content)
        assert (version["versionNumber"], version["filename"]) == (number, f"daily-{number}.asc")
    kept = admin.versions("daily")
    assert [v["versionNumber"] for v in kept] == [5, 4, 3]
    assert [admin.download("daily", n).content for n in (3, 4, "latest")] == contents[2:]
    assert admin.download("daily", 1).status_code == 404
    # A lower bound takes what is too much with the next one.
    files.collection("daily", maxBackupsCount=1)
    assert admin.uploaded("daily", armoured())["versionNumber"] == 6
    assert [v["versionNumber"] for v in admin.versions("daily")] == [6]


def test_without_rotation_a_collection_is_full(hub, files):
    files.collection("frozen", maxBackupsCount=1, strategyName="none")
    admin = BackupClient(hub)
    kept = admin.uploaded("frozen", armoured())
    refused(admin.upload("frozen", armoured()), 500,
            "cannot upload version. the collection has as many versions as it may")
    assert admin.versions("frozen") == [kept]


def test_sizes(hub, files):
    files.collection("small", maxOneVersionSize="2k", maxCollectionSize="5k", maxBackupsCount=10)
    admin = BackupClient(hub)
    limit = BEGUN + "filesize reached allowed limit of {} bytes"
    big = armoured(4000)
    refused(admin.upload("small", big), 500, limit.format(2048))
    refused(admin.upload("small", iter([big[:1000], big[1000:]])), 500, limit.format(2048))
    answer = admin.ask("/repository/collection/small/version", "POST", files={"file": ("b", big)})
    refused(answer, 500, limit.format(2048))
    assert admin.versions("small") == [] and incoming(hub) == []
    for _ in range(2):
        admin.uploaded("small", armoured(1900))
    used = sum(v["filesize"] for v in admin.versions("small"))
    refused(admin.upload("small", armoured(1900)), 500, limit.format((5 << 10) - used))
    # What gives way is room for what comes.
    files.collection("small", maxOneVersionSize="2k", maxCollectionSize="5k", maxBackupsCount=2)
    admin.uploaded("small", armoured(1900))
    assert [v["versionNumber"] for v in admin.versions("small")] == [3, 2]


def test_windows(hub, files):
    files.collection("nightly", windows=CLOSED,
                     accessControl=[{"name": "eve", "type": "user", "roles": ["backupUploader"]}])
    files.user("eve")
    eve, admin = BackupClient(hub, "eve"), BackupClient(hub)
    refused(eve.upload("nightly", armoured()), 403, "no backup window of this collection is open now")
    admin.uploaded("nightly", armoured())           # a collectionManager may, at any time
    files.collection("nightly", windows=CLOSED + OPEN,
                     accessControl=[{"name": "eve", "type": "user", "roles": ["backupUploader"]}])
    eve.uploaded("nightly", armoured())


# --- rights ----------------------------------------------------------------------------------------

def may(client, collection):
    """(upload, list, download) as statuses; there is a version already."""
    return (client.upload(collection, armoured()).status_code,
            client.ask(f"/repository/collection/{collection}/version").status_code,
            client.download(collection).status_code)


def test_rights(hub, files):
    acl = [{"name": "up", "type": "user", "roles": ["backupUploader"]},
           {"name": "down", "type": "user", "roles": ["backupDownloader"]},
           {"userName": "old", "type": "user", "roles": ["collectionManager"]}]
    files.collection("shared", windows=OPEN, accessControl=acl)
    files.collection("other", windows=OPEN)
    for name in ("up", "down", "old", "none"):
        files.user(name)
    admin = BackupClient(hub)
    admin.uploaded("shared", armoured())
    admin.uploaded("other", armoured())
    rights = {"up": (200, 200, 403), "down": (403, 200, 200), "old": (403,) * 3, "none": (403,) * 3,
              "admin": (200,) * 3}
    for name, statuses in rights.items():
        client = BackupClient(hub, name)
        assert may(client, "shared") == statuses, name
        assert may(client, "other") == ((200,) * 3 if name == "admin" else (403,) * 3), name


def test_keys_and_scopes_only_take_away(hub, files):
    files.collection("other", windows=OPEN)
    admin = BackupClient(hub)
    for name in ("iwa-ait", "other"):
        admin.uploaded(name, armoured())
    key = BackupClient(hub, "some-user$uploader", KEY_PASSWORD)
    assert may(key, "iwa-ait") == (200, 200, 403) and may(key, "other") == (403,) * 3

    def scoped(username, name, *roles):
        return BackupClient(hub, username, operationsScope={"elements": [
            {"type": "collection", "name": name, "roles": list(roles)}]})

    assert may(scoped("admin", "other", "backupDownloader"), "other") == (403, 200, 200)
    assert may(scoped("admin", "other", "backupDownloader"), "iwa-ait") == (403,) * 3
    assert may(scoped("unprivileged", "other", "systemAdmin", "collectionManager"), "other") == (
        403,) * 3


# --- uploads that go wrong -------------------------------------------------------------------------

def begin_upload(hub, client, collection, length, first):
    connection = connect(hub)
    connection.sendall(
        f"POST /api/stable/repository/collection/{collection}/version HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {client.token}\r\nContent-Length: {length}\r\n\r\n".encode() + first)
    wait_for(lambda: incoming(hub), "the upload under way")
    return connection


def test_one_at_a_time(hub, files):
    files.collection("slow")
    admin = BackupClient(hub)
    content = armoured(200000)
    first = begin_upload(hub, admin, "slow", len(content), content[:100000])
    refused(admin.upload("slow", armoured()), 500, "cannot upload to same collection in parallel")
    admin.uploaded("iwa-ait", armoured())            # others are not held up
    first.sendall(content[100000:])
    assert read_answer(first).status == 200
    first.close()
    assert admin.uploaded("slow", armoured())["versionNumber"] == 2
    assert admin.download("slow", 1).content == content


def test_half_an_upload_leaves_nothing(hub, files):
    files.collection("half")
    admin = BackupClient(hub)
    content = armoured(200000)
    begin_upload(hub, admin, "half", len(content), content[:150000]).close()
    wait_for(lambda: not incoming(hub), "an empty incoming/")
    assert admin.versions("half") == [] and not blobs(hub)
    admin.uploaded("half", content)                  # at once: nobody holds the collection


def test_two_gateways_take_turns(make_hub, files):
    """Many clients at once: each version is one number, and nothing is lost or counted twice."""
    files.collection("busy", maxBackupsCount=100)
    hub = make_hub(*files.options(), "--gateways", "2")
    done, statuses, stop = [], [], threading.Event()

    def keep_uploading():
        client = BackupClient(hub)
        while not stop.is_set():
            content = armoured(20000)
            with requests.Session() as one:       # a connection of its own: to either gateway
                one.headers.update(client.http.headers)
                answer = one.post(client.url + "/repository/collection/busy/version", data=content,
                                  timeout=PATIENCE_S)
            statuses.append(answer.status_code)
            if answer.status_code == 200:
                version = answer.json()["data"]["version"]
                done.append((version["versionNumber"], hashlib.sha256(content).hexdigest()))

    threads = [threading.Thread(target=keep_uploading) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: len(done) >= 20, "20 versions")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(statuses) <= {200, 500}
    numbers = sorted(number for number, _ in done)
    assert numbers == list(range(1, len(done) + 1))
    admin = BackupClient(hub)
    assert [v["versionNumber"] for v in admin.versions("busy")] == numbers[::-1]
    for number, digest in done:
        assert hashlib.sha256(admin.download("busy", number).content).hexdigest() == digest


def test_disk_full(make_hub, files, tmp_path):
    files.collection("full", maxBackupsCount=0)
    hub = make_hub(*files.options(), env={"MEDIAHUB_STORE_RESERVE": str(disk_left(tmp_path) - (4 << 30))})
    admin = BackupClient(hub)
    admin.uploaded("full", armoured())
    ballast = tmp_path / "ballast"
    try:
        with open(ballast, "wb") as f:
            os.posix_fallocate(f.fileno(), 0, 8 << 30)
        (answer,) = wait_for(lambda: [a for a in [admin.upload("full", armoured())]
                                      if a.status_code != 200], "a refusal")
        assert answer.status_code == 507 and int(answer.headers["Retry-After"]) > 0
        assert answer.json()["status"] is False and answer.json()["data"] == {}
        assert not incoming(hub)
        assert admin.download("full", 1).status_code == 200
    finally:
        ballast.unlink(missing_ok=True)
    wait_for(lambda: admin.upload("full", armoured()).status_code == 200, "room again")


@pytest.mark.parametrize("how", ["length", "chunked", "form"])
def test_large_with_flat_memory(hub, files, how):
    """MEDIAHUB_BACKUP_BYTES=5368709120 for 5 GiB; a smaller file shows a copy in memory as well."""
    files.collection("large", maxOneVersionSize="6G", maxCollectionSize="20G")
    admin = BackupClient(hub)
    admin.uploaded("large", armoured())
    (gateway,) = hub.pids("mediahub-gateway")

    def memory_bytes(name):
        with open(f"/proc/{gateway}/status") as status:
            return next(int(line.split()[1]) << 10 for line in status if line.startswith(name))

    line = b"A" * 63 + b"\n"
    chunk = line * 16384
    digest, length = hashlib.sha256(), 0

    def body():
        nonlocal length
        parts = [b"-----BEGIN PGP MESSAGE-----\n\n", *[chunk] * (BIG_BYTES // len(chunk)),
                 b"-----END PGP MESSAGE-----\n"]
        for part in parts:
            digest.update(part)
            length += len(part)
            yield part

    total = 29 + BIG_BYTES // len(chunk) * len(chunk) + 26
    around = [b"", b""], {}
    if how == "form":
        around = [b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"b\"\r\n\r\n",
                  b"\r\n--b--\r\n"], {"Content-Type": "multipart/form-data; boundary=b"}
    (before, after), headers = around

    class Sized:
        """requests sends Content-Length for what has a length, and chunks for what has none."""

        def __len__(self):
            return len(before) + total + len(after)

        def __iter__(self):
            yield from (before, *body(), after) if before else body()

    start = memory_bytes("VmRSS")
    with open(f"/proc/{gateway}/clear_refs", "w") as clear:
        clear.write("5")             # the peak from now on; logins had needed more
    answer = admin.upload("large", Sized() if how != "chunked" else iter(Sized()), headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["version"]["filesize"] == length == total
    with admin.download("large", stream=True) as download:
        back = hashlib.sha256()
        for part in download.iter_content(1 << 20):
            back.update(part)
    assert back.hexdigest() == digest.hexdigest()
    grown = memory_bytes("VmHWM") - start
    print(f"{how}: {total} bytes, the gateway's peak grew by {grown >> 10} KiB")
    assert grown < 16 << 20


# --- broken definitions, health --------------------------------------------------------------------

def test_a_broken_definition(hub, files):
    admin = BackupClient(hub)
    bad = {"cron": {"windows": [{"from": "61 * * * *", "duration": "1h"}]},
           "duration": {"windows": [{"from": "* * * * *", "duration": "soon"}]},
           "size": {"maxOneVersionSize": "much"}, "count": {"maxBackupsCount": -1}}
    for name, spec in bad.items():
        files.collection(name, **spec)
        refused(admin.upload(name, armoured()), 500, "the definition of this collection is broken")
        assert any('"manifest_broken"' in line and f"backupcollections/{name}.yaml: spec." in line
                   for line in hub.log_text().splitlines()), name
    admin.uploaded("iwa-ait", armoured())


def test_health(hub, files):
    admin = BackupClient(hub)
    files.collection("watched", windows=OPEN, maxBackupsCount=10)

    def health():
        answer = admin.ask("/repository/collection/watched/health")
        return answer.status_code, {c["name"]: c["status"] for c in answer.json()["data"]["health"]}

    names = ["BackupWindowValidator", "VersionsSizeValidator", "SumOfVersionsValidator"]
    assert health() == (500, dict(zip(names, (False, True, True))))
    admin.uploaded("watched", armoured(3000))
    assert health() == (200, dict(zip(names, (True, True, True))))
    files.collection("watched", windows=OPEN, maxOneVersionSize="1k", maxBackupsCount=10)
    assert health() == (500, dict(zip(names, (True, False, True))))
    files.collection("watched", windows=OPEN, maxCollectionSize="1k", maxBackupsCount=10)
    assert health() == (500, dict(zip(names, (True, True, False))))
    # A code that nobody can know shuts it, rather than opening it.
    files.collection("watched", healthSecretRef={"name": "none", "entry": "code"})
    assert admin.ask("/repository/collection/watched/health").status_code == 403


# --- events, deaths --------------------------------------------------------------------------------

@pytest.mark.parametrize("partitions", [1, 3])
def test_told_to_subscribers_and_webhooks(make_hub, files, make_receiver, partitions):
    hub = make_hub(*files.options(), "--partitions", str(partitions))
    receiver = make_receiver()
    answer = hub.session().post(hub.api + "/webhooks", timeout=PATIENCE_S, json={
        "url": receiver.url, "events": ["collection.version.uploaded"]})
    assert answer.status_code == 201, answer.text
    uploader = BackupClient(hub, "some-user")
    own = SocketClient(hub, uploader.token, ["collection_updates"])
    admin = SocketClient(hub, hub.login(), ["collection_updates"])
    other = SocketClient(hub, BackupClient(hub, "unprivileged").token, ["collection_updates"])
    version = uploader.uploaded("iwa-ait", armoured())
    for client in (own, admin):
        event = client.wait_event("collection.version.uploaded", "iwa-ait")
        assert event["changes"]["version_id"] == version["id"]
        assert event["changes"]["version"] == version["versionNumber"]
    wait_for(lambda: receiver.events() == ["collection.version.uploaded"], "the message")
    other.send(type="ping")
    other.wait("pong")
    assert not [m for m in other.seen if m["type"] == "event"]
    for client in (own, admin, other):
        client.close()


def test_versions_outlive_every_process(hub, files):
    files.collection("kept", maxBackupsCount=100)
    hub.expect_deaths()
    admin = BackupClient(hub)
    sent = {}
    for victim in ("mediahub-gateway", "redis-server", "mediahub-webhooks", "mediahub-worker"):
        content = armoured(5000)
        sent[admin.uploaded("kept", content)["versionNumber"]] = content
        os.kill(hub.pids(victim)[0], signal.SIGKILL)

        def comes_back():
            try:
                return admin.ask("/repository/collection/kept/version").status_code == 200
            except requests.RequestException:
                return False
        wait_for(comes_back, f"service after the death of {victim}")
    hub.kill()
    hub.start()
    assert {v["versionNumber"] for v in admin.versions("kept")} == set(sent) == {1, 2, 3, 4}
    for number, content in sent.items():
        assert admin.download("kept", number).content == content


def test_check_finds_what_is_missing(hub, files):
    from test_check import check

    admin = BackupClient(hub)
    kept, lost = armoured(), armoured()
    admin.uploaded("iwa-ait", kept)
    version = admin.uploaded("iwa-ait", lost)
    assert check(hub) == (0, [], "checked 0 media, 2 backups and 2 blobs: 0 findings")
    digest = hashlib.sha256(lost).hexdigest()
    (hub.data / "store/blobs" / digest[:2] / digest[2:4] / digest).unlink()
    status, findings, _ = check(hub)
    assert (status, findings) == (1, [f"missing blob {digest} {version['id']}"])
    assert admin.download("iwa-ait", version["versionNumber"]).status_code == 500
    assert PASSWORD not in hub.log_text().replace('"admin"', "")
