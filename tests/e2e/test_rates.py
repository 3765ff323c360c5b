"""Rate limits as clients see them: exact however many ask at once of however many gateways, and told the
same in every form."""
import email.utils
import http.client
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from harness import PATIENCE_S, Hub
from people import add_user

LIMIT, CLIENTS, EACH = 300, 64, 10      # whichever way a minute's end divides 640, one part is over 300


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    hub = Hub(tmp_path_factory.mktemp("rates"), ["--gateways", "2"], env={
        f"MEDIAHUB_LIMITS_{name}": str(LIMIT) for name in ("ANONYMOUS", "USER", "API_KEY")}).start()
    yield hub
    hub.stop()
    hub.check_log()


def credentials(hub, policy):
    if policy == "anonymous":
        return {}
    _, session = add_user(hub, "u" + policy.replace("_", ""))
    if policy == "authenticated":
        return {"Authorization": session.headers["Authorization"]}
    key = session.post(hub.api + "/api-keys", json={"name": "x", "scopes": ["media:read"]}, timeout=PATIENCE_S)
    return {"X-API-Key": key.json()["data"]["key"]}


def told(answer, policy):
    """(window, status, left) of an answer whose headers agree with each other."""
    status, headers = answer
    reset, left = int(headers["X-RateLimit-Reset"]), int(headers["X-RateLimit-Remaining"])
    assert headers["X-RateLimit-Limit"] == str(LIMIT)
    assert headers["RateLimit-Policy"] == f'"{policy}";q={LIMIT};w=60'
    r, t = map(int, re.fullmatch(rf'"{policy}";r=(\d+);t=(\d+)', headers["RateLimit"]).groups())
    now = email.utils.parsedate_to_datetime(headers["Date"]).timestamp()
    assert r == left and reset % 60 == 0 and reset - now - t in (0, 1)
    if status == 429:
        assert left == 0 and 0 <= int(headers["Retry-After"]) - t <= 1
    return reset, status, left


@pytest.mark.parametrize("policy", ["anonymous", "authenticated", "api_key"])
def test_exactly_so_many_pass(hub, policy):
    headers, start = credentials(hub, policy), threading.Barrier(CLIENTS)

    def client(_):
        # An address of its own, which nothing else of this test comes from.
        connection = http.client.HTTPConnection("127.0.0.1", hub.port, PATIENCE_S,
                                                source_address=("127.0.0.2", 0))
        connection.connect()
        start.wait(PATIENCE_S)
        answers = []
        for _ in range(EACH):
            connection.request("GET", "/api/v1/media", headers=headers)
            answer = connection.getresponse()
            answer.read()
            answers.append((answer.status, dict(answer.getheaders())))
        connection.close()
        return answers
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = [told(answer, policy) for some in pool.map(client, range(CLIENTS)) for answer in some]
    assert len(answers) == CLIENTS * EACH
    passed = 401 if policy == "anonymous" else 200
    assert {status for _, status, _ in answers} == {passed, 429}
    for window in {window for window, _, _ in answers}:
        here = [(status, left) for its, status, left in answers if its == window]
        through = sorted(left for status, left in here if status == passed)
        # As many as may, and each was told another number.
        assert through == list(range(LIMIT - min(len(here), LIMIT), LIMIT))


def test_signed_links_count_for_their_viewer(hub, photo):
    _, session = add_user(hub, "linker")
    media = hub.upload(session, photo).json()["data"]
    answer = requests.get(hub.url + media["url"], timeout=PATIENCE_S)
    assert answer.status_code == 200 and answer.headers["RateLimit-Policy"] == '"link";q=1000000;w=60'


def test_what_is_not_counted_is_not_told(hub, make_hub):
    assert "RateLimit" not in requests.get(hub.url + "/health", timeout=PATIENCE_S).headers
    unlimited = make_hub(env={"MEDIAHUB_LIMITS_ANONYMOUS": "0"})
    answer = requests.get(unlimited.api + "/media", timeout=PATIENCE_S)
    assert answer.status_code == 401 and not [name for name in answer.headers if "ratelimit" in name.lower()]
