"""Accounts on the command line: REST's rules for names and passwords, and a lost password, on a hub
that runs as on one that is stopped."""
import subprocess

import pytest
import requests
from harness import BUILD, PATIENCE_S
from test_identity import refusal


def user(hub, *words, password):
    return subprocess.run([BUILD / "bin/mediahub", "user", *words, "--data", hub.data, *hub.options],
                          input=password + "\n", cwd=hub.folder, env=hub.env, text=True,
                          capture_output=True, timeout=PATIENCE_S, check=False)


def logs_in(hub, name, password):
    return requests.post(hub.api + "/auth/login", timeout=PATIENCE_S, json={
        "username": name, "password": password}).status_code == 200


@pytest.mark.parametrize("running", [True, False])
def test_a_lost_password(hub, running):
    token = hub.login()
    if not running:
        hub.stop()
    changed = user(hub, "password", "admin", password="another horse battery")
    assert changed.returncode == 0, changed.stderr
    if not running:
        hub.start()
    assert logs_in(hub, "admin", "another horse battery")
    assert not logs_in(hub, "admin", "correct horse battery")
    assert requests.get(hub.api + "/users/me", timeout=PATIENCE_S,
                        headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_what_rest_refuses_is_refused(hub):
    for words, password, part in [
            (("add", "ab"), "long enough", "at least 3"),
            (("add", "ada lovelace"), "long enough", "letters"),
            (("add", "x" * 65), "long enough", "at most 64"),
            (("add", "ada", "--email", "nonsense"), "long enough", "email"),
            (("add", "ada"), "éééé", "at least 8"),
            (("add", "ada"), "x" * 1025, "at most 1024"),
            (("password", "admin"), "short", "at least 8"),
            (("password", "nobody"), "long enough", "no user nobody"),
            (("forget", "admin"), "long enough", "usage")]:
        result = user(hub, *words, password=password)
        assert result.returncode == 1 and part in result.stderr, (words, result)
    assert user(hub, "add", "ada", "--email", "ada@example.org", password="8 letter").returncode == 0
    assert logs_in(hub, "ada@example.org", "8 letter")


def test_an_account_is_made_while_the_hub_is_stopped(hub):
    hub.stop()
    assert user(hub, "add", "ada", password="long enough").returncode == 0
    hub.start()
    assert logs_in(hub, "ada", "long enough")


def test_the_first_admin_obeys_the_rules(make_hub):
    hub = make_hub(start=False, env={"MEDIAHUB_ADMIN_PASSWORD": "ééééé"})
    assert "at least 8" in refusal(hub)
    hub.env["MEDIAHUB_ADMIN_PASSWORD"] = "correct horse battery"
    hub.start()
    assert logs_in(hub, "admin", "correct horse battery")


def test_a_first_password_on_old_data_is_not_looked_at(hub):
    hub.stop()
    hub.start()
    assert "not looked at" not in hub.log_text()
    hub.stop()
    hub.env["MEDIAHUB_ADMIN_PASSWORD"] = "another horse battery"
    hub.start()
    assert hub.log_text().count("MEDIAHUB_ADMIN_PASSWORD is not looked at") == 1
    assert logs_in(hub, "admin", "correct horse battery")
    assert not logs_in(hub, "admin", "another horse battery")
