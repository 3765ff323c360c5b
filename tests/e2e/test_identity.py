"""State and store belong together: a start that finds only one of them, or somebody else's, refuses
with one line that says what was found and what to do; a running hub goes red and takes nothing."""
import os
import shutil
import subprocess

import harness
import pytest
import requests
import state_keys
from harness import BUILD, PATIENCE_S, wait_for
from load import tiny_png


def refusal(hub):
    """The one line with which the start is refused."""
    result = subprocess.run(
        [BUILD / "bin/mediahub", "run", "--listen", f"127.0.0.1:{hub.port}", "--data", hub.data,
         *hub.options], cwd=hub.folder, env=hub.env, text=True, capture_output=True,
        timeout=PATIENCE_S, check=False)
    assert result.returncode == 1 and result.stdout == "", result
    lines = [line for line in result.stderr.splitlines()
             if not line.startswith("{") and "makecontext" not in line]
    assert len(lines) == 1, result.stderr
    return lines[0]


def upload(hub, session, number=0):
    return session.post(hub.api + "/media/upload", timeout=PATIENCE_S,
                        files={"file": ("tiny.png", tiny_png(number))})


def mediahub(hub, *words):
    return subprocess.run([BUILD / "bin/mediahub", *words, "--data", hub.data, *hub.options],
                          cwd=hub.folder, env=hub.env, text=True, capture_output=True,
                          timeout=PATIENCE_S, check=False)


@pytest.fixture
def filled(hub):
    """A hub that was used and is stopped; what its media shall be found by."""
    hub.media = upload(hub, hub.session()).json()["data"]["id"]
    hub.wait_status(hub.session(), hub.media, "ready")
    hub.stop()
    return hub


def serves_all(hub):
    hub.start()
    session = hub.session()
    answer = session.get(f"{hub.api}/media/{hub.media}/content", timeout=PATIENCE_S)
    assert answer.status_code == 200 and answer.content == tiny_png(0)
    hub.stop()


def test_the_state_is_lost(filled, tmp_path):
    hub = filled
    for lost in ("redis", "redis/state"):
        shutil.move(hub.data / lost, tmp_path / "kept")
        for _ in range(2):
            line = refusal(hub)
            assert "state server is empty" in line and str(hub.data / "store") in line
        shutil.rmtree(hub.data / lost)
        shutil.move(tmp_path / "kept", hub.data / lost)
    serves_all(hub)


def test_commands_find_the_state_lost(filled, tmp_path):
    """An account or a key in the empty state would be a new hub beside the old one's content."""
    hub = filled
    shutil.move(hub.data / "redis", tmp_path / "kept")
    for words in (["user", "add", "eve", "--admin"], ["user", "password", "admin"], ["user", "list"],
                  ["key", "rotate"], ["check"]):
        result = subprocess.run([BUILD / "bin/mediahub", *words, "--data", hub.data],
                                cwd=hub.folder, env=hub.env, text=True, capture_output=True,
                                input="correct horse battery\n", timeout=PATIENCE_S, check=False)
        assert result.returncode != 0 and result.stdout == "", words
        assert "state server is empty" in result.stderr, (words, result.stderr)
    assert "state server is empty" in refusal(hub)
    shutil.rmtree(hub.data / "redis")
    shutil.move(tmp_path / "kept", hub.data / "redis")
    serves_all(hub)


def test_the_store_is_not_mounted(filled, tmp_path):
    hub = filled
    store = hub.data / "store"
    shutil.move(store, tmp_path / "kept")
    assert "missing" in (line := refusal(hub)) and str(store) in line
    assert not store.exists()
    store.mkdir(mode=0o700)
    assert "empty" in (line := refusal(hub)) and "mount" in line
    assert not any(store.iterdir())
    store.rmdir()
    shutil.move(tmp_path / "kept", store)
    serves_all(hub)


def test_a_store_that_is_lost_for_good(filled):
    hub = filled
    shutil.rmtree(hub.data / "store")
    assert "mediahub store claim" in refusal(hub)
    claimed = mediahub(hub, "store", "claim")
    assert claimed.returncode == 0, claimed.stderr
    hub.start()
    assert upload(hub, hub.session(), 1).status_code == 201


def test_a_store_without_its_mark(filled):
    hub = filled
    (hub.data / "store/hub").rename(hub.folder / "mark")
    assert "claim" in refusal(hub)
    (hub.folder / "mark").rename(hub.data / "store/hub")
    serves_all(hub)


def test_a_store_of_another_hub(filled, make_hub):
    other = make_hub()
    other.stop()
    filled.options = ["--store", str(other.data / "store")]
    line = refusal(filled)
    assert "another hub" in line and str(other.data / "store") in line
    filled.options = []
    serves_all(filled)


def test_another_number_of_partitions(filled):
    hub = filled
    hub.start()
    state_keys.claim_partitions(hub, 3)
    hub.stop()
    assert "partitions" in refusal(hub)
    mark = hub.data / "store/hub"
    text = mark.read_text()
    assert text.endswith(" 1\n")
    mark.write_text(text[:-2] + "3\n")
    assert "partitions" in refusal(hub)


