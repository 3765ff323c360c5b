"""mediahub backup and restore: all of a hub while it serves, as of one instant, back in a new folder."""
import os
import shutil
import subprocess
import threading

import pytest
import requests
from harness import BUILD, PATIENCE_S, SAMPLES, wait_for
from load import UploadLoad, tiny_png
from redis_server import RedisServer
from test_check import check
from test_identity import mediahub, upload


def backup(hub, folder, *options):
    return subprocess.run([BUILD / "bin/mediahub", "backup", folder, "--data", hub.data, *hub.options,
                           *options], cwd=hub.folder, env=hub.env, text=True, capture_output=True,
                          timeout=120, check=False)


def restore(hub, source, *options):
    return subprocess.run([BUILD / "bin/mediahub", "restore", source, "--data", hub.data, *options],
                          cwd=hub.folder, env=hub.env, text=True, capture_output=True, timeout=120,
                          check=False)


def files_below(folder):
    return {os.path.join(path, name)[len(str(folder)):]: os.stat(os.path.join(path, name))
            for path, _, names in os.walk(folder) for name in names}


def newest(folder):
    return max(entry for entry in folder.iterdir() if entry.name[0] != ".")


class Deleter:
    """Deletes what the load has made, now and then: the store changes in both directions."""

    def __init__(self, hub, load):
        self.hub, self.load, self.gone = hub, load, set()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        session = self.hub.session(self.load.token)
        while not self.over.wait(0.02):
            left = [media for media in list(self.load.created) if media not in self.gone]
            if len(left) > 20:
                self.gone.add(left[3])
                session.delete(f"{self.hub.api}/media/{left[3]}", timeout=PATIENCE_S)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


@pytest.mark.parametrize("partitions", [1, 3])
def test_under_load_and_back(make_hub, tmp_path, partitions):
    hub = make_hub("--partitions", str(partitions))
    session = hub.session()
    photo = hub.upload(session, SAMPLES / "pic2/IMG_20200124_231153.jpg").json()["data"]
    hub.wait_status(session, photo["id"], "ready")
    with UploadLoad(hub, hub.login()) as load, Deleter(hub, load) as deleter:
        wait_for(lambda: len(load.created) > 30, "uploads before")
        acknowledged = dict(load.created)
        done = backup(hub, tmp_path / "backups")
        gone = set(deleter.gone)
        assert done.returncode == 0, done.stderr
    assert not load.wrong, load.wrong[:3]
    hub.stop()

    new = make_hub(start=False)
    back = restore(new, tmp_path / "backups")
    assert back.returncode == 0, back.stderr
    status, findings, summary = check(new)
    assert (status, findings) == (0, []), summary
    new.start()
    session = new.session()
    for media_id in set(acknowledged) - gone:
        assert session.get(f"{new.api}/media/{media_id}/content",
                           timeout=PATIENCE_S).status_code == 200, media_id
    record = session.get(f"{new.api}/media/{photo['id']}", timeout=PATIENCE_S).json()["data"]
    assert requests.get(new.url + record["thumbnail_url"], timeout=PATIENCE_S).status_code == 200
    assert upload(new, session, 999_999).status_code == 201
    new.stop()
    assert check(new)[:2] == (0, [])


def test_the_next_one_links(hub, tmp_path):
    session, folder = hub.session(), tmp_path / "backups"
    for number in range(3):
        media = upload(hub, session, number).json()["data"]
        hub.wait_status(session, media["id"], "ready")
    assert backup(hub, folder).returncode == 0
    first = newest(folder)
    before = files_below(first / "store/blobs")
    assert len(before) == 3
    upload(hub, session, 3)
    # However soon: each is named after the one before.
    for _ in range(3):
        before_it = newest(folder)
        assert backup(hub, folder).returncode == 0 and newest(folder) > before_it
    after = files_below(newest(folder) / "store/blobs")
    assert len(after) == 4
    for name, info in before.items():
        assert after[name].st_ino == info.st_ino
        # Not of the store itself, whose disk may be the one that dies.
        live = os.stat(f"{hub.data}/store/blobs{name}")
        assert live.st_ino != info.st_ino
    assert not [entry for entry in folder.iterdir() if entry.name[0] == "."]


