"""./hub install: packages come without their services. The package manager is a stand-in that does
to a root folder of its own what Debian's does; everything else is the script as it is."""
import os
import signal
import subprocess

import pytest
from harness import PATIENCE_S, ROOT, wait_for

REDIS = "etc/systemd/system/multi-user.target.wants/redis-server.service"
RC_LINK = "etc/rc2.d/S01redis-server"
POLICY = "usr/sbin/policy-rc.d"
STAND_INS = {
    "dpkg-query": 'case "$*" in *redis-server*) exit 1 ;; esac; echo install ok installed',
    "apt-get": """
        echo "apt-get $*" >>"$LOG"
        [ "$1" = install ] || exit 0
        case ":$PATH:" in *:/usr/sbin:*) ;; *) echo "no sbin: $PATH" >&2; exit 100 ;; esac
        "$DPKG_ROOT/usr/sbin/policy-rc.d" redis-server start; echo "policy $?" >>"$LOG"
        mkdir -p "$DPKG_ROOT/etc/rc2.d" "$DPKG_ROOT/etc/systemd/system/multi-user.target.wants"
        ln -sf x "$DPKG_ROOT/%s"; ln -sf x "$DPKG_ROOT/%s"
        [ -z "$WAIT" ] || { touch "$WAIT"; while [ -e "$WAIT" ]; do :; done; }
        exit "$STATUS" """ % (REDIS, RC_LINK),
    "systemctl": 'echo "systemctl $*" >>"$LOG"',
    "update-rc.d": 'echo "update-rc.d $*" >>"$LOG"',
    "id": 'echo "$USER_ID"',
}


class Machine:
    def __init__(self, folder):
        self.root, self.log, self.bin = folder / "root", folder / "log", folder / "bin"
        self.wait = folder / "wait"
        self.bin.mkdir()
        (self.root / "usr/sbin").mkdir(parents=True)
        for name, text in STAND_INS.items():
            (self.bin / name).write_text("#!/bin/sh\n" + text + "\n")
            (self.bin / name).chmod(0o755)
        for name in ("sh", "cat", "grep", "find", "sort", "mv", "rm", "chmod", "dirname", "touch",
                     "mkdir", "ln", "env"):
            (self.bin / name).symlink_to(f"/usr/bin/{name}")

    def start(self, *arguments, status=0, user_id=0, wait=""):
        return subprocess.Popen(["/bin/sh", ROOT / "hub", *arguments], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                start_new_session=True,
                                env={"PATH": str(self.bin), "DPKG_ROOT": str(self.root),
                                     "LOG": str(self.log), "STATUS": str(status),
                                     "USER_ID": str(user_id), "WAIT": str(wait)})

    def install(self, **options):
        process = self.start("install", "run", **options)
        out, err = process.communicate(timeout=PATIENCE_S)
        return process.returncode, err

    def lines(self):
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_nothing_is_started_or_enabled(machine):
    status, err = machine.install()
    assert status == 0, err
    lines = machine.lines()
    assert lines[1].startswith("apt-get install") and lines[1].endswith(" redis-server")
    assert lines[2] == "policy 101"
    assert sorted(lines[3:]) == ["systemctl --quiet disable redis-server.service",
                                 "update-rc.d redis-server disable"]
    assert not (machine.root / POLICY).exists()


def test_what_was_on_stays_on(machine):
    for link in (REDIS, RC_LINK):
        (machine.root / link).parent.mkdir(parents=True)
        (machine.root / link).symlink_to("x")
    assert machine.install()[0] == 0
    assert machine.lines()[2:] == ["policy 101"]                 # not restarted either


def test_a_policy_of_the_machine_is_kept(machine):
    (machine.root / POLICY).write_text("#!/bin/sh\nexit 104\n")
    assert machine.install()[0] == 0
    assert machine.lines()[2] == "policy 101"
    assert (machine.root / POLICY).read_text() == "#!/bin/sh\nexit 104\n"
    assert [p.name for p in (machine.root / "usr/sbin").iterdir()] == ["policy-rc.d"]


def test_a_failed_installation_leaves_no_policy(machine):
    status, err = machine.install(status=100)
    assert status == 1 and "could not install: redis-server" in err
    assert not (machine.root / POLICY).exists()
    assert "systemctl --quiet disable redis-server.service" in machine.lines()


def test_an_interrupted_installation_leaves_no_policy(machine):
    (machine.root / POLICY).write_text("theirs")
    (machine.root / POLICY).chmod(0o755)
    process = machine.start("install", "run", wait=machine.wait)
    wait_for(machine.wait.exists, "the installation")
    # A shell that was started with SIGINT ignored, as in the background of another, keeps it so.
    os.killpg(process.pid, signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode != 0
    wait_for(lambda: (machine.root / POLICY).read_text() == "theirs", "the policy of before")


def test_without_root_the_line_to_paste_is_told(machine):
    status, err = machine.install(user_id=1000)
    assert status == 1 and machine.lines() == []
    assert f"su -c '\"{ROOT}/hub\" install run'" in err and "redis-server" in err


def test_nothing_missing(machine):
    (machine.bin / "dpkg-query").write_text("#!/bin/sh\necho install ok installed\n")
    assert machine.install() == (0, "") and machine.lines() == []
