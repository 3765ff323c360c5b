"""What is for whoever runs the hub: its limits, an address of its own for the figures, a token."""
import subprocess

import requests
from backup_client import HEALTH_KEY
from harness import BUILD, PATIENCE_S, free_port
from raw_client import RawSocket

PROXIES = ["--trusted-proxies", "127.0.0.1"]


def get(url, source=None, **headers):
    if source:
        headers["X-Forwarded-For"] = source
    return requests.get(url, timeout=PATIENCE_S, headers=headers)


def statuses(answers):
    return [a.status_code for a in answers]


def test_limits(make_hub):
    hub = make_hub(*PROXIES, "--limits-ready", "5", "--limits-metrics", "6", "--limits-upgrades", "7",
                   "--backup-health-check-key", HEALTH_KEY)
    for n, path in ((5, "/ready"), (6, "/metrics")):
        # Twice as many fill a minute's window even when it ends in between.
        answers = [get(hub.url + path, "192.0.2.1") for _ in range(2 * n + 1)]
        assert set(statuses(answers)) == {200, 429}, path
        assert all(0 < int(a.headers["Retry-After"]) <= 60 for a in answers if a.status_code == 429)
        assert get(hub.url + path, "192.0.2.2").status_code == 200
    upgrades = [RawSocket(hub, X_Forwarded_For=f"2001:db8::{n}", X_Forwarded_Proto="https")
                for n in range(15)]
    assert {s.status for s in upgrades} == {101, 429}
    assert RawSocket(hub, X_Forwarded_For="2001:db8:0:1::1", X_Forwarded_Proto="https").status == 101


def test_wrong_codes_at_ready(make_hub):
    hub = make_hub(*PROXIES, "--limits-ready-code", "10", "--backup-health-check-key", HEALTH_KEY)

    def ask(code, source):
        return get(f"{hub.url}/ready?code={code}", source).status_code

    # Right ones are not counted.
    assert [ask(HEALTH_KEY, "192.0.2.1") for _ in range(25)] == [200] * 25
    guesses = [ask(f"guess {n}", f"2001:db8::{n}") for n in range(25)]
    assert set(guesses) == {403, 429} and 10 <= guesses.count(403) <= 20
    # Others are not touched, nor is the hub's own /ready.
    assert ask(HEALTH_KEY, "192.0.2.2") == 200
    assert get(hub.url + "/ready", "2001:db8::1").status_code == 200


def test_limits_hold_without_settings(make_hub):
    hub = make_hub(env={f"MEDIAHUB_LIMITS_{name}": value for name, value in (
        ("READY", "160"), ("READY_CODE", "10"), ("METRICS", "160"), ("UPGRADES", "600"))})
    with requests.Session() as s:
        for path, most in (("/ready?code=x", 22), ("/ready", 330), ("/metrics", 330)):
            assert 429 in (s.get(hub.url + path, timeout=PATIENCE_S).status_code
                           for _ in range(most)), path


def test_metrics_at_an_address_of_their_own(make_hub):
    port = free_port()
    hub = make_hub("--metrics-listen", f"127.0.0.1:{port}", "--gateways", "2")
    inside = f"http://127.0.0.1:{port}"
    answer = get(inside + "/metrics")
    assert answer.status_code == 200 and "mediahub_requests_total" in answer.text
    assert get(hub.url + "/metrics").status_code == 404
    for path in ("/", "/health", "/ready", "/api/v1/users/me", "/api/stable/auth/whoami", "/realtime"):
        assert get(inside + path).status_code == 404, path
    assert get(hub.url + "/health").status_code == 200
    assert requests.post(inside + "/metrics", timeout=PATIENCE_S).status_code in (404, 405)


def test_metrics_with_a_token(make_hub):
    hub = make_hub(env={"MEDIAHUB_METRICS_TOKEN": "only for us"})
    for headers in ({}, {"Authorization": "Bearer no"}, {"Authorization": "only for us"},
                    {"Authorization": "Bearer only for us too"}):
        answer = get(hub.url + "/metrics", **headers)
        assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer"
        assert "mediahub_" not in answer.text
    assert get(hub.url + "/metrics", Authorization="bearer only for us").status_code == 200
    assert "only for us" not in hub.log_text()


def test_no_port_twice(tmp_path):
    result = subprocess.run([BUILD / "bin/mediahub", "config", "check", "--listen", "127.0.0.1:18080",
                             "--metrics-listen", "0.0.0.0:18080", "--data", tmp_path / "d"],
                            capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert result.returncode == 1 and "metrics-listen" in result.stderr + result.stdout