def test_partitions_cannot_be_changed_by_the_setting(filled):
    filled.options = ["--partitions", "3"]
    assert "made with 1 partitions" in refusal(filled)
    filled.options = ["--partitions", "1"]
    serves_all(filled)


def test_a_store_of_a_newer_version(filled):
    mark = filled.data / "store/hub"
    mark.write_text(mark.read_text().replace("store 1", "store 2"))
    assert "newer version" in refusal(filled)


def forget_ids(hub):
    """As if it had been made before there were ids."""
    hub.start()
    state_keys.forget_identity(hub)
    hub.stop()
    (hub.data / "store/hub").unlink()
    (hub.data / "mediahub").unlink()


def test_an_old_hub_is_adopted(filled):
    forget_ids(filled)
    serves_all(filled)
    assert (filled.data / "store/hub").exists() and (filled.data / "mediahub").exists()
    serves_all(filled)


def test_an_old_hub_without_content_is_adopted(hub):
    hub.stop()
    forget_ids(hub)
    shutil.rmtree(hub.data / "store")
    hub.start()
    assert upload(hub, hub.session()).status_code == 201


def test_an_old_hub_whose_store_is_not_its_own(filled, make_hub):
    forget_ids(filled)
    other = make_hub()
    assert upload(other, other.session(), 7).status_code == 201
    other.stop()
    (other.data / "store/hub").unlink()
    filled.options = ["--store", str(other.data / "store")]
    assert "nothing shows" in refusal(filled)
    assert not (other.data / "store/hub").exists()
    shutil.rmtree(filled.data / "store")
    filled.options = []
    assert "nothing shows" in refusal(filled)


# A running hub

def ready(hub):
    return requests.get(hub.url + "/ready", timeout=PATIENCE_S).status_code == 200


def test_the_store_leaves_and_comes_back(make_hub):
    hub = make_hub("--store", "blobs")
    store, session = hub.folder / "blobs", hub.session()
    assert upload(hub, session).status_code == 201
    store.rename(hub.folder / "away")
    store.mkdir(mode=0o700)
    wait_for(lambda: not ready(hub), "red /ready")
    assert upload(hub, session, 1).status_code == 503
    assert not any(store.iterdir())
    store.rmdir()
    (hub.folder / "away").rename(store)
    wait_for(lambda: ready(hub), "green /ready")
    assert upload(hub, session, 2).status_code == 201
    log = hub.log_text()
    assert log.count('"store_gone"') == 1 and log.count('"store_back"') == 1


@pytest.mark.parametrize("name", ["hub_OTHER 1", None])
def test_the_state_becomes_anothers(make_hub, name):
    hub = make_hub()
    session = hub.session()
    set_right = state_keys.call_it_another_hub(hub, name)
    wait_for(lambda: not ready(hub), "red /ready")
    assert upload(hub, session).status_code == 503
    assert session.get(hub.api + "/media", timeout=PATIENCE_S).status_code == 503
    set_right()
    wait_for(lambda: ready(hub), "green /ready")
    assert upload(hub, session).status_code == 201
    assert '"state_of_another_hub"' in hub.log_text()


# The data folder

def test_a_folder_of_somebody_elses_files(make_hub):
    hub = make_hub(start=False)
    hub.data.mkdir(mode=0o700)
    (hub.data / "letter.txt").write_text("mine")
    assert "not empty" in refusal(hub)
    assert [entry.name for entry in hub.data.iterdir()] == ["letter.txt"]
    # Nor is anybody told to close it, or to make it his own, as a data folder ought to be.
    hub.data.chmod(0o755)
    assert "not empty" in refusal(hub)
    if os.geteuid() == 0:
        os.chown(hub.data, 65534, 65534)
        assert "not empty" in refusal(hub)


def test_a_folder_that_is_empty_or_holds_what_belongs_there(make_hub):
    hub = make_hub(start=False)
    hub.data.mkdir(mode=0o700)
    for name in ("lost+found", "backup-repository"):
        (hub.data / name).mkdir(mode=0o700)
    hub.start()


def test_a_data_folder_of_a_newer_version(filled):
    mark = filled.data / "mediahub"
    mark.write_text(mark.read_text().replace("1", "2"))
    assert "newer version" in refusal(filled)


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701, 0o720])
def test_an_open_data_folder_is_refused(make_hub, mode):
    hub = make_hub(start=False)
    hub.data.mkdir()
    hub.data.chmod(mode)
    assert f"chmod 700 '{hub.data}'" in refusal(hub)
    assert not any(hub.data.iterdir())
    subprocess.run(["chmod", "700", str(hub.data)], check=True)
    hub.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_data_folder_of_another_user_is_refused(make_hub):
    hub = make_hub(start=False)
    hub.data.mkdir(mode=0o700)
    os.chown(hub.data, 65534, 65534)
    assert f"chown -R 0 '{hub.data}'" in refusal(hub) and "do this as nobody" in refusal(hub)


def test_a_worker_does_not_make_a_store(tmp_path):
    result = subprocess.run(
        [harness.BUILD / "bin/mediahub-worker", "--jobs", f"ipc://{tmp_path}/jobs", "--store",
         tmp_path / "store"], text=True, capture_output=True, timeout=PATIENCE_S, check=False)
    assert result.returncode == 1 and "mounted" in result.stderr
    assert not (tmp_path / "store").exists()
