"""Redis stopped, hung, emptied, full, read-only, slow: what clients hear meanwhile is right, nothing
that was acknowledged is lost, and everything goes on without a restart."""
import os
import shutil
import signal
import time

import pytest
import requests
from harness import PATIENCE_S, wait_for
from load import UploadLoad, tiny_png
from redis_server import RedisServer
from socket_client import SocketClient
from state_keys import media_in
from stream_client import StreamClient

RED_WITHIN_S = 2.5      # 2 s, and a little for the looking
GREEN_WITHIN_S = 10
LONG_S = 30


class Setting:
    """A hub on two Redis servers of the test."""

    def __init__(self, make_hub, tmp_path):
        self.state = RedisServer(tmp_path / "state").start()
        self.volatile = RedisServer(tmp_path / "volatile", durable=False).start()
        self.hub = make_hub("--redis", self.state.url, "--redis-volatile", self.volatile.url)
        self.token = self.hub.login()
        self.session = self.hub.session(self.token)

    def ready(self):
        return requests.get(self.hub.url + "/ready", timeout=PATIENCE_S).status_code == 200

    def wait_red(self):
        wait_for(lambda: not self.ready(), "red /ready", RED_WITHIN_S)

    def wait_green(self):
        wait_for(self.ready, "green /ready", GREEN_WITHIN_S)

    def upload(self):
        return self.session.post(self.hub.api + "/media/upload", timeout=PATIENCE_S,
                                 files={"file": ("tiny.png", tiny_png(int(time.time() * 1000)))})


@pytest.fixture
def setting(make_hub, tmp_path):
    settings = []

    def make():
        settings.append(Setting(make_hub, tmp_path))
        return settings[-1]

    yield make()
    # The servers must be there until the hub has ended: make_hub's end comes after this one.
    settings[0].state.end()
    settings[0].volatile.end()


def check_outage(setting, begin, end, seconds=4, refuses=True):
    """An outage under load: red while it lasts, green after it, no false 2xx. One that `refuses`
    lasts until an upload was refused: those under way ask again for some seconds first."""
    with UploadLoad(setting.hub, setting.token) as load:
        wait_for(lambda: len(load.created) > 5, "uploads before")
        begin()
        setting.wait_red()
        until = time.monotonic() + seconds
        wait_for(lambda: time.monotonic() > until and (load.refused or not refuses)
                 and not setting.ready(), "the outage's time", seconds + PATIENCE_S)
        end()
        setting.wait_green()
        so_far = len(load.created)
        wait_for(lambda: len(load.created) > so_far + 5, "uploads after", GREEN_WITHIN_S)
    assert not load.wrong, load.wrong[:3]
    # Asking again for a lost answer takes up to 5 s, and so does noticing a server that hangs.
    assert all(took_s < 12 for _, took_s in load.refused), load.refused
    load.check_all_there(setting.session)
    return load


def test_hung_under_load(setting):
    check_outage(setting, setting.state.halt, setting.state.resume, LONG_S)


def test_crashed_under_load(setting):
    check_outage(setting, setting.state.crash, setting.state.start, LONG_S)


def test_out_of_memory(setting):
    first = setting.upload().json()["data"]
    check_outage(setting, lambda: setting.state.command("CONFIG", "SET", "maxmemory", "1"),
                 lambda: setting.state.command("CONFIG", "SET", "maxmemory", "0"))
    assert setting.session.get(f"{setting.hub.api}/media/{first['id']}").status_code == 200


def test_reads_go_on_without_memory(setting):
    media = setting.upload().json()["data"]
    setting.state.command("CONFIG", "SET", "maxmemory", "1")
    for _ in range(10):
        assert setting.session.get(f"{setting.hub.api}/media/{media['id']}").status_code == 200
    assert setting.upload().status_code == 507


def test_read_only(setting):
    # A replica of nobody: it keeps what it has, serves reads and refuses writes.
    check_outage(setting, lambda: setting.state.command("REPLICAOF", "127.0.0.1", "1"),
                 lambda: setting.state.command("REPLICAOF", "NO", "ONE"))


def test_slow(setting):
    with UploadLoad(setting.hub, setting.token) as load:
        with setting.state.slowed(0.1), setting.volatile.slowed(0.1):
            wait_for(lambda: len(load.created) > 10, "uploads", PATIENCE_S)
        setting.wait_green()
    assert not load.wrong and not load.refused, (load.wrong[:3], load.refused[:3])
    load.check_all_there(setting.session)


