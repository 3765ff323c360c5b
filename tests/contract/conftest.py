"""What the schemas promise, held against the running programs. `contract.call(operation, ...)` makes
a request and checks the answer against the document: status, headers, body."""
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "schemas"), str(pathlib.Path(__file__).parent)]

from backup_client import BackupClient, BackupFolder  # noqa: E402
from contract import Contract, document  # noqa: E402
from harness import Hub, Receiver  # noqa: E402


@pytest.fixture(scope="session")
def backup_folder(tmp_path_factory):
    return BackupFolder(tmp_path_factory.mktemp("backup") / "files")


@pytest.fixture(scope="session")
def hub(tmp_path_factory, backup_folder):
    """One hub for all: a contract does not depend on who called before."""
    hub = Hub(tmp_path_factory.mktemp("contract"), backup_folder.options(),
              env={"MEDIAHUB_MEDIAVAULT_ALLOW_REGISTRATION": "on"}).start()
    yield hub
    hub.stop()
    hub.check_log()


@pytest.fixture(scope="session")
def token(hub):
    return hub.login()


@pytest.fixture
def contract(hub, token):
    return Contract(hub, document("mediavault"), token)


@pytest.fixture
def hub_contract(hub):
    return Contract(hub, document("hub.yaml"), None)


@pytest.fixture
def backup(hub):
    """With a session of its own, which a check may end."""
    return Contract(hub, document("backup_repository"), BackupClient(hub).token)


@pytest.fixture(scope="session")
def unprivileged(hub):
    return BackupClient(hub, "unprivileged")


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()