def test_of_a_stopped_hub_with_its_key_and_files(make_hub, tmp_path):
    hub = make_hub()
    token = hub.login()
    hub.stop()
    (hub.data / "backup-repository").mkdir()
    (hub.data / "backup-repository/note.yaml").write_text("kept")
    assert backup(hub, tmp_path / "backups").returncode == 0
    for name in files_below(tmp_path / "backups"):
        assert os.stat(str(tmp_path / "backups") + name).st_mode & 0o077 == 0, name
    new = make_hub(start=False)
    assert restore(new, newest(tmp_path / "backups")).returncode == 0
    assert (new.data / "backup-repository/note.yaml").read_text() == "kept"
    new.start()
    answer = requests.get(new.api + "/users/me", timeout=PATIENCE_S,
                          headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200


def test_without_the_key(hub, make_hub, tmp_path):
    assert backup(hub, tmp_path / "backups", "--without-key").returncode == 0
    assert not (newest(tmp_path / "backups") / "hub.key").exists()
    new = make_hub(start=False)
    assert restore(new, tmp_path / "backups").returncode == 0
    shutil.copy(hub.data / "hub.key", new.data / "hub.key")
    new.start()
    new.login()


def test_of_an_external_redis(make_hub, tmp_path):
    server = RedisServer(tmp_path / "state").start()
    try:
        hub = make_hub("--redis", server.url)
        media = upload(hub, hub.session()).json()["data"]
        done = backup(hub, tmp_path / "backups")
        assert done.returncode == 0, done.stderr
        hub.stop()
    finally:
        server.end()
    new = make_hub(start=False)
    assert restore(new, tmp_path / "backups").returncode == 0
    new.start()
    assert new.session().get(f"{new.api}/media/{media['id']}/content",
                             timeout=PATIENCE_S).content == tiny_png(0)


def test_what_cannot_be_restored(hub, make_hub, tmp_path):
    assert backup(hub, tmp_path / "backups").returncode == 0
    result = restore(hub, tmp_path / "backups")
    assert result.returncode == 1 and "already" in result.stderr
    new = make_hub(start=False)
    (tmp_path / "nothing").mkdir()
    result = restore(new, tmp_path / "nothing")
    assert result.returncode == 1 and "no finished back-up" in result.stderr
    assert not new.data.exists()
    result = restore(new, tmp_path / "backups", "--redis", "redis://localhost")
    assert result.returncode == 1 and "--redis" in result.stderr
    # One that was not finished is none.
    newest(tmp_path / "backups").rename(tmp_path / "backups/.2026-01-01T00-00-00Z")
    assert restore(new, tmp_path / "backups").returncode == 1


def test_no_hub_starts_on_half_of_one(hub, make_hub, tmp_path):
    upload(hub, hub.session())
    assert backup(hub, tmp_path / "backups").returncode == 0
    blobs = newest(tmp_path / "backups") / "store/blobs"
    [blob] = [path for path in blobs.rglob("*") if path.is_file()]
    blob.unlink()
    blob.mkdir()                                         # one that can be opened and not be read
    new = make_hub(start=False)
    result = restore(new, tmp_path / "backups")
    assert result.returncode == 1 and "remove" in result.stderr, result.stderr
    started = subprocess.run([BUILD / "bin/mediahub", "run", "--data", new.data, "--listen",
                              f"127.0.0.1:{new.port}"], cwd=new.folder, env=new.env, text=True,
                             capture_output=True, timeout=PATIENCE_S, check=False)
    assert started.returncode == 1 and started.stdout == ""
    assert str(new.data / "store") in started.stderr, started.stderr


def test_a_failed_one_leaves_nothing(hub, tmp_path):
    upload(hub, hub.session())
    [blob] = [path for path in (hub.data / "store/blobs").rglob("*") if path.is_file()]
    blob.rename(tmp_path / "kept")
    blob.mkdir()                                         # a blob that can be opened and not be read
    done = backup(hub, tmp_path / "backups")
    assert done.returncode == 1 and "back-up has failed" in done.stderr
    assert list((tmp_path / "backups").iterdir()) == []


def test_flipped_content_is_told(hub, tmp_path):
    upload(hub, hub.session())
    [blob] = [path for path in (hub.data / "store/blobs").rglob("*") if path.is_file()]
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.write_bytes(content)
    done = backup(hub, tmp_path / "backups")
    assert done.returncode == 1 and f"flipped blob {blob.name}" in done.stderr
    assert mediahub(hub, "backup").returncode == 1                        # no folder is named
