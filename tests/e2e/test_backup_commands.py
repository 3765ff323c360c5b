"""What one needs on the command line for the Backup Repository's files."""
import base64
import hashlib
import re
import subprocess

import pytest
from backup_client import BackupClient
from harness import BUILD, PATIENCE_S

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
    for given, arguments in [("", ()), ("\n", ()), ("x" * 8100, ()), ("good", ("secret",))]:
        result = run(command, given, *arguments)
        assert result.returncode == 1 and result.stdout == ""
        assert result.stderr.count("\n") == 1 and result.stderr.startswith("mediahub: ")
        assert not arguments or arguments[0] not in result.stderr
