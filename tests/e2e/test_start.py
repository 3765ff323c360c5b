"""Starting: every way in which it can go wrong is one clear line and a non-zero exit."""
import os
import re
import signal
import socket
import subprocess

import pytest
import requests
from harness import BUILD, PATIENCE_S, free_port, wait_for


def run(tmp_path, *arguments, env=None):
    return subprocess.run([BUILD / "bin/mediahub", *arguments], cwd=tmp_path, text=True,
                          capture_output=True, timeout=PATIENCE_S,
                          env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **(env or {})})


def assert_one_clear_line(result, word):
    assert result.returncode not in (0, -6, -11), result
    lines = [line for line in result.stderr.splitlines() if not line.startswith("{")]
    assert len(lines) == 1 and word in lines[0], result.stderr
    assert "ready" not in result.stdout


def test_wrong_options(tmp_path):
    assert_one_clear_line(run(tmp_path, "run", "--no-such-option"), "no-such-option")
    assert_one_clear_line(run(tmp_path, "run", "--gateways", "many"), "gateways")
    assert_one_clear_line(run(tmp_path, "no-such-command"), "no-such-command")


def test_port_in_use(tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        result = run(tmp_path, "run", "--listen", f"127.0.0.1:{port}")
    assert_one_clear_line(result, str(port))


def test_ready_means_ready(make_hub):
    for _ in range(5):
        hub = make_hub()
        answer = requests.get(hub.url + "/ready", timeout=PATIENCE_S)
        assert answer.status_code == 200, answer.text
        hub.stop()


def knows(name):
    try:
        return bool(socket.getaddrinfo(name, None))
    except socket.gaierror:
        return False


# What debootstrap leaves has no /etc/hosts, hence no localhost.
@pytest.mark.parametrize("host", ["", "0.0.0.0", "[::]", "[::1]", pytest.param(
    "localhost", marks=pytest.mark.skipif(not knows("localhost"), reason="no such name here"))])
def test_every_address_that_is_told_opens_the_hub(make_hub, host):
    port = free_port()
    hub = make_hub("--listen", f"{host}:{port}", start=False)
    hub.start(wait=False)
    first = hub.process.stdout.readline()
    lines = [first, *hub.told()]
    urls = [re.fullmatch(rf"mediahub ready (http://\S+:{port})\n", l.decode())[1] for l in lines]
    assert len(set(urls)) == len(urls)
    wildcard = host in ("", "0.0.0.0", "[::]")
    assert urls[0] == f"http://{'127.0.0.1' if wildcard else host}:{port}"
    assert wildcard or len(urls) == 1
    for url in urls:
        assert requests.get(url + "/health", timeout=PATIENCE_S).status_code == 200, url


def test_port_that_gets_free(make_hub):
    """What a killed hub leaves behind may keep its port for a moment."""
    hub = make_hub(start=False)
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", hub.port))
        s.listen()
        hub.start(wait=False)
        wait_for(hub.data.exists, "the start")
    hub.wait_ready()


def test_unwritable_data_folder(tmp_path):
    (tmp_path / "file").write_text("")
    result = run(tmp_path, "run", "--listen", f"127.0.0.1:{free_port()}", "--data", "file/data")
    assert_one_clear_line(result, "file/data")


def test_missing_redis_server(tmp_path):
    (tmp_path / "bin").mkdir()
    result = run(tmp_path, "run", "--listen", f"127.0.0.1:{free_port()}",
                 env={"PATH": str(tmp_path / "bin")})
    assert_one_clear_line(result, "redis-server")


def test_second_hub_on_the_same_data(hub, tmp_path):
    result = run(tmp_path, "run", "--listen", f"127.0.0.1:{free_port()}", "--data", str(hub.data))
    assert_one_clear_line(result, str(hub.data))


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_all_in_order(hub, sig):
    hub.stop(sig)


def test_first_start_shows_the_admin_once(make_hub):
    hub = make_hub(start=False, env={"MEDIAHUB_ADMIN_PASSWORD": ""})
    hub.start()
    lines = [l for l in hub.log_text().splitlines() if "password" in l and not l.startswith("{")]
    assert len(lines) == 1
    password = lines[0].split(": ")[-1]
    hub.login("admin", password)
    hub.stop()
    hub.start()
    wait_for(lambda: hub.login("admin", password), "the same password")
    assert hub.log_text().count(password) == 1
