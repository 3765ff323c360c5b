"""What is said at a start that cannot be one: a plain line that names the reason, once; and nothing
of the kind at one that can."""
import os
import re
import subprocess

import pytest
import requests
from harness import BUILD, PATIENCE_S, free_port, wait_for
from redis_server import RedisServer

PASSWORD = "never-to-be-shown"


def run(folder, program, *arguments):
    return subprocess.run([BUILD / "bin" / program, *arguments], cwd=folder, text=True,
                          capture_output=True, timeout=PATIENCE_S,
                          env={"PATH": os.environ["PATH"], "HOME": str(folder)})


def plain_lines(text):
    return [l for l in text.splitlines() if not l.startswith("{") and "makecontext" not in l]


def the_line(result, name):
    """The only one; nothing else complains, and the password is nowhere."""
    lines = plain_lines(result.stderr)
    assert result.returncode == 1 and len(lines) == 1, result
    assert lines[0].startswith(name + ": ")
    assert PASSWORD not in result.stderr and '"level":"warn"' not in result.stderr
    assert '"level":"error"' not in result.stderr and "child_started" not in result.stderr
    return lines[0]


@pytest.mark.parametrize("program,first", [("mediahub", ["run"]), ("mediahub-gateway", []),
                                           ("mediahub-webhooks", []), ("mediahub-catalogue", [])])
def test_a_redis_that_cannot_be_reached(tmp_path, program, first):
    port = free_port()
    result = run(tmp_path, program, *first, "--redis-wait", "3", "--listen",
                 f"127.0.0.1:{free_port()}", "--config", write_ini(
                     tmp_path, f"redis = redis://:{PASSWORD}@127.0.0.1:{port}\n"))
    line = the_line(result, {"mediahub-gateway": "gateway"}.get(program, program))
    assert f"redis://***@127.0.0.1:{port} cannot be used: Connection refused" in line


def write_ini(folder, text):
    path = folder / "hub.ini"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("login,reason", [("", "NOAUTH"), (f":{PASSWORD}@", "WRONGPASS"),
                                          (f"nobody:{PASSWORD}@", "WRONGPASS"), ("", None)])
def test_a_redis_that_refuses_the_login(tmp_path, login, reason):
    """The last one lets everybody in, but has no such database."""
    server, port = RedisServer(tmp_path / "redis").start(), free_port()
    try:
        server.command("CONFIG", "SET", "bind", "127.0.0.1")
        server.command("CONFIG", "SET", "port", str(port))
        if reason:
            server.command("CONFIG", "SET", "requirepass", "another")
        ini = write_ini(tmp_path, f"redis = redis://{login}127.0.0.1:{port}{'' if reason else '/99'}\n")
        line = the_line(run(tmp_path, "mediahub", "run", "--config", ini, "--redis-wait", "3",
                            "--listen", f"127.0.0.1:{free_port()}"), "mediahub")
        assert f"127.0.0.1:{port}" in line and (reason or "DB index is out of range") in line
    finally:
        server.end()


def test_a_damaged_file_of_redis(make_hub):
    hub = make_hub()
    session = hub.session()
    assert session.get(hub.api + "/users/me", timeout=PATIENCE_S).status_code == 200
    hub.stop()
    files = hub.data / "redis/state/appendonlydir"
    aof = next(files.glob("*.incr.aof"))
    written = aof.read_bytes()
    at = written.rindex(b"\r\n*") + 2                          # where the last command begins
    aof.write_bytes(written[:at] + b"garbage" + written[at + 7:])
    hub.expect_deaths()
    before = len(hub.log_text())
    hub.start(wait=False)
    assert hub.process.wait(PATIENCE_S) == 1
    hub._forget_process()
    lines = plain_lines(hub.log_text()[before:])
    assert len(lines) == 1 and "Bad file format reading the append only file" in lines[0], lines
    checked = run(hub.folder, "mediahub", "check", "--data", str(hub.data))
    assert checked.returncode == 2 and plain_lines(checked.stderr) == lines
    command = re.search(r"redis-check-aof --fix (\S+)$", lines[0])
    assert subprocess.run(command[0].split(), input="y\n", text=True, capture_output=True,
                          timeout=PATIENCE_S).returncode == 0
    hub.start()
    assert requests.get(hub.url + "/ready", timeout=PATIENCE_S).status_code == 200


def test_a_healthy_start_logs_no_warning(make_hub):
    hub = make_hub("--gateways", "2", "--workers", "2")
    for _ in range(2):
        hub.wait_worker()
        requests.get(hub.url + "/ready", timeout=PATIENCE_S)
        hub.stop()
        assert not re.search(r'"level":"(warn|error)"', hub.log_text()), hub.log_text()[-3000:]
        assert plain_lines(hub.log_text()) == []
        hub.start()
