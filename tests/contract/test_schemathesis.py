"""Schemathesis over both served documents: what they say is tried, as far as it can be generated,
and held against what the hub does. It comes from PyPI (requirements.txt) into an environment of its
own under build/, and is run in release only, where it takes a few minutes."""
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from backup_client import BackupClient
from harness import BUILD, ROOT, Hub

HERE = pathlib.Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
ENVIRONMENT = ROOT / "build/schemathesis"
INSTALL_S, RUN_S = 600, 900
EXAMPLES = "12"

pytestmark = pytest.mark.skipif(BUILD.name != "release", reason="once is enough: in release")


def install(folder):
    commands = ([sys.executable, "-m", "venv", folder],
                [folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check",
                 "--no-deps", "--requirement", REQUIREMENTS])
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
            pytest.fail("Schemathesis could not be installed from PyPI, so the documents were not "
                        f"tried: {lines[-1]}", pytrace=False)


@pytest.fixture(scope="module")
def schemathesis():
    """The program, in an environment that belongs to just these requirements; tests that run side by
    side wait for whoever installs it."""
    folder = ENVIRONMENT / hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    ENVIRONMENT.mkdir(parents=True, exist_ok=True)
    with open(ENVIRONMENT / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            for old in filter(pathlib.Path.is_dir, ENVIRONMENT.iterdir()):
                shutil.rmtree(old)
            install(folder)
            (folder / "complete").touch()
    return folder / "bin/schemathesis"


@pytest.fixture(scope="module")
def trial(tmp_path_factory, backup_folder):
    """A hub that ends up full of odd things."""
    hub = Hub(tmp_path_factory.mktemp("schemathesis"), backup_folder.options(),
              env={"MEDIAHUB_MEDIAVAULT_ALLOW_REGISTRATION": "on"}).start()
    yield hub
    hub.stop()
    hub.check_log()


# Those that end sessions apart, and last the one whose wrong logins close the door for a while.
ENDS = ("auth_logout", "users_sessions_end")


def each(option):
    return [word for name in ENDS for word in (option, name)]


RUNS = {
    "logout": ("/api/v1", Hub.login, each("--include-operation-id")),
    "backup_repository": ("/api/stable", lambda hub: BackupClient(hub).token, []),
    "mediavault": ("/api/v1", Hub.login, each("--exclude-operation-id")),
}


@pytest.mark.parametrize("name", RUNS)
def test_the_document_is_what_is_done(schemathesis, trial, tmp_path, name):
    base, login, options = RUNS[name]
    url = trial.url + base
    done = subprocess.run(
        [schemathesis, "--config-file", HERE / "schemathesis.toml", "run", url + "/openapi.json",
         "--url", url, "--header", "Authorization: Bearer " + login(trial), "--no-color",
         "--max-examples", EXAMPLES, "--seed", "1", *options],
        cwd=tmp_path, env={**os.environ, "SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_hooks.py")},
        capture_output=True, text=True, timeout=RUN_S)
    told = "\n".join(line[:300] for line in done.stdout.splitlines())     # targets are long
    assert done.returncode == 0, told[-12000:] + done.stderr[-2000:]
