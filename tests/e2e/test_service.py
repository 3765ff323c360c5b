"""mediahub service install: a unit that systemd takes, that takes everything away, and in which the
hub and the sandbox of its decoders live."""
import ctypes
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile

import pytest
from harness import BUILD, PATIENCE_S, SANITIZED, wait_for

PR_SET_NO_NEW_PRIVS, PR_SET_MDWE, EPERM, ACT_ERRNO = 38, 65, 1, 0x00050000
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")


def install(folder, *words, env=None):
    return subprocess.run([BUILD / "bin/mediahub", "service", "install", "--print", *words],
                          cwd=folder, text=True, capture_output=True, timeout=PATIENCE_S,
                          check=False, env={"PATH": os.environ["PATH"], **(env or {})})


@pytest.fixture
def unit(tmp_path):
    result = install(tmp_path, "--data", "data", "--store=blobs", "--workers", "2", "--user", "root")
    assert result.returncode == 0, result.stderr
    return result.stdout


def setting(unit, name):
    return re.search(rf"^{name}=(.*)$", unit, re.MULTILINE).group(1)


def test_paths_hold_wherever_it_starts(unit, tmp_path):
    assert setting(unit, "ExecStart") == (
        f'"{BUILD}/bin/mediahub" run "--store={tmp_path}/blobs" "--workers=2" "--data={tmp_path}/data"')
    assert setting(unit, "WorkingDirectory") == f"{tmp_path}/data"
    assert setting(unit, "ReadWritePaths") == f'"{tmp_path}/data" "{tmp_path}/blobs"'
    assert setting(unit, "User") == "root"


def test_odd_characters_are_quoted(tmp_path):
    unit = install(tmp_path, "--data", 'a "b" %h $x').stdout
    assert f'"--data={tmp_path}/a \\"b\\" %%h $$x"' in setting(unit, "ExecStart")
    assert setting(unit, "ReadWritePaths") == f'"{tmp_path}/a \\"b\\" %%h $x"'


def test_low_ports_and_secrets(tmp_path):
    unit = install(tmp_path, "--listen", "0.0.0.0:80").stdout
    assert setting(unit, "AmbientCapabilities") == "CAP_NET_BIND_SERVICE"
    result = install(tmp_path, "--redis", "redis://:hunter2@localhost")
    assert result.returncode == 1 and "--config" in result.stderr
    assert "hunter2" not in result.stdout + result.stderr
    assert install(tmp_path, "--no-such").returncode == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look with the eyes of others")
def test_a_program_that_its_user_cannot_reach(tmp_path):
    closed, open_to_all = tmp_path / "closed", pathlib.Path(tempfile.mkdtemp())
    program = shutil.copy(BUILD / "bin/mediahub", open_to_all)
    try:
        for mode, status in ((0o711, 0), (0o700, 1)):
            open_to_all.chmod(mode)
            result = subprocess.run([program, "service", "install", "--print", "--user", "nobody",
                                     "--data", closed], text=True, capture_output=True,
                                    timeout=PATIENCE_S, check=False)
            assert result.returncode == status, result.stderr
        assert f"nobody may not run {program}" in result.stderr
    finally:
        shutil.rmtree(open_to_all)


@needs_systemd
def test_systemd_takes_it_and_finds_little(unit, tmp_path):
    path = tmp_path / "mediahub.service"
    path.write_text(unit)
    result = subprocess.run(["systemd-analyze", "verify", path], text=True, capture_output=True,
                            timeout=PATIENCE_S, check=False)
    assert "mediahub.service" not in result.stderr, result.stderr
    result = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", path],
                            text=True, capture_output=True, timeout=PATIENCE_S, check=False)
    level = re.search(r"exposure level for \S+: ([\d.]+)", result.stdout)
    assert level and float(level.group(1)) <= 2.5, result.stdout


def allowed_calls(unit):
    names, todo = set(), setting(unit, "SystemCallFilter").split()
    while todo:
        word = todo.pop()
        if word[0] != "@":
            names.add(word)
            continue
        listed = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", word], text=True,
                                capture_output=True, timeout=PATIENCE_S, check=True).stdout
        todo += [line.strip() for line in listed.splitlines()[1:]
                 if line.strip() and line.strip()[0] != "#"]
    return names


def lock_in(names):
    """What systemd does with SystemCallFilter= and MemoryDenyWriteExecute=, before exec."""
    seccomp, libc = ctypes.CDLL("libseccomp.so.2"), ctypes.CDLL(None, use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    numbers = [seccomp.seccomp_syscall_resolve_name(name.encode()) for name in names]

    def enter():
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        libc.prctl(PR_SET_MDWE, 1, 0, 0, 0)              # EINVAL where the kernel has no such thing
        context = ctypes.c_void_p(seccomp.seccomp_init(ACT_ERRNO | EPERM))
        for number in numbers:
            if number >= 0:
                seccomp.seccomp_rule_add(context, ctypes.c_uint32(0x7fff0000), number, 0)
        if seccomp.seccomp_load(context) != 0:
            os._exit(99)
    return enter


@needs_systemd
@pytest.mark.skipif(SANITIZED, reason="sanitizers ask the kernel for more")
def test_a_hub_lives_in_it(unit, make_hub, photo, clip):
    """A photo and a video go all the way, sandbox and transcoder included; systemd is told."""
    hub = make_hub(start=False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(hub.folder / "notify"))
        told.settimeout(PATIENCE_S)
        hub.env["NOTIFY_SOCKET"] = str(hub.folder / "notify")
        hub.before_exec = lock_in(allowed_calls(unit))
        hub.start()
        assert told.recv(100) == b"READY=1"
    session = hub.session()
    media = hub.upload(session, photo).json()["data"]["id"]
    assert hub.wait_status(session, media, "ready", "failed")["status"] == "ready"
    media = hub.upload(session, clip).json()["data"]["id"]
    content = f"{hub.api}/media/{media}/content?variant=720p"
    wait_for(lambda: session.get(content, timeout=PATIENCE_S).status_code == 200, "the rendition")
    lines = hub.log_text().splitlines()
    assert not [line for line in lines if '"level":"error"' in line]
    sandboxes = [line for line in lines if '"landlock"' in line]
    assert sandboxes and not [line for line in sandboxes if '"level":"warn"' in line], sandboxes
