"""Fixtures of the end-to-end tests. A test asks for `hub` (fresh, default options) or makes one with
`make_hub(options...)`. At the end every hub is stopped by SIGTERM and must exit with 0, leave no
process behind and have written no sanitizer report; a process that died unasked fails the test
(unless it called `hub.expect_deaths()`)."""
import shutil

import pytest
from backup_client import BackupFolder
from harness import SAMPLES, Hub, Receiver


def hub_maker(folder):
    """Yields what makes hubs in the folder; afterwards all of them must stop as they should."""
    hubs = []

    def make(*options, env=None, start=True):
        place = folder / f"hub{len(hubs)}"
        place.mkdir()
        hub = Hub(place, options, env)
        hubs.append(hub)
        return hub.start() if start else hub

    yield make
    problems = []
    for hub in hubs:
        try:
            hub.stop()
            hub.check_log()
        except AssertionError as problem:
            problems.append(problem)
        shutil.rmtree(hub.data, ignore_errors=True)
    if problems:
        raise problems[0]


@pytest.fixture
def make_hub(tmp_path):
    yield from hub_maker(tmp_path)


@pytest.fixture(scope="module")
def make_shared_hub(tmp_path_factory):
    """For the tests of one file that can do with one hub."""
    yield from hub_maker(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def hub(make_hub):
    return make_hub()


@pytest.fixture
def files(tmp_path):
    """Users and collections of the Backup Repository, as a hub with files.options() reads them."""
    return BackupFolder(tmp_path / "backup")


@pytest.fixture
def photo():
    return SAMPLES / "pic2/IMG_20200124_231153.jpg"       # 4000x3000, Orientation 3, GPS


@pytest.fixture
def clip():
    return SAMPLES / "movie1/VID_20191220_170832.mp4"     # 1080p H.264, GPS, 1.6 s


@pytest.fixture
def make_receiver():
    receivers = []

    def make(*args, **kwargs):
        receivers.append(Receiver(*args, **kwargs))
        return receivers[-1]

    yield make
    for receiver in receivers:
        receiver.close()
