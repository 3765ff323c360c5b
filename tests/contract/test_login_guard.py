"""Ten failures of one name from one address, then none of its passwords is looked at."""
import time

import requests
from harness import PATIENCE_S

WINDOW_S = 15 * 60


def test_login_guard(hub):
    def login(name, password):
        return requests.post(hub.api + "/auth/login", timeout=PATIENCE_S,
                             json={"username": name, "password": password})

    # All tries must fall into one window.
    while time.time() % WINDOW_S > WINDOW_S - 20:
        requests.get(hub.url + "/health", timeout=PATIENCE_S)
    guesses = [login("Nobody", f"guess {n}").status_code for n in range(12)]
    assert guesses == [401] * 10 + [429] * 2
    refused = login("nobody", "the right one at last")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= WINDOW_S
    assert refused.json()["error"]["code"] == "rate_limited"
    # Others are not held up, and good logins do not count.
    for _ in range(12):
        assert login("admin", "correct horse battery").status_code == 200
