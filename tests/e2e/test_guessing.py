"""Who may guess passwords, how often, from where; and that honest people notice little of it."""
import collections
import concurrent.futures
import time

import pytest
import requests
from backup_client import BackupClient
from harness import PATIENCE_S, Hub, wait_for

WINDOW_S, FAILURES, ACCOUNT_FAILURES, STRANGERS = 15 * 60, 10, 50, 4
PASSWORD = "correct horse battery"
PROXIES = ["--mediavault-trusted-proxies", "127.0.0.1"]


def login(hub, password=PASSWORD, name="admin", source=None):
    headers = {"X-Forwarded-For": source, "X-Forwarded-Proto": "https"} if source else {}
    return requests.post(hub.api + "/auth/login", timeout=PATIENCE_S, headers=headers,
                         json={"username": name, "password": password})


def statuses(answers):
    return dict(collections.Counter(a.status_code for a in answers))


def at_once(n, call):
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        return list(pool.map(call, range(n)))


def whole_window(length_s=WINDOW_S, left_s=25):
    """What is counted in one window must not fall into two."""
    wait_for(lambda: time.time() % length_s < length_s - left_s, "a new window", length_s)


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    hub = Hub(tmp_path_factory.mktemp("hub"), PROXIES).start()
    yield hub
    hub.stop()
    hub.check_log()


@pytest.fixture(autouse=True)
def in_one_window():
    whole_window()


def test_right_passwords_are_never_too_many(hub):
    source = "192.0.2.7"
    assert statuses(at_once(25, lambda n: login(hub, source=source))) == {200: 25}
    # Nine wrong ones before make no difference.
    for _ in range(FAILURES - 1):
        assert login(hub, "wrong", source=source).status_code == 401
    assert statuses(at_once(12, lambda n: login(hub, source=source))) == {200: 12}


def test_many_guesses_at_once_are_no_way_past_the_count(hub):
    answers = at_once(30, lambda n: login(hub, f"guess {n}", source="192.0.2.8"))
    assert statuses(answers) == {401: FAILURES, 429: 30 - FAILURES}
    refused = next(a for a in answers if a.status_code == 429)
    assert 0 < int(refused.headers["Retry-After"]) <= WINDOW_S
    # The right one is not looked at either; the same account from elsewhere is.
    assert login(hub, source="192.0.2.8").status_code == 429
    assert login(hub, source="192.0.2.9").status_code == 200


def test_all_of_a_64_are_one(hub):
    answers = [login(hub, f"guess {n}", "nobody", f"2001:db8:1:2:{n:x}::1") for n in range(12)]
    assert statuses(answers) == {401: FAILURES, 429: 2}
    assert login(hub, "guess", "nobody", "2001:db8:1:3::1").status_code == 401
    # An IPv4 address is the same however it is written.
    answers = [login(hub, "guess", "nobody", source) for _ in range(6)
               for source in ("192.0.2.10", "::ffff:192.0.2.10", "::ffff:c000:20a")]
    assert statuses(answers) == {401: FAILURES, 429: 8}


def test_guessing_from_many_places_is_slow_and_does_not_lock_the_owner_out(hub):
    name = "braked"
    made = hub.session().post(hub.api + "/auth/register", timeout=PATIENCE_S, json={
        "username": name, "email": name + "@example.org", "password": PASSWORD})
    assert made.status_code == 201, made.text
    assert login(hub, name=name, source="2001:db8:aa::1").status_code == 200
    whole_window(60, 25)
    answers = at_once(8, lambda place: [login(hub, f"guess {n}", name, f"2001:db8:b:{place:x}::{n:x}")
                                        for n in range(FAILURES)])
    looked_at = statuses(sum(answers, []))
    assert looked_at[401] + looked_at[429] == 80
    # Some more than the bound, as many as were on their way when it was reached, may pass.
    assert ACCOUNT_FAILURES <= looked_at[401] <= ACCOUNT_FAILURES + 2 * STRANGERS
    stranger = login(hub, name=name, source="2001:db8:c::1")
    assert stranger.status_code == 429 and 0 < int(stranger.headers["Retry-After"]) <= 60
    # From where the owner has been, and from next to it.
    for source in ("2001:db8:aa::1", "2001:db8:aa::2"):
        assert login(hub, name=name, source=source).status_code == 200
    # By the e-mail address it is the same account, and others are not touched.
    assert login(hub, name=name + "@example.org", source="2001:db8:c::2").status_code == 429
    assert login(hub, source="2001:db8:c::1").status_code == 200


def test_a_name_without_an_account_is_braked_alike(hub):
    whole_window(60, 25)
    answers = [login(hub, "guess", "no such name", f"2001:db8:d:{n:x}::1") for n in range(60)]
    got = statuses(answers)
    assert ACCOUNT_FAILURES <= got[401] <= ACCOUNT_FAILURES + 2 * STRANGERS and sum(got.values()) == 60


def figure(hub, name):
    lines = requests.get(hub.url + "/metrics", timeout=PATIENCE_S).text.splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + " "))


def test_a_flood_from_many_prefixes_does_not_starve_an_honest_login(hub):
    """200 sources guess at names of their own, as fast as they are answered."""
    stop = []

    def guess(n):
        answers = []
        while not stop:
            answers.append(login(hub, "wrong", f"name {n}", f"2001:db8:{n % 4:x}:{n:x}::1").status_code)
        return answers

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        flood = [pool.submit(guess, n) for n in range(200)]
        try:
            wait_for(lambda: figure(hub, "mediahub_password_waiting") > 100, "the flood")
            took = []
            for n in range(5):
                began = time.monotonic()
                assert login(hub, source=f"198.51.100.{n}").status_code == 200
                took.append(time.monotonic() - began)
        finally:
            stop.append(True)
        seen = set(sum((f.result() for f in flood), []))
    print("honest logins took", [round(t, 2) for t in took], "s")
    assert seen <= {401, 429, 503}
    assert max(took) < PATIENCE_S / 2


def test_backup_logins_are_one_account_with_their_keys(make_hub, files):
    hub = make_hub(*files.options())
    tries = [BackupClient.try_login(hub.url + "/api/stable", name, "wrong").status_code
             for name in ("some-user", "some-user$uploader") * 6]
    assert tries == [401] * FAILURES + [429] * 2
