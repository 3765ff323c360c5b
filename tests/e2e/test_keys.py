"""Signing keys at rest and in rotation: Redis alone forges nothing, the key file is looked after, and
gateways take up new keys without a restart."""
import base64
import json
import os
import stat
import subprocess

import pytest
import requests
import state_keys
from harness import BUILD, PATIENCE_S, wait_for
from load import tiny_png
from socket_client import SocketClient
from test_identity import mediahub, refusal


def kid(token):
    header = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]


def status(hub, token):
    return requests.get(hub.api + "/users/me", timeout=PATIENCE_S,
                        headers={"Authorization": f"Bearer {token}"}).status_code


def test_nothing_at_rest_is_open_or_others(hub):
    session = hub.session()
    session.post(hub.api + "/media/upload", timeout=PATIENCE_S,
                 files={"file": ("tiny.png", tiny_png(0))})
    secret = session.post(hub.api + "/webhooks", timeout=PATIENCE_S, json={
        "url": "http://127.0.0.1:9999/hook", "events": ["*"]}).json()["data"]["secret"]
    assert state_keys.keyring(hub).startswith("sealed:1:")
    log = b"".join(file.read_bytes() for file in hub.data.glob("redis/*/appendonlydir/*"))
    assert b"whk_" in log and secret.encode() not in log
    for folder, _, files in os.walk(hub.data):
        for name in [folder, *(os.path.join(folder, file) for file in files)]:
            mode = os.lstat(name).st_mode
            assert stat.S_IMODE(mode) & 0o077 == 0, (name, oct(mode))


def test_a_plain_keyring_of_an_older_version_is_sealed(hub):
    plain = f"token 0123456789abcdef {'5a' * 32}\nlink {'a5' * 32}\n"
    state_keys.put_keyring(hub, plain)
    wait_for(lambda: state_keys.keyring(hub).startswith("sealed:1:"), "the sealing")
    wait_for(lambda: kid(hub.login()) == "0123456789abcdef", "the old key in use")


@pytest.mark.parametrize("gateways", [1, 2])
def test_a_rotation_is_not_noticed(make_hub, gateways):
    hub = make_hub("--gateways", str(gateways))
    token = hub.login()
    media = hub.session(token).post(hub.api + "/media/upload", timeout=PATIENCE_S,
                                    files={"file": ("tiny.png", tiny_png(0))}).json()["data"]
    assert mediahub(hub, "key", "rotate").returncode == 0

    def rotated():
        new = hub.login()
        assert status(hub, new) == status(hub, token) == 200
        return kid(new) != kid(token)

    wait_for(rotated, "the new key in use")
    assert requests.get(hub.url + media["url"], timeout=PATIENCE_S).status_code == 200
    assert status(hub, token) == 200


def test_rotated_now_the_old_end(hub):
    token = hub.login()
    client = SocketClient(hub, token)
    media = hub.session(token).post(hub.api + "/media/upload", timeout=PATIENCE_S,
                                    files={"file": ("tiny.png", tiny_png(0))}).json()["data"]
    assert mediahub(hub, "key", "rotate", "--now").returncode == 0
    wait_for(lambda: status(hub, token) == 401, "the end of the old token")
    assert requests.get(hub.url + media["url"], timeout=PATIENCE_S).status_code in (401, 403)
    assert client.wait("closed")["code"] == 4001
    new = hub.login()
    assert kid(new) != kid(token) and status(hub, new) == 200


def test_rotated_while_stopped(hub):
    token = hub.login()
    hub.stop()
    assert mediahub(hub, "key", "rotate").returncode == 0
    hub.start()
    assert status(hub, token) == 200


def test_the_key_file_is_looked_after(hub):
    token, key = hub.login(), hub.data / "hub.key"
    hub.stop()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.chmod(0o640)
    assert f"chmod 600 '{key}'" in refusal(hub)
    key.chmod(0o600)
    key.rename(hub.folder / "kept.key")
    assert "missing" in (line := refusal(hub)) and "--key-file" in line
    assert not key.exists()
    hub.options = ["--key-file", str(hub.folder / "kept.key")]
    hub.start()
    assert status(hub, token) == 200
    hub.stop()
    hub.options = []
    assert mediahub(hub, "key", "rotate").returncode == 1
    assert mediahub(hub, "key", "rotate", "--now").returncode == 0
    hub.start()
    assert status(hub, token) == 401
    assert status(hub, hub.login()) == 200


def test_a_key_file_of_another_hub(hub, make_hub):
    other = make_hub()
    other.stop()
    hub.stop()
    hub.options = ["--key-file", str(other.data / "hub.key")]
    assert "another key" in refusal(hub)


def test_secrets_on_the_command_line_are_warned_of(make_hub):
    hub = make_hub(start=False)
    result = subprocess.run(
        [BUILD / "bin/mediahub", "config", "check", "--data", hub.data, "--redis",
         "redis://:hunter2@localhost", "--backup-health-check-key", "hunter2"],
        cwd=hub.folder, env=hub.env, text=True, capture_output=True, timeout=PATIENCE_S, check=False)
    warnings = [line for line in result.stderr.splitlines() if "command line" in line]
    assert len(warnings) == 2 and "hunter2" not in result.stderr, result.stderr