@pytest.mark.parametrize("flushed", [True, False])
def test_emptied_is_not_the_state(setting, tmp_path, flushed):
    """A server without our data is as good as away: nothing is written into one that comes so, one
    that is emptied is noticed within a second, and all goes on when the data are back."""
    before = setting.upload().json()["data"]["id"]
    with UploadLoad(setting.hub, setting.token) as load:
        wait_for(lambda: len(load.created) > 5, "uploads before")
        setting.state.halt()
        shutil.copytree(setting.state.folder / "appendonlydir", tmp_path / "kept")
        setting.state.resume()
        if flushed:
            setting.state.command("FLUSHALL")
        else:
            setting.state.forget_all()
            setting.state.start()
        wait_for(lambda: '"state_of_another_hub"' in setting.hub.log_text(), "the finding")
        setting.wait_red()
        wait_for(lambda: load.refused, "refused uploads")
        assert setting.session.get(setting.hub.api + "/media").status_code == 503
    assert flushed or media_in(setting.state) == []
    setting.state.forget_all()
    shutil.copytree(tmp_path / "kept", setting.state.folder / "appendonlydir")
    setting.state.start()
    setting.wait_green()
    assert setting.session.get(f"{setting.hub.api}/media/{before}").status_code == 200
    assert setting.upload().status_code == 201
    assert not setting.hub.log_text().count('"child_died"')


@pytest.mark.parametrize("how", ["crash", "halt"])
def test_volatile_alone(setting, how):
    getattr(setting.volatile, how)()
    began = time.monotonic()
    assert setting.session.get(setting.hub.api + "/media").status_code == 200
    assert time.monotonic() - began < 2
    with UploadLoad(setting.hub, setting.token) as load:
        wait_for(lambda: len(load.created) > 10, "uploads without limits")
    assert not load.wrong and not load.refused, (load.wrong[:3], load.refused[:3])
    # Without its memory the login guard lets nobody guess.
    login = requests.post(setting.hub.api + "/auth/login", timeout=PATIENCE_S,
                          json={"username": "admin", "password": "wrong"})
    assert login.status_code == 503 and int(login.headers["Retry-After"]) > 0
    # There is no place for tickets; a stream that needs none begins.
    for url in (setting.hub.url, setting.hub.api):
        ticket = setting.session.post(url + "/realtime/tickets", timeout=PATIENCE_S)
        assert ticket.status_code == 503 and int(ticket.headers["Retry-After"]) > 0
    assert StreamClient(setting.hub, query="channel=media_updates&ticket=tkt_x").status == 503
    stream = StreamClient(setting.hub, setting.token)
    stream.wait("subscribed")
    stream.close()
    if how == "crash":
        setting.volatile.start()
    else:
        setting.volatile.resume()
    wait_for(lambda: requests.post(
        setting.hub.api + "/auth/login", timeout=PATIENCE_S,
        json={"username": "admin", "password": "correct horse battery"}).status_code == 200,
        "logins", GREEN_WITHIN_S)
    load.check_all_there(setting.session)


def states(hub):
    """Living state servers of an embedded pair; their title names the socket once they serve."""
    found = []
    for pid in hub.pids("redis-server"):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if b"state" in f.read():
                    found.append(pid)
        except OSError:
            continue
    return found


def embedded_state(hub):
    return wait_for(lambda: states(hub), "a state server")[0]


class Embedded:
    ready, wait_red, wait_green = Setting.ready, Setting.wait_red, Setting.wait_green

    def __init__(self, hub):
        self.hub, self.token = hub, hub.login()
        self.session = hub.session(self.token)


def test_embedded_hung(hub):
    pid = embedded_state(hub)
    check_outage(Embedded(hub), lambda: os.kill(pid, signal.SIGSTOP),
                 lambda: os.kill(pid, signal.SIGCONT), seconds=7)


def test_embedded_killed(hub):
    hub.expect_deaths()
    setting = Embedded(hub)
    with UploadLoad(hub, setting.token) as load:
        for _ in range(3):
            so_far = len(load.created)
            wait_for(lambda: len(load.created) > so_far + 5, "uploads")
            pid = embedded_state(hub)
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: set(states(hub)) - {pid}, "a new server")
            setting.wait_green()
    assert not load.wrong, load.wrong[:3]
    load.check_all_there(setting.session)


def disk_left(path):
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize


def test_disk_running_full(make_hub, tmp_path):
    """507 before anything is written; reads go on; room again, and uploads do."""
    hub = make_hub(env={"MEDIAHUB_STORE_RESERVE": str(disk_left(tmp_path) - (4 << 30))})
    setting = Embedded(hub)
    ballast = tmp_path / "ballast"
    try:
        with UploadLoad(hub, setting.token) as load:
            wait_for(lambda: len(load.created) > 5, "uploads before")
            with open(ballast, "wb") as f:
                os.posix_fallocate(f.fileno(), 0, 8 << 30)
            setting.wait_red()
            wait_for(lambda: len(load.refused) > 5, "refusals")
            assert all(status == 507 for status, _ in load.refused)
            # When the workers have ended what they had, nothing is written any more.
            wait_for(lambda: not list((hub.data / "store/incoming").iterdir()), "quiet")
            assert setting.session.get(hub.api + "/media").status_code == 200
            one = next(iter(load.created))
            assert setting.session.get(f"{hub.api}/media/{one}/content").status_code == 200
            ballast.unlink()
            setting.wait_green()
            so_far = len(load.created)
            wait_for(lambda: len(load.created) > so_far + 5, "uploads after")
        assert not load.wrong, load.wrong[:3]
        load.check_all_there(setting.session)
    finally:
        ballast.unlink(missing_ok=True)
