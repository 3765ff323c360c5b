"""Every way out of every command: a wrong word, option, argument or input is one plain line and a
status, and what the command held by then is freed (each is tried several times: a leak that only
stands in a register is seen by chance)."""
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import BUILD, PATIENCE_S, REPORTS, SANITIZED

TIMES = 6 if SANITIZED else 1
WAYS_OUT = [
    ("no-such-command",), ("run", "--bogus"), ("run", "word"), ("run", "--workers"),
    ("run", "--workers", "x"), ("run", "--config", "none"), ("run", "--data", "none/at/all"),
    ("config",), ("config", "word"), ("config", "check", "--workers", "x"),
    ("check", "--bogus"), ("check", "--data", "none"), ("check", "--redis", "redis://"),
    ("user",), ("user", "word"), ("user", "add"), ("user", "add", "--admin"),
    ("user", "add", "a b"), ("user", "add", "ada", "--bogus"),
    ("user", "add", "ada", "--email", "no"), ("user", "add", "ada", "--data", "none"),
    ("user", "password"), ("user", "password", "ada", "--data", "none"),
    ("key",), ("key", "word"), ("key", "rotate", "--data", "none"),
    ("store",), ("store", "claim", "--data", "none"),
    ("backup",), ("backup", "to", "--data", "none"), ("restore",), ("restore", "none"),
    ("restore", "none", "--redis", "unix:none"), ("backup-password", "word"),
    ("backup-session", "word"),
]


def run(folder, arguments, given):
    return subprocess.run([BUILD / "bin/mediahub", *arguments], cwd=folder, text=True, input=given,
                          capture_output=True, timeout=PATIENCE_S,
                          env={"PATH": os.environ["PATH"], "HOME": str(folder),
                               "ASAN_OPTIONS": "detect_stack_use_after_return=1:disable_coredump=1"})


def judge(folder, arguments, given):
    result = run(folder, arguments, given)
    assert not REPORTS.search(result.stderr), (arguments, result.stderr)
    assert result.returncode in (1, 2) and result.stdout == "", (arguments, result)
    lines = [l for l in result.stderr.splitlines() if not l.startswith("{")]
    assert lines and all(l.startswith("mediahub: ") for l in lines), (arguments, result.stderr)


@pytest.mark.parametrize("arguments", WAYS_OUT, ids=" ".join)
def test_a_way_out(tmp_path, arguments):
    with ThreadPoolExecutor(2) as pool:
        for judged in [pool.submit(judge, tmp_path, arguments, "correct horse battery\n")
                       for _ in range(TIMES)]:
            judged.result()
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("given", ["", "\n", "short\n", "x" * 9000, "pass\0word\n"])
def test_input_that_cannot_be(tmp_path, given):
    for command in (("backup-password",), ("backup-session",), ("user", "add", "ada")):
        if given == "short\n" and command[0] != "user":
            continue                                     # only an account's has to be long
        for _ in range(TIMES):
            judge(tmp_path, command, given)


def test_what_needs_no_hub(tmp_path):
    for arguments in (["help"], ["version"], ["config", "check"], ["user", "-h"]):
        for _ in range(TIMES):
            result = run(tmp_path, arguments, "")
            assert result.returncode == 0 and result.stdout and result.stderr == "", result
