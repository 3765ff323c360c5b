"""What one needs on the command line for the Backup Repository's files."""
import base64
import hashlib
import os
import pty
import re
import select
import signal
import subprocess
import termios

import pytest
from backup_client import BackupClient
from harness import BUILD, PATIENCE_S, wait_for

PHC = re.compile(rb"\$argon2id\$v=19\$m=65536,t=1,p=\d\$[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=")


def run(command, given, *arguments):
    return subprocess.run([BUILD / "bin/mediahub", command, *arguments], input=given, text=True,
                          capture_output=True, timeout=PATIENCE_S, check=False)


def test_a_password_for_a_file(make_hub, files):
    made = [run("backup-password", "correct horse\n") for _ in range(2)]
    for result in made:
        assert result.returncode == 0 and result.stderr == ""
        assert PHC.fullmatch(base64.b64decode(result.stdout))
    assert made[0].stdout != made[1].stdout             # the salt
    files.user("eve", password=made[0].stdout.strip())
    hub = make_hub(*files.options())
    eve = BackupClient(hub, "eve", "correct horse")
    told = run("backup-session", eve.token)
    assert told.stdout == hashlib.sha256(eve.token.encode()).hexdigest() + "\n" == eve.session_id + "\n"


@pytest.mark.parametrize("command", ["backup-password", "backup-session"])
def test_refusals(command):
    for given, arguments in [("", ()), ("\n", ()), ("x" * 8100, ()), ("good", ("secret",)),
                             ("pass\0word\n", ())]:
        result = run(command, given, *arguments)
        assert result.returncode == 1 and result.stdout == ""
        assert result.stderr.count("\n") == 1 and result.stderr.startswith("mediahub: ")
        assert not arguments or arguments[0] not in result.stderr


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nanother line\n"])
def test_one_line_is_the_secret_and_all_of_it(end):
    for token in ["a.b.c", "carriage\rreturn", "x" * 8000]:
        told = run("backup-session", token + end)
        assert told.stdout == hashlib.sha256(token.encode()).hexdigest() + "\n", told.stderr


@pytest.fixture
def terminal():
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def shows_what_is_typed(terminal):
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


@pytest.mark.parametrize("killed_by", [None, signal.SIGINT, signal.SIGTERM])
def test_a_terminal_does_not_show_it_and_gets_its_echo_back(terminal, killed_by):
    ours, theirs = terminal
    with subprocess.Popen([BUILD / "bin/mediahub", "backup-session"], stdin=theirs,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_for(lambda: not shows_what_is_typed(theirs), "the end of the echo")
        if killed_by:
            process.send_signal(killed_by)
        else:
            os.write(ours, b"a.b.c\n")
        out, err = process.communicate(timeout=PATIENCE_S)
    assert shows_what_is_typed(theirs)
    if killed_by:
        assert process.returncode == -killed_by and out == b""
    else:
        assert out.decode() == hashlib.sha256(b"a.b.c").hexdigest() + "\n"
        assert err == b"token: \n" and not select.select([ours], [], [], 0)[0]
